using System.Text;

namespace Postern.Protocols.Kubernetes.Wire;

/// <summary>
/// A query as name and value, decoded as the API server decodes it (<c>+</c> is a space). What it would silently skip (a bad escape,
/// a <c>;</c>), or read differently from another reader (a name given twice), is refused.
/// </summary>
internal sealed class QueryText
{
    /// <summary>Pairs that a query may have.</summary>
    public const int MaxPairs = 256;

    public static readonly Encoding StrictUtf8 = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public static readonly QueryText Empty = new([]);

    private readonly List<(string Name, string Value)> _pairs;

    private QueryText(List<(string Name, string Value)> pairs) => _pairs = pairs;

    /// <summary>In the order of the query.</summary>
    public IReadOnlyList<(string Name, string Value)> Pairs => _pairs;

    /// <summary>The value of a name; the first of several; null when it is not there.</summary>
    public string? Find(string name)
    {
        foreach (var pair in _pairs)
        {
            if (string.Equals(pair.Name, name, StringComparison.Ordinal)) return pair.Value;
        }
        return null;
    }

    /// <summary>Reads a query.</summary>
    /// <param name="text">Without the question mark.</param>
    /// <param name="query">The pairs.</param>
    /// <param name="fault">Why it is refused, for the caller's eyes.</param>
    public static bool TryRead(ReadOnlySpan<char> text, out QueryText query, out string? fault)
    {
        query = Empty;
        fault = null;
        if (text.IsEmpty) return true;
        if (text.Contains(';') || text.Contains('#')) return Refuse("the query holds `;` or `#`; escape it", out fault);
        var pairs = new List<(string Name, string Value)>();
        foreach (var range in text.Split('&'))
        {
            var pair = text[range];
            if (pair.IsEmpty) continue;
            if (pairs.Count == MaxPairs) return Refuse($"the query has more than {MaxPairs} parameters", out fault);
            var equals = pair.IndexOf('=');
            var name = equals < 0 ? pair : pair[..equals];
            if (!TryDecode(name, out var decodedName) || decodedName.Length == 0 || decodedName.Any(char.IsControl) || !TryDecode(equals < 0 ? default : pair[(equals + 1)..], out var value))
                return Refuse("the query holds a parameter without a name, or an escape that is not UTF-8", out fault);
            foreach (var other in pairs)
            {
                // A command is a list of words; everything else is read once, and not by every reader the same one.
                if (decodedName is not ("command" or "ports") && string.Equals(other.Name, decodedName, StringComparison.Ordinal)) return Refuse($"the query gives `{Shown(decodedName)}` twice", out fault);
            }
            pairs.Add((decodedName, value));
        }
        query = new QueryText(pairs);
        return true;
    }

    /// <summary>Two hexadecimal digits.</summary>
    public static bool TryHex(ReadOnlySpan<char> text, out byte value)
    {
        value = 0;
        return text.Length >= 2 && char.IsAsciiHexDigit(text[0]) && char.IsAsciiHexDigit(text[1])
            && byte.TryParse(text[..2], System.Globalization.NumberStyles.AllowHexSpecifier, System.Globalization.CultureInfo.InvariantCulture, out value);
    }

    private static string Shown(string name) => name.Length <= 40 && name.All(char.IsAsciiLetterOrDigit) ? name : "a parameter";

    private static bool TryDecode(ReadOnlySpan<char> text, out string decoded)
    {
        decoded = "";
        if (text.ContainsAny('%', '+') || !System.Text.Ascii.IsValid(text))
        {
            var bytes = new byte[text.Length];
            var length = 0;
            for (var at = 0; at < text.Length; at++)
            {
                if (text[at] > 0x7f) return false;
                var value = text[at] == '+' ? (byte)' ' : (byte)text[at];
                if (text[at] == '%')
                {
                    if (!TryHex(text[(at + 1)..], out value)) return false;
                    at += 2;
                }
                bytes[length++] = value;
            }
            try
            {
                decoded = StrictUtf8.GetString(bytes, 0, length);
            }
            catch (DecoderFallbackException)
            {
                return false;
            }
            return true;
        }
        decoded = text.ToString();
        return true;
    }

    private static bool Refuse(string why, out string? fault)
    {
        fault = why;
        return false;
    }
}
