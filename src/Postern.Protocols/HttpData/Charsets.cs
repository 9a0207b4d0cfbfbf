using System.Text;
using System.Text.Unicode;

namespace Postern.Protocols.HttpData;

/// <summary>Text of any declared charset as UTF-8, strictly. Where declaration and byte order mark disagree, or nobody says what it is, it is not text (attack H17).</summary>
internal static class Charsets
{
    /// <summary>True for the names of UTF-8, and of ASCII, which is part of it.</summary>
    public static bool IsUtf8(string charset) => charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase) || charset.Equals("utf8", StringComparison.OrdinalIgnoreCase) || charset.Equals("us-ascii", StringComparison.OrdinalIgnoreCase);

    /// <summary>The text in UTF-8, without a byte order mark.</summary>
    /// <exception cref="FormatException">It cannot be read for certain.</exception>
    public static ReadOnlyMemory<byte> ToUtf8(ReadOnlyMemory<byte> content, string? charset)
    {
        var (mark, length) = MarkOf(content.Span);
        var encoding = charset is null ? mark ?? Encoding.UTF8 : Named(charset);
        if (mark is not null && mark.CodePage != encoding.CodePage && !(encoding.CodePage == Encoding.Unicode.CodePage && mark.CodePage == Encoding.BigEndianUnicode.CodePage && charset!.Equals("utf-16", StringComparison.OrdinalIgnoreCase)))
            throw new FormatException("its byte order mark and its charset disagree");
        if (mark is not null) encoding = mark;
        var text = content[length..];
        // Some readers take off one mark, and some all of them.
        if (mark is not null && MarkOf(text.Span).Encoding is not null) throw new FormatException("it has two byte order marks");
        if (encoding.CodePage is Utf8Page or AsciiPage)
        {
            if (!Utf8.IsValid(text.Span) || (encoding.CodePage == AsciiPage && !Ascii.IsValid(text.Span))) throw new FormatException("it is not the text that its charset says");
            return text;
        }
        try
        {
            var strict = Encoding.GetEncoding(encoding.CodePage, EncoderFallback.ExceptionFallback, DecoderFallback.ExceptionFallback);
            return Encoding.UTF8.GetBytes(strict.GetString(text.Span));
        }
        catch (Exception unreadable) when (unreadable is DecoderFallbackException or ArgumentException or NotSupportedException)
        {
            throw new FormatException("it is not the text that its charset says", unreadable);
        }
    }

    private const int Utf8Page = 65001;
    private const int AsciiPage = 20127;

    // Only what reads the same everywhere: no UTF-7, and none that switch their meaning midway.
    private static Encoding Named(string charset) => charset.ToLowerInvariant() switch
    {
        "utf-8" or "utf8" => Encoding.UTF8,
        "us-ascii" or "ascii" => Encoding.ASCII,
        "iso-8859-1" or "latin1" => Encoding.Latin1,
        "utf-16" or "utf-16le" => Encoding.Unicode,
        "utf-16be" => Encoding.BigEndianUnicode,
        "utf-32" or "utf-32le" => Encoding.UTF32,
        _ => throw new FormatException("its charset is none that is read here"),
    };

    private static (Encoding? Encoding, int Length) MarkOf(ReadOnlySpan<byte> content) => content switch
    {
        [0xEF, 0xBB, 0xBF, ..] => (Encoding.UTF8, 3),
        [0xFF, 0xFE, 0, 0, ..] => (Encoding.UTF32, 4),
        [0, 0, 0xFE, 0xFF, ..] => (new UTF32Encoding(bigEndian: true, byteOrderMark: false), 4),
        [0xFF, 0xFE, ..] => (Encoding.Unicode, 2),
        [0xFE, 0xFF, ..] => (Encoding.BigEndianUnicode, 2),
        _ => (null, 0),
    };
}
