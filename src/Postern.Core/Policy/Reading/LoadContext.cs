using System.Collections.Immutable;
using Postern.Core.Operations;
using Postern.Core.Yaml;

namespace Postern.Core.Policy.Reading;

/// <summary>What every reader of a policy shares: the environment, the problems found so far, and the plain shapes of values.</summary>
internal sealed class LoadContext(PolicyEnvironment environment)
{
    private readonly ImmutableArray<PolicyProblem>.Builder _problems = ImmutableArray.CreateBuilder<PolicyProblem>();

    public PolicyEnvironment Environment { get; } = environment;

    public bool HasErrors { get; private set; }

    /// <summary>In the order of the files, then of their lines.</summary>
    public ImmutableArray<PolicyProblem> ProblemsOf(ImmutableArray<PolicyFile> files)
    {
        var order = files.Select((file, at) => (file.Path, at)).DistinctBy(pair => pair.Path).ToDictionary(pair => pair.Path, pair => pair.at, StringComparer.Ordinal);
        return [.. _problems.OrderBy(problem => order.GetValueOrDefault(problem.File)).ThenBy(problem => problem.Line).ThenBy(problem => problem.Column)];
    }

    public void Add(SourceProblem problem) => Add(ProblemSeverity.Error, problem.File, problem.Line, problem.Column, problem.Message);

    public void Error(YamlNode at, string message) => Add(ProblemSeverity.Error, at.File, at.Line, at.Column, message);

    public void Warn(YamlNode at, string message) => Add(ProblemSeverity.Warning, at.File, at.Line, at.Column, message);

    public void Add(ProblemSeverity severity, string file, int line, int column, string message)
    {
        HasErrors |= severity == ProblemSeverity.Error;
        _problems.Add(new PolicyProblem(severity, file, line, column, message));
    }

    /// <summary>The same, for the vocabulary of the keys as a whole.</summary>
    public IEnumerable<SelectorKey> AllKeys => Environment.Vocabularies.SelectMany(vocabulary => vocabulary.Keys);

    public bool IsMapping(YamlNode node, string what)
    {
        if (node.Kind == YamlKind.Mapping) return true;
        Error(node, $"{what} must be a map of keys and values, found {Shown(node)}");
        return false;
    }

    /// <summary>Reports every key that is not known, with the nearest that is.</summary>
    public void CheckKeys(YamlNode mapping, ImmutableArray<string> known, ImmutableArray<string> notEnforced = default)
    {
        foreach (var entry in mapping.Entries)
        {
            var key = entry.Key.Text;
            if (known.Contains(key)) continue;
            if (!notEnforced.IsDefault && notEnforced.Contains(key)) Error(entry.Key, $"`{key}` is not enforced yet, so it cannot stand in a policy; remove it");
            else Error(entry.Key, $"unknown key `{key}`{NearestWord.Hint(key, known)}");
        }
    }

    /// <summary>The items of a list; a value that is no list counts as a list of one. Empty lists are errors.</summary>
    public ImmutableArray<YamlNode> Items(YamlNode node, string what)
    {
        if (node.Kind != YamlKind.Sequence) return [node];
        if (node.Items.IsEmpty) Error(node, $"{what} is an empty list, which would match nothing; remove the key or name a value");
        return node.Items;
    }

    /// <summary>One text, or null after an error.</summary>
    public string? Text(YamlNode node, string what)
    {
        if (node.Kind == YamlKind.Scalar && !node.IsNull && node.Text.Length > 0) return node.Text;
        Error(node, $"{what} must be a text, found {Shown(node)}");
        return null;
    }

    /// <summary>Texts; duplicates and empty lists are errors.</summary>
    public ImmutableArray<string> Texts(YamlNode node, string what)
    {
        var texts = ImmutableArray.CreateBuilder<string>();
        foreach (var item in Items(node, what))
        {
            if (Text(item, what) is not { } text) continue;
            if (texts.Contains(text)) Error(item, $"`{text}` stands in {what} twice");
            else texts.Add(text);
        }
        return texts.DrainToImmutable();
    }

    /// <summary>One of a closed set of words, or null after an error.</summary>
    public T? Word<T>(YamlNode node, string what, ImmutableArray<(string Word, T Value)> words)
        where T : struct
    {
        foreach (var (word, value) in words)
        {
            if (node.Kind == YamlKind.Scalar && node.Text == word) return value;
        }
        var expected = string.Join(", ", words.Select(pair => $"`{pair.Word}`"));
        Error(node, $"{what} is one of {expected}; found {Shown(node)}{(node.Kind == YamlKind.Scalar ? NearestWord.Hint(node.Text, words.Select(pair => pair.Word)) : "")}");
        return null;
    }

    /// <summary>A positive duration, or null after an error.</summary>
    public TimeSpan? Duration(YamlNode node, string what)
    {
        if (node.Kind == YamlKind.Scalar && DurationText.TryParse(node.Text, out var duration) && duration > TimeSpan.Zero) return duration;
        Error(node, $"{what} must be a duration such as `90s`, `30m` or `1h30m`, found {Shown(node)}");
        return null;
    }

    /// <summary>An instant, or null after an error.</summary>
    public DateTimeOffset? Instant(YamlNode node, string what)
    {
        if (node.Kind == YamlKind.Scalar && InstantText.TryParse(node.Text, out var instant)) return instant;
        Error(node, $"{what} must be an instant with an offset such as `2026-01-31T12:00:00Z`, found {Shown(node)}");
        return null;
    }

    /// <summary>How a node is named in a message.</summary>
    public static string Shown(YamlNode node) => node.Kind switch
    {
        YamlKind.Mapping => "a map",
        YamlKind.Sequence => "a list",
        _ when node.IsNull || node.Text.Length == 0 => "nothing",
        _ => $"`{(node.Text.Length > 60 ? node.Text[..60] + "…" : node.Text)}`",
    };
}
