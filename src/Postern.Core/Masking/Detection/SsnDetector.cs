namespace Postern.Core.Masking.Detection;

/// <summary>
/// United States social security numbers as they are written, with separators: three digits, two, four, in the ranges that
/// are or were issued.
/// </summary>
internal static class SsnDetector
{
    public const int Length = 11;

    /// <summary>The length of the number here, or 0. Its separators are the anchor's part.</summary>
    public static int At(ReadOnlySpan<byte> text, int at, bool isRaw)
    {
        if (text.Length - at < Length || text[at + 3] != text[at + 6]) return 0;
        var here = text[at..];
        if (here.StartsWith("000"u8) || here.StartsWith("666"u8) || here[0] == '9' || here[4..].StartsWith("00"u8) || here[7..].StartsWith("0000"u8)) return 0;
        return Edges.IsClear(text, at, at + Length, isRaw) ? Length : 0;
    }
}

/// <summary>Whether something that was found stands alone, or is cut out of something longer.</summary>
internal static class Edges
{
    /// <summary>
    /// True when neither a letter nor a digit touches it, nor a separator with a digit behind. In raw JSON the letter before may
    /// belong to an escape, so the left side is not asked there.
    /// </summary>
    public static bool IsClear(ReadOnlySpan<byte> text, int start, int end, bool isRaw)
    {
        if (end < text.Length && (char.IsAsciiLetterOrDigit((char)text[end]) || text[end] == '_')) return false;
        if (end + 1 < text.Length && text[end] is (byte)'-' or (byte)'.' && char.IsAsciiDigit((char)text[end + 1])) return false;
        if (isRaw || start == 0) return true;
        if (char.IsAsciiLetterOrDigit((char)text[start - 1]) || text[start - 1] == '_') return false;
        return start < 2 || text[start - 1] is not ((byte)'-' or (byte)'.') || !char.IsAsciiDigit((char)text[start - 2]);
    }
}
