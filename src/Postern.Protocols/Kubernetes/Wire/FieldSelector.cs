using System.Text;

namespace Postern.Protocols.Kubernetes.Wire;

/// <summary>
/// Field selectors: <c>a=b,c!=d</c>, with backslashes before a comma, an equals sign or a backslash in a value
/// (staging/src/k8s.io/apimachinery/pkg/fields).
/// </summary>
internal static class FieldSelector
{
    /// <summary>The name that a selector requires, as the API server finds it; null when it requires none, or cannot be read.</summary>
    public static string? NameIn(string selector)
    {
        string? name = null;
        var terms = Terms(selector);
        // The server sorts the terms and takes the first that requires a name.
        terms.Sort(StringComparer.Ordinal);
        foreach (var term in terms)
        {
            if (term.Length == 0) continue;
            var at = term.AsSpan().IndexOfAny('=', '!');
            while (at >= 0 && term[at] == '!' && !(at + 1 < term.Length && term[at + 1] == '='))
            {
                var next = term.AsSpan(at + 1).IndexOfAny('=', '!');
                at = next < 0 ? -1 : at + 1 + next;
            }
            if (at < 0) return null;
            var length = term[at] == '!' || (at + 1 < term.Length && term[at + 1] == '=') ? 2 : 1;
            if (Unescape(term.AsSpan(at + length)) is not { } value) return null;
            if (term[at] != '!' && name is null && term.AsSpan(0, at) is "metadata.name") name = value;
        }
        return name is { Length: > 0 } && name is not ("." or "..") && !name.Contains('/', StringComparison.Ordinal) && !name.Contains('%', StringComparison.Ordinal) ? name : null;
    }

    private static List<string> Terms(string selector)
    {
        var terms = new List<string>();
        var start = 0;
        var isEscaped = false;
        for (var at = 0; at < selector.Length; at++)
        {
            if (isEscaped) isEscaped = false;
            else if (selector[at] == '\\') isEscaped = true;
            else if (selector[at] == ',')
            {
                terms.Add(selector[start..at]);
                start = at + 1;
            }
        }
        terms.Add(selector[start..]);
        return terms;
    }

    private static string? Unescape(ReadOnlySpan<char> value)
    {
        if (!value.ContainsAny('\\', ',', '=')) return value.ToString();
        var text = new StringBuilder(value.Length);
        for (var at = 0; at < value.Length; at++)
        {
            if (value[at] is ',' or '=') return null;
            if (value[at] != '\\')
            {
                text.Append(value[at]);
                continue;
            }
            if (++at == value.Length || value[at] is not ('\\' or ',' or '=')) return null;
            text.Append(value[at]);
        }
        return text.ToString();
    }
}
