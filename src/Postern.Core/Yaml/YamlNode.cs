using System.Collections.Immutable;

namespace Postern.Core.Yaml;

/// <summary>The three shapes of a YAML value.</summary>
public enum YamlKind
{
    /// <summary>A single value.</summary>
    Scalar,

    /// <summary>Keys and values.</summary>
    Mapping,

    /// <summary>A list.</summary>
    Sequence,
}

/// <summary>One YAML value with its place. Scalars stay text: no value changes type because of how it looks.</summary>
public sealed class YamlNode
{
    /// <summary>Which shape.</summary>
    public required YamlKind Kind { get; init; }

    /// <summary>Where it came from.</summary>
    public required string File { get; init; }

    /// <summary>Counted from 1.</summary>
    public required int Line { get; init; }

    /// <summary>Counted from 1.</summary>
    public required int Column { get; init; }

    /// <summary>Scalar: the text after YAML's own quoting; empty otherwise.</summary>
    public string Text { get; init; } = "";

    /// <summary>Scalar: written without quotes, so that <c>true</c>, <c>12</c> and an empty value may mean more than text.</summary>
    public bool IsPlain { get; init; }

    /// <summary>Scalar: nothing was written, or <c>null</c> or <c>~</c> without quotes.</summary>
    public bool IsNull => Kind == YamlKind.Scalar && IsPlain && Text is "" or "null" or "~";

    /// <summary>Mapping: the entries in the order written; keys are unique scalars.</summary>
    public ImmutableArray<YamlEntry> Entries { get; init; } = [];

    /// <summary>Sequence: the items in the order written.</summary>
    public ImmutableArray<YamlNode> Items { get; init; } = [];

    /// <summary>Mapping: the value of a key, or null.</summary>
    public YamlNode? Find(string key)
    {
        foreach (var entry in Entries)
        {
            if (string.Equals(entry.Key.Text, key, StringComparison.Ordinal)) return entry.Value;
        }
        return null;
    }

    /// <summary>A problem at this place.</summary>
    public SourceProblem Problem(string message) => new(File, Line, Column, message);
}

/// <summary>One entry of a mapping.</summary>
public readonly record struct YamlEntry(YamlNode Key, YamlNode Value);
