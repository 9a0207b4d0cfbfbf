namespace Postern.Core.Masking.Detection;

/// <summary>
/// Telephone numbers: with a plus sign and a country code (ITU-T E.164, eight to fifteen digits, grouped or not), or as North
/// Americans write them, in three groups. Digits alone, without plus or groups, could be anything.
/// </summary>
internal static class PhoneDetector
{
    private const int MinDigits = 8;
    private const int MaxDigits = 15;
    private const int MaxGap = 2;
    private const int NorthAmerican = 12;

    /// <summary>The length of the number that begins with the sign here, or 0.</summary>
    public static int AtSign(ReadOnlySpan<byte> text, int at, bool isRaw) => text[at] == '+' ? International(text, at, isRaw) : Bracketed(text, at, isRaw);

    /// <summary>The length of the number in groups here, or 0. Its shape is the anchor's part.</summary>
    public static int AtGroups(ReadOnlySpan<byte> text, int at, bool isRaw)
    {
        if (text.Length - at < NorthAmerican || text[at + 3] != text[at + 7]) return 0;
        return IsNorthAmerican(text[at], text[at + 4]) && Edges.IsClear(text, at, at + NorthAmerican, isRaw) ? NorthAmerican : 0;
    }

    private static int International(ReadOnlySpan<byte> text, int at, bool isRaw)
    {
        // Sums (`1+12345678`) and offsets of time zones (`00:00+01000000`) have a digit before.
        if (!isRaw && at > 0 && (char.IsAsciiLetterOrDigit((char)text[at - 1]) || text[at - 1] == '+')) return 0;
        if (at + 1 >= text.Length || text[at + 1] is not (>= (byte)'1' and <= (byte)'9')) return 0;
        var (digits, end, gap) = (0, at + 1, 0);
        for (var i = at + 1; i < text.Length && gap <= MaxGap; i++)
        {
            if (char.IsAsciiDigit((char)text[i]))
            {
                if (++digits > MaxDigits) return 0;
                end = i + 1;
                gap = 0;
            }
            else if (text[i] is (byte)' ' or (byte)'-' or (byte)'.' or (byte)'(' or (byte)')')
            {
                gap++;
            }
            else
            {
                break;
            }
        }
        return digits >= MinDigits && (end >= text.Length || !char.IsAsciiLetter((char)text[end])) ? end - at : 0;
    }

    /// <summary><c>(415) 555-2671</c>.</summary>
    private static int Bracketed(ReadOnlySpan<byte> text, int at, bool isRaw)
    {
        var here = text[at..];
        if (here.Length < 13 || here[4] != ')' || !IsDigits(here[1..4])) return 0;
        var rest = here[5] == ' ' ? 6 : 5;
        if (here.Length < rest + 8 || !IsDigits(here.Slice(rest, 3)) || here[rest + 3] is not ((byte)'-' or (byte)'.' or (byte)' ') || !IsDigits(here.Slice(rest + 4, 4))) return 0;
        return IsNorthAmerican(here[1], here[rest]) && Edges.IsClear(text, at, at + rest + 8, isRaw) ? rest + 8 : 0;
    }

    private static bool IsNorthAmerican(byte area, byte exchange) => area is >= (byte)'2' and <= (byte)'9' && exchange is >= (byte)'2' and <= (byte)'9';

    private static bool IsDigits(ReadOnlySpan<byte> text) => !text.ContainsAnyExceptInRange((byte)'0', (byte)'9');
}
