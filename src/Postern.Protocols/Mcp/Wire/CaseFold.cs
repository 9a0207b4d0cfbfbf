namespace Postern.Protocols.Mcp.Wire;

/// <summary>Finds keys that a parser ignoring case could take for a reserved one, ASCII or through Unicode folding.</summary>
internal static class CaseFold
{
    /// <summary>The reserved key of which the text is a variant (equal but for case, yet not equal), or null.</summary>
    public static string? IsVariantOfAny(string text, string[] reserved)
    {
        foreach (var key in reserved)
        {
            if (text.Length == key.Length && !string.Equals(text, key, StringComparison.Ordinal) && AreAlike(text, key)) return key;
        }
        return null;
    }

    private static bool AreAlike(string left, string right)
    {
        for (var i = 0; i < left.Length; i++)
        {
            if (Fold(left[i]) != Fold(right[i])) return false;
        }
        return true;
    }

    private static char Fold(char character) => character switch
    {
        // Simple case folding takes these three to ASCII (Unicode CaseFolding.txt), and .NET's invariant mapping leaves them alone.
        '\u017F' => 's',
        '\u212A' => 'k',
        '\u0130' or '\u0131' => 'i',
        _ => char.ToLowerInvariant(character),
    };
}
