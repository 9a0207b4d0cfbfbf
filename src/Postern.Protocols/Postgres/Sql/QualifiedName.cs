using System.Text;

namespace Postern.Protocols.Postgres.Sql;

/// <summary>A name in a text constant (<c>nextval('public."Orders_id"')</c>), read as <c>textToQualifiedNameList</c> does.</summary>
internal static class QualifiedName
{
    public static bool TryRead(string text, out string? schema, out string name)
    {
        (schema, name) = (null, "");
        List<string> words = [];
        var at = 0;
        do
        {
            while (at < text.Length && IsSpace(text[at])) at++;
            if (!TryReadWord(text, ref at, out var word)) return false;
            words.Add(word);
            while (at < text.Length && IsSpace(text[at])) at++;
        }
        while (at < text.Length && text[at++] == '.');
        if (at < text.Length || text.EndsWith('.') || words.Count is 0 or > 2) return false;
        (schema, name) = words.Count == 2 ? (words[0], words[1]) : (null, words[0]);
        return true;
    }

    private static bool TryReadWord(string text, ref int at, out string word)
    {
        var built = new StringBuilder();
        if (at < text.Length && text[at] == '"')
        {
            for (at++; at < text.Length; at++)
            {
                if (text[at] != '"') built.Append(text[at]);
                else if (at + 1 < text.Length && text[at + 1] == '"') built.Append(text[at++]);
                else
                {
                    at++;
                    word = built.ToString();
                    return word.Length > 0;
                }
            }
            word = "";
            return false;
        }
        // Other letters fold by the server's locale; those names are not read here.
        while (at < text.Length && (char.IsAsciiLetterOrDigit(text[at]) || text[at] is '_' or '$')) built.Append(char.ToLowerInvariant(text[at++]));
        word = built.ToString();
        return word.Length > 0;
    }

    private static bool IsSpace(char letter) => letter is ' ' or '\t' or '\n' or '\r' or '\f';
}
