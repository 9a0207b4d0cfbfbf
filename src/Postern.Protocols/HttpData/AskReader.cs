using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;
using Postern.Core.Json;
using Postern.Core.Pipeline;
using Postern.Protocols.HttpData.Wire;

namespace Postern.Protocols.HttpData;

/// <summary>Why no operation could be made of a request.</summary>
internal sealed record AskFault(int Status, string Code, string Reason)
{
    public static AskFault Invalid(string reason) => new(400, RefusalCode.InvalidRequest, reason);

    public static AskFault TooLarge(long most) => new(413, RefusalCode.RequestTooLarge, $"the body is larger than {most} bytes");
}

/// <summary>Reads a request: strictly, once, and whole where its body says what it asks for.</summary>
internal static class AskReader
{
    /// <summary>Largest body that is read whole.</summary>
    public const int MaxBody = 4 * 1024 * 1024;

    /// <summary>Reads head and body.</summary>
    /// <param name="http">The request.</param>
    /// <param name="rawTarget">Path and query for the target, as they stood in the request line.</param>
    public static async ValueTask<(HttpAsk? Ask, AskFault? Fault)> ReadAsync(HttpContext http, string rawTarget)
    {
        if (CanonicalTarget.Read(rawTarget, out var fault) is not { } target) return (null, AskFault.Invalid(fault!));
        // A target that takes the method from there would do something else than was judged (attack H09).
        foreach (var pair in target.Query)
        {
            if (string.Equals(pair.Name, "_method", StringComparison.OrdinalIgnoreCase)) return (null, AskFault.Invalid("`_method` names another method than the request has"));
        }
        var upgrade = UpgradeOf(http, out var isOdd);
        if (isOdd) return (null, AskFault.Invalid("the connection cannot be switched to what was asked for"));
        if (upgrade is not null && WebSocketRelay.Complaint(http) is { } handshake) return (null, AskFault.Invalid(handshake));
        if (Headers(http, out var headers, out var passing) is { } header) return (null, AskFault.Invalid(header));
        // Over HTTP/2 the stream that is switched stays open, and looks like a body.
        var (kind, length, complaint) = IsExtendedConnect(http) ? (AskBody.None, null, null) : KindOf(http);
        if (complaint is not null) return (null, AskFault.Invalid(complaint));
        if (upgrade is not null && kind != AskBody.None) return (null, AskFault.Invalid("a request that switches protocols has no body"));
        var ask = new HttpAsk { Method = upgrade is null ? http.Request.Method : "GET", Target = target, Headers = headers, Passing = passing, Body = kind, Length = length, Upgrade = upgrade };
        return kind is AskBody.Json or AskBody.Form ? await WithContentAsync(http, ask, kind).ConfigureAwait(false) : (ask, null);
    }

    /// <summary>The same request with its body read whole; what people are asked about must be there to be seen.</summary>
    public static async ValueTask<(HttpAsk? Ask, AskFault? Fault)> WithContentAsync(HttpContext http, HttpAsk ask, AskBody kind)
    {
        if (await WholeBody.ReadAsync(http, MaxBody).ConfigureAwait(false) is not { } content) return (null, AskFault.TooLarge(MaxBody));
        var trailers = RequestTrailers.Of(http, out var odd);
        if (odd is not null) return (null, AskFault.Invalid(odd));
        switch (kind)
        {
            case AskBody.Json:
                return StrictJson.Check(content.Span) is { } json ? (null, AskFault.Invalid("the body: " + json.Message)) : (Copy(ask, kind, content, trailers), null);
            case AskBody.Form:
                if (content.Span.ContainsAnyExceptInRange((byte)'!', (byte)'~')) return (null, AskFault.Invalid("the form holds characters that must be escaped"));
                if (!CanonicalTarget.TryPairs(System.Text.Encoding.ASCII.GetString(content.Span), out var pairs, out var fault)) return (null, AskFault.Invalid("the form: " + fault));
                foreach (var pair in pairs)
                {
                    if (string.Equals(pair.Name, "_method", StringComparison.OrdinalIgnoreCase)) return (null, AskFault.Invalid("`_method` names another method than the request has"));
                }
                return (Copy(ask, kind, content, trailers, pairs), null);
            default:
                return (Copy(ask, AskBody.Bytes, content, trailers), null);
        }
    }

