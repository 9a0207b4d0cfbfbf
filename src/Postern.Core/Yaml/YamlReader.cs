using System.Collections.Immutable;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Postern.Core.Yaml;

/// <summary>
/// Reads one YAML document that an operator wrote into nodes that know their place. Refuses what makes a text mean more
/// than a reader sees: anchors, aliases, type tags, duplicate keys, keys that are not plain text, several documents.
/// </summary>
public static class YamlReader
{
    /// <summary>A longer text is refused before it is parsed.</summary>
    public const int MaxLength = 4 * 1024 * 1024;

    /// <summary>Deeper nesting is refused while it is read, long before a stack could overflow.</summary>
    public const int MaxDepth = 64;

    /// <summary>
    /// Reads the document. Null, with one problem added, when it is not one well-formed document within the limits.
    /// </summary>
    public static YamlNode? Read(string file, string text, ICollection<SourceProblem> problems)
    {
        if (text.Length > MaxLength)
        {
            problems.Add(new SourceProblem(file, 0, 0, $"the file has {text.Length} characters; at most {MaxLength} are read"));
            return null;
        }
        try
        {
            return new Reading(file, new Parser(new StringReader(text))).Document();
        }
        catch (YamlProblem problem)
        {
            problems.Add(problem.Where);
        }
        catch (YamlException malformed)
        {
            problems.Add(new SourceProblem(file, (int)malformed.Start.Line, (int)malformed.Start.Column, $"not well-formed YAML: {Plain(malformed.Message)}"));
        }
        catch (Exception unexpected) when (unexpected is InvalidOperationException or ArgumentException or FormatException or OverflowException or IndexOutOfRangeException)
        {
            // The parser library throws more than it documents on hostile text; all of it means "not YAML".
            problems.Add(new SourceProblem(file, 0, 0, "not well-formed YAML"));
        }
        return null;
    }

    private static string Plain(string message)
    {
        var firstLine = message.AsSpan(0, message.AsSpan().IndexOfAny('\r', '\n') is var end and >= 0 ? end : message.Length).Trim().TrimEnd('.');
        return firstLine.Length == 0 ? "unreadable" : char.ToLowerInvariant(firstLine[0]) + firstLine[1..].ToString();
    }

    private sealed class YamlProblem(SourceProblem where) : Exception(where.Message)
    {
        public SourceProblem Where { get; } = where;
    }

    private sealed class Reading(string file, IParser parser)
    {
        public YamlNode Document()
        {
            parser.MoveNext();
            parser.MoveNext();
            if (parser.Current is StreamEnd)
            {
                return new YamlNode { Kind = YamlKind.Scalar, File = file, Line = 1, Column = 1, IsPlain = true };
            }
            parser.MoveNext();
            var root = Node(depth: 0);
            parser.MoveNext();
            if (parser.Current is not StreamEnd) throw Problem(parser.Current!, "a second document starts here; one file holds one document");
            return root;
        }

        /// <summary>Reads the node at the current event and moves past it.</summary>
        private YamlNode Node(int depth)
        {
            var start = parser.Current!;
            if (depth > MaxDepth) throw Problem(start, $"nested deeper than {MaxDepth} levels");
            if (start is AnchorAlias) throw Problem(start, "aliases are not read; write the value out");
            if (start is NodeEvent { Anchor.IsEmpty: false }) throw Problem(start, "anchors are not read; write the value out where it is needed");
            if (start is NodeEvent { Tag: { IsEmpty: false, IsNonSpecific: false } tag }) throw Problem(start, $"type tags are not read; remove `{tag}`");
            switch (start)
            {
                case Scalar scalar:
                    parser.MoveNext();
                    return new YamlNode { Kind = YamlKind.Scalar, File = file, Line = (int)start.Start.Line, Column = (int)start.Start.Column, Text = scalar.Value, IsPlain = scalar.Style == ScalarStyle.Plain };
                case SequenceStart:
                    return Sequence(start, depth);
                case MappingStart:
                    return Mapping(start, depth);
                default:
                    throw Problem(start, "not well-formed YAML");
            }
        }

        private YamlNode Sequence(ParsingEvent start, int depth)
        {
            var items = ImmutableArray.CreateBuilder<YamlNode>();
            parser.MoveNext();
            while (parser.Current is not SequenceEnd) items.Add(Node(depth + 1));
            parser.MoveNext();
            return new YamlNode { Kind = YamlKind.Sequence, File = file, Line = (int)start.Start.Line, Column = (int)start.Start.Column, Items = items.DrainToImmutable() };
        }

        private YamlNode Mapping(ParsingEvent start, int depth)
        {
            var entries = ImmutableArray.CreateBuilder<YamlEntry>();
            var seen = new Dictionary<string, int>(StringComparer.Ordinal);
            parser.MoveNext();
            while (parser.Current is not MappingEnd)
            {
                var keyEvent = parser.Current!;
                var key = Node(depth + 1);
                if (key.Kind != YamlKind.Scalar) throw Problem(keyEvent, "a key must be plain text");
                if (!seen.TryAdd(key.Text, key.Line)) throw Problem(keyEvent, $"duplicate key `{key.Text}`; it already stands on line {seen[key.Text]}");
                entries.Add(new YamlEntry(key, Node(depth + 1)));
            }
            parser.MoveNext();
            return new YamlNode { Kind = YamlKind.Mapping, File = file, Line = (int)start.Start.Line, Column = (int)start.Start.Column, Entries = entries.DrainToImmutable() };
        }

        private YamlProblem Problem(ParsingEvent at, string message) => new(new SourceProblem(file, (int)at.Start.Line, (int)at.Start.Column, message));
    }
}
