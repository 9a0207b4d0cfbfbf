using System.Runtime.InteropServices;

namespace Postern.Protocols.Kubernetes.Wire;

/// <summary>
/// What a request asks of an API server, computed from method, path and query as the API server's own request info is
/// (staging/src/k8s.io/apiserver/pkg/endpoints/request). Empty text stands for what the request does not have.
/// A path that could be read in two ways is refused instead: this reading and the server's never differ on what is forwarded.
/// </summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct RequestInfo
{
    /// <summary>False for everything that is not below <c>/api/VERSION/</c> or <c>/apis/GROUP/VERSION/</c>.</summary>
    public required bool IsResource { get; init; }

    /// <summary>The API's verb; for what is no resource the method in lower case.</summary>
    public required string Verb { get; init; }

    /// <summary>The path, decoded, without a query.</summary>
    public required string Path { get; init; }

    /// <summary>Empty for the core group.</summary>
    public string Group { get; init; } = "";

    public string Version { get; init; } = "";

    public string Resource { get; init; } = "";

    public string Subresource { get; init; } = "";

    public string Namespace { get; init; } = "";

    public string Name { get; init; } = "";

    /// <summary>What follows the subresource, without a leading slash; only a proxy has it.</summary>
    public string Rest { get; init; } = "";

    /// <summary>True for the old form <c>/api/v1/watch/…</c>, in which the verb stands in the path.</summary>
    public bool IsLegacyWatch { get; init; }

    public RequestInfo()
    {
    }

    /// <summary>
    /// Reads a request. False with a fault, for the caller's eyes, when it cannot be read in exactly one way.
    /// </summary>
    /// <param name="method">As sent; upper case.</param>
    /// <param name="target">The path as sent, percent-encoded where it was, beginning with <c>/</c>; no query.</param>
    /// <param name="query">The query, read.</param>
    public static bool TryRead(string method, ReadOnlySpan<char> target, QueryText query, out RequestInfo info, out string? fault)
    {
        info = default;
        if (!TryMethod(method, out var verb, out fault) || !PathText.TryRead(target, out var path, out fault)) return false;
        // The API server drops slashes at both ends; we refuse a last one, so only the first is dropped here.
        Span<Range> parts = stackalloc Range[PathText.MaxSegments + 1];
        var text = path.AsSpan(1);
        var count = text.IsEmpty ? 0 : text.Split(parts, '/');
        info = new RequestInfo { IsResource = false, Verb = Word.Lower(method), Path = path };
        if (count < 3) return true;
        var at = 0;
        var isCore = text[parts[0]] is "api";
        if (!isCore && text[parts[0]] is not "apis") return true;
        at++;
        var group = "";
        if (!isCore)
        {
            if (count < 4) return true;
            group = Word.Of(text[parts[at++]]);
        }
        var version = Word.Of(text[parts[at++]]);

        var isLegacyWatch = false;
        if (text[parts[at]] is "proxy" or "watch")
        {
            if (text[parts[at]] is "proxy" || count - at < 2)
            {
                fault = "the old forms `/proxy/…` and `/watch` without a resource are not served; use `…/proxy`, or `watch=true`";
                return false;
            }
            if (method is not "GET")
            {
                // The API server would call it a watch whatever the method is.
                fault = $"a path below `/watch/` is read with GET, found {method}";
                return false;
            }
            isLegacyWatch = true;
            verb = "watch";
            at++;
        }

        var space = "";
        if (text[parts[at]] is "namespaces" && count - at > 1)
        {
            space = Word.Of(text[parts[at + 1]]);
            // `status` and `finalize` are the two subresources of a namespace; anything else is a resource inside it.
            if (count - at > 2 && text[parts[at + 2]] is not ("status" or "finalize")) at += 2;
        }
        var resource = Word.Of(text[parts[at]]);
        var name = count - at > 1 ? Word.Of(text[parts[at + 1]]) : "";
        var subresource = count - at > 2 ? Word.Of(text[parts[at + 2]]) : "";
        var rest = "";
        if (count - at > 3)
        {
            if (subresource is not "proxy")
            {
                fault = $"nothing is served below `{subresource}`; found more path there";
                return false;
            }
            rest = text[parts[at + 3].Start..].ToString();
        }
        if (name.Length == 0)
        {
            if (verb is "get") verb = Listing(query, ref name);
            else if (verb is "delete") verb = "deletecollection";
        }
        info = new RequestInfo
        {
            IsResource = true,
            Verb = verb,
            Path = path,
            Group = group,
            Version = version,
            Resource = resource,
            Subresource = subresource,
            Namespace = space,
            Name = name,
            Rest = rest,
            IsLegacyWatch = isLegacyWatch,
        };
        return true;
    }

    private static bool TryMethod(string method, out string verb, out string? fault)
    {
        fault = null;
        verb = method switch
        {
            "GET" or "HEAD" => "get",
            "POST" => "create",
            "PUT" => "update",
            "PATCH" => "patch",
            "DELETE" => "delete",
            _ => "",
        };
        if (verb.Length > 0) return true;
        fault = "the method is not one of GET, HEAD, POST, PUT, PATCH, DELETE";
        return false;
    }

    // Without a name a get is a list, or a watch; a field selector on the name names it.
    private static string Listing(QueryText query, ref string name)
    {
        var isWatch = query.Find("watch") is { } watch && !Is(watch, "false") && !Is(watch, "0");
        // An option that the server cannot read makes it forget the others; the request then fails there.
        if (IsNumber(query.Find("limit")) && IsNumber(query.Find("timeoutSeconds"))
            && query.Find("fieldSelector") is { } selector && FieldSelector.NameIn(selector) is { } found) name = found;
        return isWatch ? "watch" : "list";
    }

    private static bool Is(string value, string word) => value.Equals(word, StringComparison.OrdinalIgnoreCase);

    private static bool IsNumber(string? text) =>
        text is null || long.TryParse(text, System.Globalization.NumberStyles.AllowLeadingSign, System.Globalization.CultureInfo.InvariantCulture, out _);
}
