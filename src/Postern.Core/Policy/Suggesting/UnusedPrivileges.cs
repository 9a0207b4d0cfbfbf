using System.Collections.Immutable;
using Postern.Core.Policy.Replay;
using Postern.Core.Policy.Versions;
using Postern.Core.Recording;
using Postern.Core.Yaml;

namespace Postern.Core.Policy.Suggesting;

/// <summary>A policy without the rules that nobody used.</summary>
/// <param name="Unused">Allow and hold rules that matched nothing in the time that was looked at.</param>
/// <param name="Kept">Of them: those that could not be taken out of the text, and stay.</param>
/// <param name="Files">The narrower policy.</param>
/// <param name="Diff">What is taken out.</param>
/// <param name="Proof">The narrower policy over the same recordings; null when it does not load.</param>
public sealed record NarrowerPolicy(ImmutableArray<string> Unused, ImmutableArray<string> Kept, ImmutableArray<PolicyFile> Files, string Diff, SimulationResult? Proof)
{
    /// <summary>True when no recorded operation would have been decided otherwise.</summary>
    public bool IsHarmless => Proof is { Changes.IsEmpty: true };
}

/// <summary>Finds what a policy gives and nobody uses.</summary>
public static class UnusedPrivileges
{
    /// <summary>Takes the unused rules out, and proves on the same recordings that nobody misses them.</summary>
    /// <param name="files">The policy.</param>
    /// <param name="environment">What it may name.</param>
    /// <param name="questions">The records of <see cref="JournalReader.ReadQuestions"/>; read twice.</param>
    /// <param name="from">Operations from this instant on.</param>
    /// <param name="until">Operations before this instant.</param>
    /// <param name="cancellationToken">Interrupt.</param>
    /// <exception cref="ArgumentException">The policy does not load.</exception>
    public static NarrowerPolicy Find(ImmutableArray<PolicyFile> files, PolicyEnvironment environment, IEnumerable<JournalRecord> questions, DateTimeOffset from, DateTimeOffset until, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(questions);
        var set = PolicyLoader.Load(files, environment, versionNumber: 1).Set ?? throw new ArgumentException("the policy does not load", nameof(files));
        var used = new HashSet<string>(StringComparer.Ordinal);
        var asked = new RecordedQuestions();
        foreach (var record in questions)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (record.Payload is not RecordedIntent intent || intent.At < from || intent.At >= until) continue;
            used.UnionWith(intent.Decision.Rules.Select(rule => rule.Rule));
            // What an earlier version decided counts for the rule that would decide it now.
            if (asked.Of(intent, record.Content).Decide(set, out _) is { } decision) used.UnionWith(decision.Rules.Select(rule => rule.Rule));
        }
        ImmutableArray<string> unused = [.. set.Rules.Where(rule => rule.Gives && !rule.IsReport && !used.Contains(rule.Id)).Select(rule => rule.Id)];
        ImmutableArray<PolicyFile> narrower = [.. files.Select(file => Without(file, unused))];
        var loaded = PolicyLoader.Load(narrower, environment, versionNumber: 2).Set;
        SimulationResult? proof = null;
        if (loaded is not null)
        {
            var simulation = new Simulation(loaded, (_, _) => set);
            simulation.Take(questions, from, until, cancellationToken);
            proof = simulation.Result();
        }
        return new NarrowerPolicy(unused, [.. loaded?.Rules.Select(rule => rule.Id).Where(unused.Contains) ?? []], narrower, PolicyDiff.Of(files, narrower), proof);
    }

    // Whole lines, so that everything else stays as its author wrote it; tests that expect the rule go with it.
    private static PolicyFile Without(PolicyFile file, ImmutableArray<string> unused)
    {
        var problems = new List<SourceProblem>();
        if (YamlReader.Read(file.Path, file.Text, problems) is not { } root) return file;
        var lines = file.Text.Split('\n');
        var gone = new HashSet<int>();
        Mark(root.Find("rules"), lines, gone, node => node.Find("id") is { } id && unused.Contains(id.Text));
        Mark(root.Find("tests"), lines, gone, node => node.Find("expect")?.Find("rule") is { } rule && unused.Contains(rule.Text));
        return gone.Count == 0 ? file : file with { Text = string.Join('\n', lines.Where((_, at) => !gone.Contains(at + 1))) };
    }

    private static void Mark(YamlNode? list, string[] lines, HashSet<int> gone, Func<YamlNode, bool> isGone)
    {
        if (list is not { Kind: YamlKind.Sequence } || list.Items.Count(isGone) == list.Items.Length) return;
        foreach (var item in list.Items.Where(isGone))
        {
            var first = item.Line;
            // Only an item that begins a line of its own, as blocks are written.
            if (first < 1 || first > lines.Length || !lines[first - 1].TrimStart().StartsWith("- ", StringComparison.Ordinal)) continue;
            var indent = Indent(lines[first - 1]);
            gone.Add(first);
            for (var line = first + 1; line <= lines.Length && (lines[line - 1].Trim().Length == 0 || Indent(lines[line - 1]) > indent); line++) gone.Add(line);
        }
    }

    private static int Indent(string line) => line.Length - line.TrimStart().Length;
}
