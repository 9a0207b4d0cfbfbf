using System.Collections.Immutable;
using Postern.Core.Masking;
using Postern.Core.Recording;

namespace Postern.Core.Policy.Replay;

/// <summary>How a candidate would have decided otherwise.</summary>
public enum SimulatedChange
{
    /// <summary>It was refused or held, and would be permitted.</summary>
    Allowed,

    /// <summary>It was permitted or refused, and people would have to agree.</summary>
    Held,

    /// <summary>It was permitted or held, and would be refused.</summary>
    Denied,

    /// <summary>More of it would be masked for the caller or in the record.</summary>
    Masked,

    /// <summary>Less of it would be masked for the caller or in the record, or a mask of the same name reads otherwise.</summary>
    Unmasked,
}

/// <summary>Operations that would have been decided otherwise in the same way.</summary>
/// <param name="Change">How.</param>
/// <param name="Identity">Whose; <c>issuer:subject</c>.</param>
/// <param name="Connection">On which connection.</param>
/// <param name="Asked">What for.</param>
/// <param name="Before">The decision that was, with its rule: <c>allow small-refunds@14</c>.</param>
/// <param name="After">The decision that would be, with its rule, or the masks that come and go.</param>
/// <param name="Rule">The candidate's rule or mask that decides, or null when it is that none permits.</param>
/// <param name="Count">How many.</param>
/// <param name="Sessions">Sessions in which they stand, at most <see cref="Simulation.MaxSessions"/>.</param>
/// <param name="Example">The last of them.</param>
public sealed record SimulatedChanges(
    SimulatedChange Change, string Identity, string Connection, string Asked, string Before, string After, string? Rule, long Count, ImmutableArray<string> Sessions, string Example);

/// <summary>What a simulation came to.</summary>
/// <param name="Operations">Recorded operations in the time that was asked for; the gateway's own are left out.</param>
/// <param name="Unchanged">Of them: decided, and masked, as they were.</param>
/// <param name="Changes">The others, the most frequent first.</param>
/// <param name="Unfaithful">Those that could only be guessed, and were not: reason and number.</param>
/// <param name="UnknownMasks">Of those that were decided: whose masks could not be compared, because the version that masked them is not kept.</param>
public sealed record SimulationResult(long Operations, long Unchanged, ImmutableArray<SimulatedChanges> Changes, ImmutableSortedDictionary<string, long> Unfaithful, long UnknownMasks);

/// <summary>
/// Decides recorded operations again under a candidate: by the one engine, from what the record holds of who asked, what for and when.
/// What cannot be known any more is counted and never guessed. Nothing is asked of any target.
/// </summary>
/// <param name="candidate">The policy in question.</param>
/// <param name="versionOf">The version of this number and hash as it was, or null when it is not kept.</param>
public sealed class Simulation(PolicySet candidate, Func<int, string, PolicySet?> versionOf)
{
    /// <summary>Sessions that are named for each kind of change.</summary>
    public const int MaxSessions = 5;

    /// <summary>Kinds of changes that are told apart; what comes on top is counted under one.</summary>
    public const int MaxKinds = 10_000;

    private readonly RecordedQuestions _questions = new();
    private readonly Dictionary<string, PolicySet?> _versions = new(StringComparer.Ordinal);
    private readonly Dictionary<Kind, Bucket> _tallies = [];
    private readonly Dictionary<string, long> _unfaithful = new(StringComparer.Ordinal);
    private long _operations;
    private long _unchanged;
    private long _unknownMasks;

    /// <summary>Takes the records of <see cref="JournalReader.ReadQuestions"/>, as many as there are.</summary>
    /// <param name="records">In any order.</param>
    /// <param name="from">Operations from this instant on.</param>
    /// <param name="until">Operations before this instant.</param>
    /// <param name="cancellationToken">Interrupt.</param>
    /// <exception cref="RecordingException">A record cannot be read.</exception>
    public void Take(IEnumerable<JournalRecord> records, DateTimeOffset from, DateTimeOffset until, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(records);
        foreach (var record in records)
        {
            cancellationToken.ThrowIfCancellationRequested();
            switch (record.Payload)
            {
                case RecordedIntent intent when intent.At >= from && intent.At < until && intent.Identity.Kind != "gateway":
                    Take(intent, record.Content);
                    break;
                case RecordedDenials denials when denials.To >= from && denials.To < until:
                    _operations += denials.Count;
                    Count(Unfaithful.Counted, denials.Count);
                    break;
                default:
                    break;
            }
        }
    }

    /// <summary>What it came to so far.</summary>
    public SimulationResult Result() => new(
        _operations, _unchanged,
        [.. _tallies.Select(pair => new SimulatedChanges(pair.Key.Change, pair.Key.Identity, pair.Key.Connection, pair.Key.Asked, pair.Key.Before, pair.Key.After, pair.Key.Rule, pair.Value.Count, [.. pair.Value.Sessions], pair.Value.Example))
            .OrderBy(change => change.Change).ThenByDescending(change => change.Count).ThenBy(change => change.Identity, StringComparer.Ordinal).ThenBy(change => change.Asked, StringComparer.Ordinal)],
        _unfaithful.ToImmutableSortedDictionary(StringComparer.Ordinal), _unknownMasks);

