using System.Text;

namespace Postern.Cli.Setup;

/// <summary>Takes a command line apart into words: blanks separate, quotes keep together. Nothing is expanded, and no shell reads it.</summary>
internal static class CommandWords
{
    /// <summary>The words, or null when a quote is not closed.</summary>
    public static IReadOnlyList<string>? Of(string line)
    {
        var words = new List<string>();
        var word = new StringBuilder();
        var (quote, isOpen) = ('\0', false);
        for (var at = 0; at < line.Length; at++)
        {
            var character = line[at];
            if (quote != '\0')
            {
                if (character == quote) quote = '\0';
                else if (character == '\\' && quote == '"' && at + 1 < line.Length && line[at + 1] is '"' or '\\') word.Append(line[++at]);
                else word.Append(character);
            }
            else if (character is '"' or '\'') (quote, isOpen) = (character, true);
            else if (character is ' ' or '\t')
            {
                if (isOpen || word.Length > 0) words.Add(word.ToString());
                word.Clear();
                isOpen = false;
            }
            else word.Append(character);
        }
        if (quote != '\0') return null;
        if (isOpen || word.Length > 0) words.Add(word.ToString());
        return words;
    }
}
