using System.Globalization;
using System.Text;

namespace Postern.Core.Recording;

/// <summary>
/// Shows foreign text to people so that what they see is what stands there: whatever moves the cursor, reorders, hides or
/// takes no room is written out as <c>⟨U+202E⟩</c>. The brackets themselves are written out too, so that no text can
/// imitate a mark. For terminals and pages alike; a page escapes its markup besides.
/// </summary>
public static class VisibleText
{
    /// <summary>Text on one line: line ends and tabs are marked as well.</summary>
    public static string OfLine(ReadOnlySpan<char> text) => Render(text, keepLines: false);

    /// <summary>Text over several lines: line feeds and tabs stay.</summary>
    public static string OfLines(ReadOnlySpan<char> text) => Render(text, keepLines: true);

    /// <summary>Text over several lines from UTF-8; a byte that is not UTF-8 is written out as <c>⟨x9B⟩</c>.</summary>
    public static string OfLines(ReadOnlySpan<byte> utf8)
    {
        var text = new StringBuilder(utf8.Length);
        while (!utf8.IsEmpty)
        {
            if (Rune.DecodeFromUtf8(utf8, out var rune, out var length) == System.Buffers.OperationStatus.Done)
            {
                Append(text, rune, keepLines: true);
            }
            else
            {
                for (var i = 0; i < length; i++) text.Append(CultureInfo.InvariantCulture, $"⟨x{utf8[i]:X2}⟩");
            }
            utf8 = utf8[length..];
        }
        return text.ToString();
    }

    private static string Render(ReadOnlySpan<char> source, bool keepLines)
    {
        var text = new StringBuilder(source.Length);
        while (!source.IsEmpty)
        {
            if (Rune.DecodeFromUtf16(source, out var rune, out var length) == System.Buffers.OperationStatus.Done)
            {
                Append(text, rune, keepLines);
            }
            else
            {
                text.Append(CultureInfo.InvariantCulture, $"⟨U+{(int)source[0]:X4}⟩");
            }
            source = source[length..];
        }
        return text.ToString();
    }

    private static void Append(StringBuilder text, Rune rune, bool keepLines)
    {
        if (keepLines && rune.Value is '\n' or '\t') text.Append((char)rune.Value);
        else if (IsPlain(rune)) text.Append(rune);
        else text.Append(CultureInfo.InvariantCulture, $"⟨U+{rune.Value:X4}⟩");
    }

    private static bool IsPlain(Rune rune) => rune.Value switch
    {
        >= 0x20 and <= 0x7E => true,
        // The mark's own brackets: U+27E8, U+27E9.
        0x27E8 or 0x27E9 => false,
        // Letters and symbols that are drawn as nothing: fillers, the braille blank, a joiner that is a mark by category.
        0x115F or 0x1160 or 0x3164 or 0xFFA0 or 0x2800 or 0x034F or 0x17B4 or 0x17B5 => false,
        // Variation selectors carry hidden payloads: invisible, and any number of them sticks to a visible letter.
        (>= 0x180B and <= 0x180F) or (>= 0xFE00 and <= 0xFE0F) or (>= 0xE0100 and <= 0xE01EF) => false,
        _ => Rune.GetUnicodeCategory(rune) switch
        {
            // Control: escape sequences, carriage return, C1. Format: bidi, zero width, tags. Spaces other than U+0020 look like it and are not.
            UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned
                or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.SpaceSeparator => false,
            _ => true,
        },
    };
}
