using System.Collections.Frozen;
using System.Globalization;
using System.Text;

namespace Postern.Protocols.Mcp;

/// <summary>
/// Letters as an eye reads them: lower case, without accents, wide forms made narrow, look-alikes of other scripts made Latin,
/// invisible characters left out. For finding words that somebody hides, not for showing.
/// </summary>
internal static class LetterFold
{
    private const string Accented = "àáâãäåāăąçćĉċčďđèéêëēĕėęěĝğġģĥħìíîïĩīĭįıĵķĺļľŀłñńņňòóôõöøōŏőŕŗřśŝşšţťŧùúûüũūŭůűųŵýÿŷźżž";
    private const string Plain = "aaaaaaaaacccccddeeeeeeeeegggghhiiiiiiiiijklllllnnnnooooooooorrrsssstttuuuuuuuuuuwyyyzzz";
    private const string LookAlike = "аеорсухіјѕԁһԛԝвкмнтαεορτυνικβ";
    private const string Latin = "aeopcyxijsdhqwbkmhtaeoptuvikb";
    private const int WideOffset = 0xFEE0;

    private static readonly FrozenDictionary<char, char> Letters = Accented.Zip(Plain).Concat(LookAlike.Zip(Latin)).ToFrozenDictionary(pair => pair.First, pair => pair.Second);

    /// <summary>The folded letter or digit; null for what is not seen.</summary>
    public static Rune? Of(Rune rune)
    {
        if (Rune.GetUnicodeCategory(rune) is UnicodeCategory.Format or UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Control) return null;
        if (rune.Value is >= 0xFF01 and <= 0xFF5E) rune = new Rune(rune.Value - WideOffset);
        rune = Rune.ToLowerInvariant(rune);
        return rune.IsBmp && Letters.TryGetValue((char)rune.Value, out var plain) ? new Rune(plain) : rune;
    }

    /// <summary>A whole text, folded.</summary>
    public static string Of(string text)
    {
        var folded = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            if (Of(rune) is { } letter) folded.Append(letter);
        }
        return folded.ToString();
    }
}
