using System.Buffers;
using System.Globalization;
using System.Text;

namespace Postern.Core.Masking.Detection;

/// <summary>Characters that a person reads as others, as far as values are spelt with them.</summary>
internal static class Lookalikes
{
    /// <summary>The length of the character here and what it is read as, -1 for nothing at all; length 0 when it is itself.</summary>
    public static (int Length, int Rune) Read(ReadOnlySpan<byte> here)
    {
        // Text in UTF-16 that was read byte by byte has a zero behind each letter.
        if (here[0] == 0) return (1, -1);
        if (here[0] < 0x80 || Rune.DecodeFromUtf8(here, out var rune, out var length) != OperationStatus.Done) return default;
        return rune.Value switch
        {
            // full-width forms of ASCII, the ideographic full stop
            >= 0xff01 and <= 0xff5e => (length, rune.Value - 0xfee0),
            0x3002 or 0xff61 or 0x2024 => (length, '.'),
            // what has no width: soft hyphen, joiners, marks of direction, variation selectors, tags
            0xad or 0x34f or 0x61c or (>= 0x200b and <= 0x200f) or (>= 0x202a and <= 0x202e) or (>= 0x2060 and <= 0x2064) or (>= 0x2066 and <= 0x206f)
                or (>= 0xfe00 and <= 0xfe0f) or 0xfeff or (>= 0xe0000 and <= 0xe01ef) => (length, -1),
            // spaces and dashes
            0xa0 or (>= 0x2000 and <= 0x200a) or 0x202f or 0x205f or 0x3000 => (length, ' '),
            (>= 0x2010 and <= 0x2015) or 0x2212 or 0xfe63 => (length, '-'),
            // letters of mathematics: five alphabets of 52 letters and more, in the order of ASCII
            >= 0x1d400 and <= 0x1d6a3 => (length, ((rune.Value - 0x1d400) % 52) is var letter && letter < 26 ? 'A' + letter : 'a' + letter - 26),
            _ when Rune.GetUnicodeCategory(rune) == UnicodeCategory.DecimalDigitNumber => (length, '0' + (int)Rune.GetNumericValue(rune)),
            _ => (0, Homoglyph(rune.Value)) is (_, > 0 and var letter) ? (length, letter) : default,
        };
    }

    /// <summary>Cyrillic and Greek letters that look like Latin ones.</summary>
    private static int Homoglyph(int rune)
    {
        var at = Foreign.IndexOf((char)rune, StringComparison.Ordinal);
        return rune <= char.MaxValue && at >= 0 ? Latin[at] : 0;
    }

    private const string Foreign = "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u0501\u04bb\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u0406\u03bf\u03bd\u0391\u0392\u0395\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a7\u03a5\u0396";
    private const string Latin = "aeopcyxijsdhABEKMHOPCTXIovABEHIKMNOPTXYZ";
}
