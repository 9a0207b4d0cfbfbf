using Postern.Core.Yaml;

namespace Postern.Cli.Setup;

/// <summary>
/// Adds a connection to a configuration as a person would: some lines more, and every other byte as it was, comments and order included.
/// What came out is read again and must be the old document and the one entry.
/// </summary>
internal static class ConfigurationEdit
{
    private const string Block = "connections";

    /// <summary>The text with the connection in it.</summary>
    /// <param name="file">The file's name, for messages.</param>
    /// <param name="text">The configuration.</param>
    /// <param name="name">The connection's name.</param>
    /// <param name="lines">What stands below its name, indented by nothing.</param>
    /// <exception cref="CommandException">It has such a connection, or is written in a way that cannot be added to.</exception>
    public static string Add(string file, string text, string name, IReadOnlyList<string> lines)
    {
        var problems = new List<SourceProblem>();
        if (YamlReader.Read(file, text, problems) is not { } root) throw new CommandException(ExitCode.Usage, problems[0].ToString());
        var entry = root.Entries.FirstOrDefault(one => one.Key.Text == Block);
        if (entry.Value?.Find(name) is { } known) throw new CommandException(ExitCode.Usage, $"{file}:{known.Line}: there is a connection `{name}` already; choose another name, or change it there");
        var feed = text.Contains("\r\n", StringComparison.Ordinal) ? "\r\n" : "\n";
        var rows = Rows(text);
        string added;
        if (entry.Value is null) added = Below(text, feed) + Block + ":" + feed + Written(name, lines, 2, feed);
        else if (entry.Value.Kind == YamlKind.Mapping && entry.Value.Entries is [var first, ..])
        {
            if (IsInBraces(rows, entry)) throw ByHand(file, entry, name, lines);
            var indent = first.Key.Column - 1;
            var at = EndOf(rows, entry.Key.Line, indent);
            var before = string.Concat(rows.Take(at));
            added = before + (before.EndsWith('\n') ? "" : feed) + Written(name, lines, indent, feed) + string.Concat(rows.Skip(at));
        }
        else
        {
            // Nothing stands in it yet: `connections:`, or `connections: {}`.
            var row = rows[entry.Key.Line - 1];
            var bare = row.Replace("{}", "", StringComparison.Ordinal);
            if (!(entry.Value.IsNull || (entry.Value.Kind == YamlKind.Mapping && row.Contains("{}", StringComparison.Ordinal)))) throw ByHand(file, entry, name, lines);
            if (!entry.Value.IsNull) bare = bare.Replace($"{Block}: ", $"{Block}:", StringComparison.Ordinal);
            added = string.Concat(rows.Take(entry.Key.Line - 1)) + bare + (bare.EndsWith('\n') ? "" : feed) + Written(name, lines, 2, feed) + string.Concat(rows.Skip(entry.Key.Line));
        }
        // INVARIANT: the document is the old one and one entry more; a comment or a quote that was misjudged here must not become a change of anything else.
        if (YamlReader.Read(file, added, problems) is not { } after || !IsOneMore(root, after, name)) throw ByHand(file, entry, name, lines);
        return added;
    }

    private static string Below(string text, string feed) => text.Length == 0 ? "" : text + (text.EndsWith('\n') ? "" : feed) + feed;

    private static string Written(string name, IReadOnlyList<string> lines, int indent, string feed)
    {
        var (outer, inner) = (new string(' ', indent), new string(' ', indent + 2));
        return $"{outer}{name}:{feed}" + string.Concat(lines.Select(line => inner + line + feed));
    }

    // Lines with their line feeds, so that they are the text again when put together.
    private static List<string> Rows(string text)
    {
        var rows = new List<string>();
        for (var at = 0; at < text.Length;)
        {
            var end = text.IndexOf('\n', at);
            var next = end < 0 ? text.Length : end + 1;
            rows.Add(text[at..next]);
            at = next;
        }
        return rows;
    }

    private static bool IsInBraces(List<string> rows, YamlEntry entry) =>
        entry.Value.Line - 1 < rows.Count && entry.Value.Column - 1 < rows[entry.Value.Line - 1].Length && rows[entry.Value.Line - 1][entry.Value.Column - 1] == '{';

    /// <summary>How many lines stand before the end of the block: the last line that is indented as its entries are, or more, and is not blank.</summary>
    private static int EndOf(List<string> rows, int keyLine, int indent)
    {
        var end = keyLine;
        for (var at = keyLine; at < rows.Count; at++)
        {
            var row = rows[at].AsSpan().TrimEnd("\r\n ");
            if (row.IsEmpty) continue;
            var blanks = row.Length - row.TrimStart(' ').Length;
            if (blanks < indent)
            {
                // A comment further left may stand among the entries; anything else ends the block.
                if (row[blanks] == '#') continue;
                break;
            }
            end = at + 1;
        }
        return end;
    }

    private static bool IsOneMore(YamlNode before, YamlNode after, string name)
    {
        var old = before.Entries.Where(entry => entry.Key.Text != Block).ToArray();
        var left = after.Entries.Where(entry => entry.Key.Text != Block).ToArray();
        if (!AreSame(old, left) || after.Find(Block) is not { Kind: YamlKind.Mapping } now || now.Entries[^1].Key.Text != name) return false;
        return AreSame([.. before.Find(Block)?.Entries ?? []], now.Entries.AsSpan()[..^1].ToArray());
    }

    private static bool AreSame(YamlEntry[] one, YamlEntry[] other) => one.Length == other.Length && one.Zip(other).All(pair => pair.First.Key.Text == pair.Second.Key.Text && IsSame(pair.First.Value, pair.Second.Value));

    private static bool IsSame(YamlNode one, YamlNode other) =>
        one.Kind == other.Kind && one.Text == other.Text && one.IsPlain == other.IsPlain && AreSame([.. one.Entries], [.. other.Entries])
        && one.Items.Length == other.Items.Length && one.Items.Zip(other.Items).All(pair => IsSame(pair.First, pair.Second));

    private static CommandException ByHand(string file, YamlEntry entry, string name, IReadOnlyList<string> lines) => new(
        ExitCode.Usage, $"{file}:{entry.Key.Line}: `{Block}` is not written with one entry below the other; write it so, or add this by hand:\n{Written(name, lines, 2, "\n").TrimEnd()}");
}