    private static HttpAsk Copy(HttpAsk ask, AskBody kind, ReadOnlyMemory<byte> content, IReadOnlyList<KeyValuePair<string, string>> trailers, System.Collections.Immutable.ImmutableArray<FieldPair> form = default) => new()
    {
        Method = ask.Method, Target = ask.Target, Headers = ask.Headers, Passing = ask.Passing, Upgrade = ask.Upgrade, Body = kind, Content = content, Form = form.IsDefault ? [] : form, Trailers = trailers,
    };

    private static string? Headers(HttpContext http, out List<KeyValuePair<string, string>> headers, out List<KeyValuePair<string, string>> passing)
    {
        var connection = http.Request.Headers.Connection;
        headers = new List<KeyValuePair<string, string>>(http.Request.Headers.Count);
        passing = [];
        foreach (var (name, values) in http.Request.Headers)
        {
            if (!HeaderRules.GoesOn(name, connection)) continue;
            if (values.Count > 1 && IsSingle(name)) return $"`{name}` stands there more than once";
            var value = values.Count == 1 ? values[0]! : string.Join(", ", values.ToArray());
            if (value.AsSpan().ContainsAnyExceptInRange(' ', '~')) return $"`{name}` holds more than visible ASCII";
            (HeaderRules.IsPassing(name) ? passing : headers).Add(new(HeaderRules.Lower(name), value));
        }
        if (http.Request.Headers.TryGetValue("Prefer", out var prefer) && PreferWait.Others(prefer) is { } others) headers.Add(new("prefer", others));
        if (Cookies.GoingOn(http.Request.Headers.Cookie) is { } cookies) headers.Add(new("cookie", cookies));
        // In one order, so that a repeat whose client shuffles them is the same request.
        headers.Sort(static (left, right) => string.CompareOrdinal(left.Key, right.Key));
        return null;
    }

    private static bool IsSingle(string name) => name.Equals("content-type", StringComparison.OrdinalIgnoreCase) || name.Equals("content-encoding", StringComparison.OrdinalIgnoreCase);

    private static (AskBody Kind, long? Length, string? Complaint) KindOf(HttpContext http)
    {
        var request = http.Request;
        var hasBody = http.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody ?? (request.ContentLength > 0 || request.Headers.TransferEncoding.Count > 0);
        if (!hasBody || request.ContentLength == 0) return (AskBody.None, null, null);
        if (request.Method is "GET" or "HEAD") return (AskBody.None, null, "a request of this method has no body; some servers would take it for the next request");
        var isCoded = request.Headers.ContentEncoding.Count > 0;
        if (!isCoded && MediaType.TryRead(request.ContentType, out var type))
        {
            if (type.Charset is not null && !type.Charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase) && (type.IsJson || type.IsForm)) return (AskBody.None, null, "a body that is read must be UTF-8");
            if (type.IsJson) return (AskBody.Json, null, null);
            if (type.IsForm) return (AskBody.Form, null, null);
        }
        return (AskBody.Stream, request.ContentLength, null);
    }

    private static bool IsExtendedConnect(HttpContext http) => http.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true, Protocol: "websocket" };

    private static string? UpgradeOf(HttpContext http, out bool isOdd)
    {
        var upgrade = http.Request.Headers.Upgrade;
        isOdd = false;
        // RFC 8441: what `Upgrade` is over HTTP/1.1.
        if (IsExtendedConnect(http)) return "websocket";
        if (upgrade.Count == 0) return null;
        // One protocol, by name, over HTTP/1.1 and GET (RFC 6455 section 4.1). `h2c` and anything else escapes inspection (attack H13).
        isOdd = upgrade.Count > 1 || !string.Equals(upgrade[0], "websocket", StringComparison.OrdinalIgnoreCase) || http.Request.Method != "GET" || !HttpProtocol.IsHttp11(http.Request.Protocol);
        return isOdd ? null : "websocket";
    }
}
