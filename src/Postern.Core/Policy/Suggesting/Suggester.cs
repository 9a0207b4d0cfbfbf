using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using Postern.Core.Operations;
using Postern.Core.Policy.Replay;
using Postern.Core.Recording;

namespace Postern.Core.Policy.Suggesting;

/// <summary>What was learnt from recordings.</summary>
/// <param name="Rules">The smallest rules that cover what was permitted and done, the most used first.</param>
/// <param name="Operations">Permitted operations that were looked at.</param>
/// <param name="Uncovered">Of them: those that no rule was made for, by reason.</param>
public sealed record Suggestions(ImmutableArray<SuggestedRule> Rules, long Operations, ImmutableSortedDictionary<string, long> Uncovered)
{
    /// <summary>The rules as a policy file.</summary>
    public string ToYaml() => Rules.IsEmpty ? "version: 1\nrules: []\n" : "version: 1\nrules:\n" + string.Join('\n', Rules.Select(rule => rule.ToYaml()));
}

/// <summary>
/// Mines recordings for the smallest rules that cover observed use: for each connection and thing done, who did it (by group where most of a
/// group does), on which names, with which arguments. What was done is taken as what is meant: misuse in the recordings is suggested too.
/// </summary>
/// <param name="environment">The vocabularies in whose words rules are written.</param>
public sealed class Suggester(PolicyEnvironment environment)
{
    /// <summary>What was done fewer times than this is no habit; it is counted, and no rule is made.</summary>
    public const int MinUses = 3;

    private const int MaxNames = 20;
    private const double MostOfAGroup = 0.5;

    private readonly RecordedQuestions _questions = new();
    private readonly Dictionary<string, HashSet<string>> _members = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Habit> _habits = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> _uncovered = new(StringComparer.Ordinal);
    private long _operations;

