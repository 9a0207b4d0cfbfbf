namespace Postern.Core.Masking;

/// <summary>Whether a text stands for a document: an object or array, possibly several in a row (one per line, say).</summary>
internal static class Embedded
{
    private const int MinLength = 2;

    /// <summary>False when the text is surely not a document.</summary>
    public static bool MayBeDocument(ReadOnlySpan<byte> text)
    {
        text = text[Start(text)..];
        if (text.Length < MinLength) return false;
        var inside = text[1..].TrimStart(" \t\r\n"u8);
        if (inside.IsEmpty) return false;
        return text[0] switch
        {
            (byte)'{' => inside[0] is (byte)'"' or (byte)'}',
            (byte)'[' => inside[0] is (byte)'{' or (byte)'[' or (byte)'"' or (byte)']' or (byte)'-' or (>= (byte)'0' and <= (byte)'9')
                || inside.StartsWith("true"u8) || inside.StartsWith("false"u8) || inside.StartsWith("null"u8),
            _ => false,
        };
    }

    /// <summary>
    /// True when the text begins as prose hardly ever does (<c>{"</c>, <c>[{</c>, <c>["</c>, <c>[[</c>): if it does not read as a
    /// document either, then paths cannot be followed in it, and what they lead to could pass.
    /// </summary>
    public static bool IsMeantAsDocument(ReadOnlySpan<byte> text)
    {
        text = text[Start(text)..];
        var inside = text[1..].TrimStart(" \t\r\n"u8);
        return !inside.IsEmpty && (text[0] == (byte)'{' || inside[0] is (byte)'{' or (byte)'[' or (byte)'"');
    }

    /// <summary>Where the document would begin: after white space and a byte order mark, which many readers skip.</summary>
    public static int Start(ReadOnlySpan<byte> text)
    {
        var rest = text.TrimStart(" \t\r\n"u8);
        if (rest.StartsWith("\ufeff"u8)) rest = rest["\ufeff"u8.Length..].TrimStart(" \t\r\n"u8);
        return text.Length - rest.Length;
    }
}