    private void Take(RecordedIntent intent, ReadOnlyMemory<byte> content)
    {
        _operations++;
        var question = _questions.Of(intent, content);
        if (question.Decide(candidate, out var unfaithful) is not { } decision)
        {
            Count(unfaithful!, 1);
            return;
        }
        if (ChangeOf(intent.Decision.Kind, decision) is { } change)
        {
            Tally(change, intent, $"{intent.Decision.Kind} {RuleOf(intent.Decision)}".TrimEnd(), $"{WordOf(decision)} {RuleOf(decision)}".TrimEnd(), RuleOf(decision));
            return;
        }
        if (decision is Decision.Deny || !Remask(question)) _unchanged++;
    }

    private bool Remask(RecordedQuestion question)
    {
        var (caller, record) = candidate.MaskBitsFor(question.Identity, question.Operation);
        if (VersionOf(question.Intent.Decision) is not { } version)
        {
            // Nothing masked it then or would now, as far as this version goes; whether something did, nobody knows.
            _unknownMasks++;
            return false;
        }
        if (ReferenceEquals(version, candidate)) return false;
        var (callerBefore, recordBefore) = version.MaskBitsFor(question.Identity, question.Operation);
        if ((caller | record | callerBefore | recordBefore) == 0) return false;
        var before = Sorted(version, callerBefore, recordBefore);
        var after = Sorted(candidate, caller, record);
        var isLess = before.Any(mask => !after.Contains(mask));
        var news = after.FirstOrDefault(mask => !before.Contains(mask)).Name;
        if (!isLess && news is null) return false;
        Tally(isLess ? SimulatedChange.Unmasked : SimulatedChange.Masked, question.Intent, Shown(before), Shown(after), news ?? before.First(mask => !after.Contains(mask)).Name);
        return true;
    }

    private PolicySet? VersionOf(RecordedDecision decision)
    {
        if (decision.Hash == candidate.Version.Hash.ToString()) return candidate;
        if (_versions.TryGetValue(decision.Hash, out var known)) return known;
        return _versions[decision.Hash] = versionOf(decision.Version, decision.Hash);
    }

    /// <summary>What became of a recorded kind of decision; null when it is the same.</summary>
    internal static SimulatedChange? ChangeOf(string before, Decision after) => (before, after) switch
    {
        ("allow", Decision.Allow) or ("hold", Decision.Hold) or ("deny", Decision.Deny) => null,
        (_, Decision.Allow) => SimulatedChange.Allowed,
        (_, Decision.Hold) => SimulatedChange.Held,
        _ => SimulatedChange.Denied,
    };

    /// <summary>A decision's kind as the record writes it.</summary>
    internal static string WordOf(Decision decision) => decision switch { Decision.Allow => "allow", Decision.Hold => "hold", _ => "deny" };

    private static string? RuleOf(Decision decision) => decision is { HasDecidingRule: true, Rules.IsEmpty: false } ? decision.Rules[0].Rule : null;

    private static string? RuleOf(RecordedDecision decision) => decision.RuleLabel;

    // By what a mask does and not by its name alone: one that was changed is another one.
    private static List<(string Name, string Meaning)> Sorted(PolicySet set, ulong caller, ulong record) =>
    [
        .. set.Masks.Where(mask => (caller & (1UL << mask.Ordinal)) != 0).Select(mask => (mask.Rule.Id, MeaningOf(mask.Rule))),
        .. set.Masks.Where(mask => (record & ~caller & (1UL << mask.Ordinal)) != 0).Select(mask => ($"{mask.Rule.Id} (record)", MeaningOf(mask.Rule))),
    ];

    private static string MeaningOf(MaskRule rule) =>
        $"{rule.Kind}|{string.Join(',', rule.Fields)}|{string.Join(',', rule.Columns)}|{string.Join(',', rule.Detectors)}|{string.Join(',', rule.Patterns)}|{rule.Decode}";

    private static string Shown(List<(string Name, string Meaning)> masks) => masks.Count == 0 ? "no mask" : string.Join(", ", masks.Select(mask => mask.Name));

    private void Count(string reason, long number) => _unfaithful[reason] = _unfaithful.GetValueOrDefault(reason) + number;

    private void Tally(SimulatedChange change, RecordedIntent intent, string before, string after, string? rule)
    {
        var kind = new Kind(change, intent.Identity.Key, intent.Connection.Name, Asked(intent.Parts), before, after, rule);
        if (!_tallies.ContainsKey(kind) && _tallies.Count >= MaxKinds) kind = new Kind(change, "(others)", "(others)", "(more kinds of changes than are told apart)", "", "", rule);
        if (!_tallies.TryGetValue(kind, out var tally)) _tallies[kind] = tally = new Bucket();
        tally.Count++;
        tally.Example = intent.Op;
        if (tally.Sessions.Count < MaxSessions && !tally.Sessions.Contains(intent.Session)) tally.Sessions.Add(intent.Session);
    }

    /// <summary>What was asked for, in one line: actions and what they touch.</summary>
    internal static string Asked(ImmutableArray<RecordedPart> parts) =>
        string.Join("; ", parts.Select(part => string.Join(' ', part.Facts.SelectMany(fact => fact.All ? ["(everything)"] : fact.Values).Prepend(part.Action))));

    private sealed record Kind(SimulatedChange Change, string Identity, string Connection, string Asked, string Before, string After, string? Rule);

    private sealed class Bucket
    {
        public long Count { get; set; }

        public List<string> Sessions { get; } = [];

        public string Example { get; set; } = "";
    }
}