    /// <summary>Takes the records of <see cref="JournalReader.ReadQuestions"/>.</summary>
    public void Take(IEnumerable<JournalRecord> records, DateTimeOffset from, DateTimeOffset until, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(records);
        foreach (var record in records)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (record.Payload is RecordedIntent intent && intent.At >= from && intent.At < until && intent.Identity.Kind != "gateway") Take(intent, record.Content);
        }
    }

    /// <summary>The rules so far.</summary>
    public Suggestions Result()
    {
        var rules = new List<SuggestedRule>();
        var uncovered = new Dictionary<string, long>(_uncovered, StringComparer.Ordinal);
        var ids = new HashSet<string>(StringComparer.Ordinal);
        foreach (var habit in _habits.Values)
        {
            foreach (var (whoKey, who, users) in Askers(habit))
            {
                var uses = habit.Uses.Where(use => users.Contains(use.Identity.Key)).ToList();
                if (uses.Count < MinUses) uncovered["done too seldom to be a habit"] = uncovered.GetValueOrDefault("done too seldom to be a habit") + uses.Count;
                else rules.Add(RuleOf(habit, whoKey, who, uses, ids));
            }
        }
        return new Suggestions([.. rules.OrderByDescending(rule => rule.Uses).ThenBy(rule => rule.Id, StringComparer.Ordinal)], _operations, uncovered.ToImmutableSortedDictionary(StringComparer.Ordinal));
    }

    private void Take(RecordedIntent intent, ReadOnlyMemory<byte> content)
    {
        var question = _questions.Of(intent, content);
        foreach (var group in question.Identity.QualifiedGroups) Members(group).Add(question.Identity.Key);
        if (intent.Decision.Kind != "allow") return;
        _operations++;
        if (intent.Basis is null) Miss(Unfaithful.OfNoBasis(intent));
        else if (question.LacksInputs) Miss("arguments were masked");
        else if (environment.Vocabularies.FirstOrDefault(vocabulary => vocabulary.Protocols.Contains(intent.Connection.Protocol)) is not { } vocabulary) Miss("nothing here speaks its protocol any more");
        else if (!question.Operation.Parts.All(part => part.IsImplied || CanBeWritten(vocabulary, part))) Miss("no rule can name it");
        else foreach (var part in question.Operation.Parts.Where(part => !part.IsImplied)) HabitOf(vocabulary, question, part).Uses.Add(new Use(question.Identity, part));
    }

    private void Miss(string reason) => _uncovered[reason] = _uncovered.GetValueOrDefault(reason) + 1;

    private HashSet<string> Members(string group) => _members.TryGetValue(group, out var members) ? members : _members[group] = new HashSet<string>(StringComparer.Ordinal);

    private static bool CanBeWritten(Vocabulary vocabulary, Part part) =>
        vocabulary.RequiredKeys.Any(alternative => alternative.All(name => !FactOf(vocabulary, part, name).IsEmpty)) && !vocabulary.Keys.Any(key => part.FactOrEmpty(key.Fact).IsAll && (key.ByNameOnly || key.NamedOnlyMark is not null || !key.NamedOnlyValues.IsEmpty));

    private static Fact FactOf(Vocabulary vocabulary, Part part, string key) => part.FactOrEmpty(vocabulary.Keys.First(one => one.Name == key).Fact);

    // One habit: the same action on the same connection with the same first name, whoever does it.
    private Habit HabitOf(Vocabulary vocabulary, RecordedQuestion question, Part part)
    {
        var keys = vocabulary.Keys.Where(key => !part.FactOrEmpty(key.Fact).IsEmpty).DistinctBy(key => key.Fact).ToImmutableArray();
        var first = part.FactOrEmpty(keys[0].Fact);
        var name = $"{question.Operation.Connection.Name}\n{part.Action}\n{string.Join(',', keys.Select(key => key.Name))}\n{(first.IsAll ? "*" : string.Join(',', first.Values))}";
        return _habits.TryGetValue(name, out var habit) ? habit : _habits[name] = new Habit(vocabulary, question.Operation.Connection.Name, keys, first.IsAll ? "everything" : first.Values[0]);
    }

    // Groups of which most did it, the largest first, then people and workloads by name.
    private List<(string Key, ImmutableArray<string> Names, HashSet<string> Users)> Askers(Habit habit)
    {
        var left = habit.Uses.Select(use => use.Identity.Key).ToHashSet(StringComparer.Ordinal);
        var askers = new List<(string, ImmutableArray<string>, HashSet<string>)>();
        while (left.Count > 1)
        {
            var best = _members
                .Select(pair => (Group: pair.Key, Members: pair.Value, Users: pair.Value.Where(left.Contains).ToHashSet(StringComparer.Ordinal)))
                .Where(each => each.Users.Count > 1 && each.Users.Count >= MostOfAGroup * each.Members.Count)
                .OrderByDescending(each => each.Users.Count).ThenBy(each => each.Members.Count).ThenBy(each => each.Group, StringComparer.Ordinal)
                .Take(1).ToList();
            if (best is not [var (group, _, covered)]) break;
            askers.Add(("groups", [group], covered));
            left.ExceptWith(covered);
        }
        foreach (var (kind, key) in new[] { (IdentityKind.Person, "users"), (IdentityKind.Workload, "workloads") })
        {
            var users = habit.Uses.Where(use => use.Identity.Kind == kind && left.Contains(use.Identity.Key)).Select(use => use.Identity.Key).ToHashSet(StringComparer.Ordinal);
            foreach (var user in users.Order(StringComparer.Ordinal)) askers.Add((key, [user], new HashSet<string>([user], StringComparer.Ordinal)));
        }
        return askers;
    }

    private SuggestedRule RuleOf(Habit habit, string whoKey, ImmutableArray<string> who, List<Use> uses, HashSet<string> ids)
    {
        var on = habit.Keys.Select(key => KeyValuePair.Create(key.Name, Values(key, uses))).ToImmutableArray();
        var adds = whoKey == "groups" ? Members(who[0]).Except(uses.Select(use => use.Identity.Key), StringComparer.Ordinal).Order(StringComparer.Ordinal).ToImmutableArray() : [];
        return new SuggestedRule(IdOf($"{habit.Connection}-{habit.Name}-{who[0][(who[0].IndexOf(':', StringComparison.Ordinal) + 1)..]}", ids), whoKey, who, habit.Connection, on, Arguments(habit.Vocabulary, uses), uses.Count, adds);
    }

    private static ImmutableArray<string> Values(SelectorKey key, List<Use> uses)
    {
        if (uses.Exists(use => use.Part.FactOrEmpty(key.Fact).IsAll)) return [key.Segment is null ? "*" : "**"];
        var values = uses.SelectMany(use => use.Part.FactOrEmpty(key.Fact).Values).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToImmutableArray();
        if (values.Length <= MaxNames || key.Segment is not { } segment || values.Any(key.IsNamedOnly)) return values;
        // Names that go on growing share their beginning: a pattern up to the last segment that all of them have.
        var common = values.Aggregate(static (left, right) => left[..left.AsSpan().CommonPrefixLength(right)])!;
        var end = common.LastIndexOf(segment);
        return end > 0 && !Glob.IsPattern(common) ? [$"{common[..(end + 1)]}**"] : values;
    }

    private static ImmutableArray<SuggestedArgument> Arguments(Vocabulary vocabulary, List<Use> uses)
    {
        var arguments = ImmutableArray.CreateBuilder<SuggestedArgument>();
        foreach (var variable in vocabulary.Variables.Where(variable => variable.Type == WhenType.Map))
        {
            var seen = new SortedDictionary<string, ArgumentUse>(StringComparer.Ordinal);
            foreach (var use in uses)
            {
                var json = use.Part.Variables.FirstOrDefault(candidate => candidate.Name == variable.Name).Json;
                if (json.IsEmpty) continue;
                using var document = JsonDocument.Parse(json);
                if (document.RootElement.ValueKind != JsonValueKind.Object) continue;
                foreach (var member in document.RootElement.EnumerateObject())
                {
                    if (!seen.TryGetValue(member.Name, out var argument)) seen[member.Name] = argument = new ArgumentUse(variable.Name, member.Name);
                    argument.Add(member.Value);
                }
            }
            arguments.AddRange(seen.Values.Select(argument => argument.Suggest(uses.Count)));
        }
        return arguments.DrainToImmutable();
    }

    private static string IdOf(string text, HashSet<string> ids)
    {
        var id = new StringBuilder();
        foreach (var character in text.ToLowerInvariant()) id.Append(char.IsAsciiLetterOrDigit(character) ? character : '-');
        var name = id.ToString().Trim('-');
        for (var number = 2; !ids.Add(name); number++) name = $"{id.ToString().Trim('-')}-{number}";
        return name;
    }

    private sealed record Use(Identity Identity, Part Part);

    private sealed record Habit(Vocabulary Vocabulary, string Connection, ImmutableArray<SelectorKey> Keys, string Name)
    {
        public List<Use> Uses { get; } = [];
    }
}
