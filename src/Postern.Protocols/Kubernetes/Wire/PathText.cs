using System.Buffers;
using System.Text;

namespace Postern.Protocols.Kubernetes.Wire;

/// <summary>
/// A path that has exactly one meaning: decoded, in segments, none of them empty or made of dots, and no slash or percent sign
/// that came out of an escape (names of objects hold neither). The API server decodes before it splits, so an escaped slash would be one.
/// </summary>
internal static class PathText
{
    /// <summary>Segments that a path may have.</summary>
    public const int MaxSegments = 32;

    private static readonly SearchValues<char> s_legal = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@/%");

    public static bool TryRead(ReadOnlySpan<char> target, out string path, out string? fault)
    {
        path = "";
        if (target.IsEmpty || target[0] != '/') return Refuse("the path does not begin with `/`", out fault);
        if (target.ContainsAnyExcept(s_legal)) return Refuse("the path holds a character that must be escaped", out fault);
        if (target.Contains(';')) return Refuse("the path holds `;`, which not every reader takes for a letter", out fault);
        var decoded = target.ToString();
        if (target.Contains('%') && !TryDecode(target, out decoded)) return Refuse("the path holds an escape that is not UTF-8, or that stands for a slash, a percent sign or a control character", out fault);
        var text = decoded.AsSpan(1);
        var count = 0;
        if (!text.IsEmpty)
        {
            foreach (var range in text.Split('/'))
            {
                var segment = text[range];
                if (++count > MaxSegments) return Refuse($"the path has more than {MaxSegments} segments", out fault);
                if (segment.IsEmpty) return Refuse("the path has an empty segment, or ends with `/`", out fault);
                if (segment is "." or "..") return Refuse("the path has a segment of dots", out fault);
                if (segment.Contains('\\')) return Refuse("the path holds a backslash", out fault);
            }
        }
        path = decoded;
        fault = null;
        return true;
    }

    private static bool TryDecode(ReadOnlySpan<char> target, out string decoded)
    {
        decoded = "";
        var bytes = new byte[target.Length];
        var length = 0;
        for (var at = 0; at < target.Length; at++)
        {
            var value = (byte)target[at];
            if (value == '%')
            {
                if (!QueryText.TryHex(target[(at + 1)..], out value) || value is (byte)'/' or (byte)'%' or < 0x20 or 0x7f) return false;
                at += 2;
            }
            bytes[length++] = value;
        }
        try
        {
            decoded = QueryText.StrictUtf8.GetString(bytes, 0, length);
            return true;
        }
        catch (DecoderFallbackException)
        {
            return false;
        }
    }

    private static bool Refuse(string why, out string? fault)
    {
        fault = why;
        return false;
    }
}
