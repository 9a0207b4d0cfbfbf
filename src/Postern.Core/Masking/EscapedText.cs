using System.Text;
using Postern.Core.Json;

namespace Postern.Core.Masking;

/// <summary>Undoes escapes that are left in a text after it was read once, as far as they are well formed.</summary>
internal static class EscapedText
{
    // Each reading of a string inside a string undoes one level; deeper nesting than this is nobody's format.
    private const int MaxLevels = 4;

    /// <summary>Writes the text with <c>\\uXXXX</c> undone, level by level; returns the length, which never grows.</summary>
    public static int Undo(ReadOnlySpan<byte> text, Span<byte> destination)
    {
        text.CopyTo(destination);
        var length = text.Length;
        for (var level = 0; level < MaxLevels; level++)
        {
            var shorter = UndoOnce(destination[..length]);
            if (shorter == length) break;
            length = shorter;
        }
        return length;
    }

    /// <summary>
    /// True when the <c>\\u</c> escape here may stand for something that detectors read or that no text may hold: a character of ASCII, a
    /// space, dash or nothing at all between digits, half of a surrogate pair, or runs into a number. Most escapes are letters of other scripts, and hide nothing.
    /// </summary>
    public static bool MayHide(ReadOnlySpan<byte> text, int at)
    {
        var unit = Unit(text[at..]);
        if (unit is < 0x80 or 0xa0 or 0xad or 0xb7 or (>= 0x2000 and <= 0x206f) or 0x2212 or 0xfeff) return true;
        // As it is spelt, the number behind begins with the escape's own last digit: nobody can tell there what begins.
        if (at + 6 < text.Length && char.IsAsciiDigit((char)text[at + 5]) && char.IsAsciiDigit((char)text[at + 6])) return true;
        if (unit is < 0xd800 or > 0xdfff) return false;
        if (unit <= 0xdbff) return Unit(text[(at + 6)..]) is not (>= 0xdc00 and <= 0xdfff);
        return at < 6 || Unit(text[(at - 6)..]) is not (>= 0xd800 and <= 0xdbff);
    }

    private static int UndoOnce(Span<byte> text)
    {
        var written = 0;
        for (var at = 0; at < text.Length;)
        {
            var run = text[at..].IndexOf((byte)'\\');
            if (run < 0) run = text.Length - at;
            text.Slice(at, run).CopyTo(text[written..]);
            written += run;
            at += run;
            if (at == text.Length) break;
            var rest = text[at..];
            if (rest.Length > 1 && rest[1] == (byte)'\\')
            {
                text[written++] = (byte)'\\';
                at += 2;
            }
            else if (Unit(rest) is >= 0 and var unit && Rune.TryCreate(unit, out var rune))
            {
                written += rune.EncodeToUtf8(text[written..]);
                at += 6;
            }
            else
            {
                text[written++] = text[at++];
            }
        }
        return written;
    }

    private static int Unit(ReadOnlySpan<byte> text)
    {
        if (text.Length < 6 || text[0] != (byte)'\\' || text[1] != (byte)'u') return -1;
        var unit = 0;
        foreach (var digit in text[2..6])
        {
            if (!char.IsAsciiHexDigit((char)digit)) return -1;
            unit = (unit << 4) | JsonText.HexValue(digit);
        }
        return unit;
    }
}
