using System.Buffers;

namespace Postern.Core.Masking.Detection;

/// <summary>IP addresses as text: four numbers (RFC 791), or hexadecimal groups (RFC 4291 section 2.2).</summary>
internal static class AddressDetector
{
    private const int MaxV4 = 15;
    private const int MaxV6 = 45;
    private const int Groups = 8;

    private static readonly SearchValues<byte> s_v6 = SearchValues.Create("0123456789abcdefABCDEF:."u8);

    /// <summary>The length of the IPv4 address here, or 0.</summary>
    public static int V4At(ReadOnlySpan<byte> text, int at, bool isRaw)
    {
        var length = V4(text[at..]);
        return length > 0 && Edges.IsClear(text, at, at + length, isRaw) ? length : 0;
    }

    /// <summary>The IPv6 address around the colon here. Length 0 for none.</summary>
    public static (int Start, int Length) V6Around(ReadOnlySpan<byte> text, int colon, bool isRaw)
    {
        var before = text[Math.Max(0, colon - MaxV6)..colon];
        var start = colon - before.Length + before.LastIndexOfAnyExcept(s_v6) + 1;
        // In raw JSON, a letter before may belong to an escape, and hexadecimal letters are letters.
        var run = text[start..Math.Min(text.Length, start + MaxV6 + 1)];
        var end = run.IndexOfAnyExcept(s_v6);
        if (end >= 0) run = run[..end];
        run = run.TrimEnd((byte)'.');
        if (isRaw) return run.Length >= 3 && Colons(run) >= 2 ? (start, run.Length) : default;
        if (start > 0 && (char.IsAsciiLetterOrDigit((char)text[start - 1]) || text[start - 1] == '_')) return default;
        end = start + run.Length;
        if (end < text.Length && (char.IsAsciiLetterOrDigit((char)text[end]) || text[end] == '_')) return default;
        return IsV6(run) ? (start, run.Length) : default;
    }

    private static int Colons(ReadOnlySpan<byte> run) => run.Count((byte)':');

    private static int V4(ReadOnlySpan<byte> text)
    {
        var at = 0;
        for (var part = 0; part < 4; part++)
        {
            if (part > 0 && (at == text.Length || text[at++] != '.')) return 0;
            var (value, digits) = (0, 0);
            for (; at < text.Length && digits < 4 && char.IsAsciiDigit((char)text[at]); at++, digits++) value = (value * 10) + text[at] - '0';
            if (digits is 0 or 4 || value > 255) return 0;
        }
        return at <= MaxV4 ? at : 0;
    }

    /// <summary>Eight groups, or fewer with one gap; a decimal digit somewhere, so that words of the letters a to f stay words.</summary>
    private static bool IsV6(ReadOnlySpan<byte> text)
    {
        if (text.Length < 3 || !text.ContainsAnyInRange((byte)'0', (byte)'9')) return false;
        var (groups, hasGap, at) = (0, false, 0);
        while (at < text.Length)
        {
            var digits = text[at..].IndexOfAnyExcept(s_hex);
            if (digits < 0) digits = text.Length - at;
            if (digits > 4) return false;
            if (digits > 0 && at + digits < text.Length && text[at + digits] == '.')
            {
                // The last two groups may be written as IPv4.
                groups += 2;
                return V4(text[at..]) == text.Length - at && (groups == Groups || (hasGap && groups < Groups));
            }
            if (digits > 0) groups++;
            at += digits;
            if (at == text.Length) break;
            if (text[at..].StartsWith("::"u8))
            {
                if (hasGap) return false;
                hasGap = true;
                at += 2;
            }
            else
            {
                // A single colon stands between two groups.
                if (digits == 0 || at + 1 == text.Length) return false;
                at++;
            }
        }
        return groups == Groups ? !hasGap : hasGap && groups is > 0 and < Groups;
    }

    private static readonly SearchValues<byte> s_hex = SearchValues.Create("0123456789abcdefABCDEF"u8);
}
