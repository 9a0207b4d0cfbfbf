using System.Collections.Immutable;
using System.Text.Json;
using System.Text.RegularExpressions;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Core.Policy;

namespace Postern.Tests.Policy.Reference;

/// <summary>What the reference says of an operation.</summary>
internal sealed record ReferenceAnswer(string Decision, string? Code, bool IsVisible, ImmutableSortedSet<string> Deciding, ImmutableSortedSet<string> Matched, ImmutableSortedSet<string> Approvers, int ExpiresMinutes);

/// <summary>
/// policy.md sections 2 to 5 and 7, read out sentence by sentence: no index, no compilation, no sharing of code with the
/// product beyond the data that a policy and an operation are.
/// </summary>
internal sealed class ReferencePolicy(IReadOnlyList<ModelRule> rules, ImmutableArray<Vocabulary> vocabularies)
{
    public ReferenceAnswer Decide(Identity identity, Operation operation, DateTimeOffset now)
    {
        var matched = operation.Parts.SelectMany(part => Matching(identity, operation, part, now, allUnknown: false)).ToList();
        var names = matched.Where(pair => Counts(pair.Rule, pair.Truth)).Select(pair => pair.Rule.Id).ToImmutableSortedSet();
        ReferenceAnswer Deny(string code, IEnumerable<string> deciding) => new("deny", code, Ask(identity, operation, now, allUnknown: true) != Possibility.Never, [.. deciding], names.Union(code == RefusalCode.PolicyError ? deciding : []), [], 0);

        // "One part: a matching deny → deny"; "Whole operation: the strictest part". Unknown in a deny counts as possible.
        var denies = matched.Where(pair => pair.Rule.Then == RuleEffect.Deny && pair.Truth is Truth.True or Truth.Unknown).ToList();
        if (denies.Count > 0) return Deny(RefusalCode.NotPermitted, [denies[0].Rule.Id, .. denies.Select(pair => pair.Rule.Id)]);
        // "An error in any rule whose who and on match denies, whatever its effect."
        var errors = matched.Where(pair => pair.Truth == Truth.Error).ToList();
        if (errors.Count > 0) return Deny(RefusalCode.PolicyError, errors.Select(pair => pair.Rule.Id));
        // "else no matching allow or hold → deny"
        if (operation.Parts.Any(part => !IsGiven(identity, operation, part, now))) return Deny(RefusalCode.NotPermitted, []);
        // "else a matching hold or guard → hold; else allow"
        var holds = matched.Where(pair => pair.Rule.Then is RuleEffect.Hold or RuleEffect.Guard && pair.Truth is Truth.True or Truth.Unknown).Select(pair => pair.Rule).Distinct().ToList();
        var answer = holds.Count > 0
            ? new ReferenceAnswer("hold", null, false, [.. holds.Select(rule => rule.Id)], names, [.. holds.Select(rule => "corp:" + rule.Approver)], holds.Min(rule => rule.ExpiresMinutes))
            : new ReferenceAnswer("allow", null, false, names, names, [], 0);
        return operation.IsQuarantined ? new ReferenceAnswer("deny", RefusalCode.Quarantined, true, [], names, [], 0) : answer;
    }

    public Possibility Consider(Identity identity, Operation operation, DateTimeOffset now) =>
        operation.IsQuarantined ? Possibility.Never : Ask(identity, operation, now, allUnknown: false);

    private Possibility Ask(Identity identity, Operation operation, DateTimeOffset now, bool allUnknown)
    {
        var worst = Possibility.Always;
        foreach (var part in operation.Parts)
        {
            var matched = Matching(identity, operation, part, now, allUnknown);
            var gives = matched.Any(pair => Gives(pair.Rule) && pair.Truth is Truth.True or Truth.Unknown) || (part.IsImplied && CouldPermitSomething(identity, operation, now));
            var never = !gives || matched.Any(pair => pair.Truth == Truth.Error || (pair.Rule.Then == RuleEffect.Deny && pair.Truth == Truth.True));
            var always = !matched.Any(pair => pair.Truth == Truth.Unknown || (pair.Rule.Then is RuleEffect.Hold or RuleEffect.Guard && pair.Truth == Truth.True));
            var possibility = never ? Possibility.Never : always ? Possibility.Always : Possibility.Possible;
            if (possibility < worst) worst = possibility;
        }
        return worst;
    }

    /// <summary>Rules in <c>mode: report</c> that matched some part: recorded, without effect.</summary>
    public ImmutableSortedSet<string> Reported(Identity identity, Operation operation, DateTimeOffset now) =>
        [.. operation.Parts.SelectMany(part => Matching(identity, operation, part, now, allUnknown: false, isReport: true)).Select(pair => pair.Rule.Id)];

    private static bool Gives(ModelRule rule) => rule.Then is RuleEffect.Allow or RuleEffect.Hold;

    // What is not known takes and does not give.
    private static bool Counts(ModelRule rule, Truth truth) => truth == Truth.True || (truth == Truth.Unknown && rule.Then != RuleEffect.Allow);

    private bool IsGiven(Identity identity, Operation operation, Part part, DateTimeOffset now) =>
        Matching(identity, operation, part, now, allUnknown: false).Any(pair => Gives(pair.Rule) && pair.Truth == Truth.True)
        || (part.IsImplied && CouldPermitSomething(identity, operation, now));

    private bool CouldPermitSomething(Identity identity, Operation operation, DateTimeOffset now) => rules.Any(rule =>
        !rule.Report && Gives(rule) && IsInForce(rule, now) && Includes(rule, identity) && rule.On.Any(entry => IsOn(entry, operation.Connection))
        && Evaluate(rule, identity, part: null, allUnknown: true) is Truth.True or Truth.Unknown);

    private List<(ModelRule Rule, Truth Truth)> Matching(Identity identity, Operation operation, Part part, DateTimeOffset now, bool allUnknown, bool isReport = false) => rules
        .Where(rule => rule.Report == isReport && IsInForce(rule, now) && Includes(rule, identity) && rule.On.Any(entry => IsOn(entry, operation.Connection) && Matches(rule, entry, operation, part)))
        .Select(rule => (rule, Evaluate(rule, identity, part, allUnknown)))
        .Where(pair => pair.Item2 != Truth.False)
        .ToList();

    private static bool IsInForce(ModelRule rule, DateTimeOffset now) => rule.Until is null || now < rule.Until;

    private static bool Includes(ModelRule rule, Identity identity)
    {
        if (rule.Who is null || rule.Who.Count == 0) return true;
        var isPerson = identity.Kind == IdentityKind.Person;
        return rule.Who.All(pair => pair.Key switch
        {
            "users" => isPerson && pair.Value.Contains(identity.Subject),
            "workloads" => !isPerson && pair.Value.Contains(identity.Subject),
            "groups" => pair.Value.Any(identity.Groups.Contains),
            "agents" => identity.Agent is not null && pair.Value.Contains(identity.Agent),
            _ => throw new InvalidOperationException(pair.Key),
        });
    }

    private bool IsOn(ModelEntry entry, Connection connection)
    {
        if (entry.Connection is not null && !entry.Connection.Any(name => IsMatch(name, connection.Name, segment: null))) return false;
        if (entry.Tags is not null && !entry.Tags.Any(connection.Tags.Contains)) return false;
        return entry.Keys.Keys.All(key => Words(connection).Keys.Any(known => known.Name == key));
    }

    private Vocabulary Words(Connection connection) => vocabularies.Single(vocabulary => vocabulary.Protocols.Contains(connection.Protocol));

    private bool Matches(ModelRule rule, ModelEntry entry, Operation operation, Part part)
    {
        var isWhole = entry.Keys.Count == 0 && !entry.Everything;
        if (part.IsImplied) return rule.Then == RuleEffect.Deny && isWhole;
        var words = Words(operation.Connection);
        if (!Gives(rule)) return entry.Keys.All(pair => Touches(words.Keys.Single(key => key.Name == pair.Key), pair.Value, part));
        var hasDefinition = operation.Definition is not null;
        if (!entry.Keys.All(pair => Covers(words.Keys.Single(key => key.Name == pair.Key), pair.Value, part, hasDefinition))) return false;
        // `everything: true` stands in for a star under every other key.
        return !entry.Everything || words.Keys.Where(key => !entry.Keys.ContainsKey(key.Name)).All(key => part.FactOrEmpty(key.Fact).IsEmpty || (!key.ByNameOnly && Covers(key, ["**"], part, hasDefinition)));
    }

    private static bool Covers(SelectorKey key, string[] values, Part part, bool hasDefinition)
    {
        var fact = part.FactOrEmpty(key.Fact);
        var patternsReach = hasDefinition || !key.PatternsNeedDefinition;
        if (fact.IsEmpty) return false;
        if (fact.IsAll) return patternsReach && values.Any(value => value == "**" || (value == "*" && key.Segment is null)) && key.NamedOnlyValues.All(values.Contains);
        return fact.Values.All(value => values.Contains(value) || (patternsReach && !key.NamedOnlyValues.Contains(value) && values.Any(pattern => IsMatch(pattern, value, key.Segment))));
    }

    private static bool Touches(SelectorKey key, string[] values, Part part)
    {
        var fact = part.FactOrEmpty(key.Fact);
        return fact.IsAll || fact.Values.Any(value => values.Any(pattern => IsMatch(pattern, value, key.Segment)));
    }

    private static readonly Dictionary<(string, char?), Regex> Patterns = [];

    private static bool IsMatch(string pattern, string value, char? segment)
    {
        if (Patterns.TryGetValue((pattern, segment), out var known)) return known.IsMatch(value);
        var inside = segment is { } end ? $"[^{Regex.Escape(end.ToString())}]*" : ".*";
        var expression = Regex.Escape(pattern).Replace(@"\*\*", ".*", StringComparison.Ordinal).Replace(@"\*", inside, StringComparison.Ordinal);
        return (Patterns[(pattern, segment)] = new Regex($@"\A(?s:{expression})\z", RegexOptions.CultureInvariant, TimeSpan.FromSeconds(5))).IsMatch(value);
    }

    private static Truth Evaluate(ModelRule rule, Identity identity, Part? part, bool allUnknown)
    {
        if (rule.When is null) return Truth.True;
        var isPorter = identity.Groups.Contains("porters");
        return rule.When.Meaning(Read(part, allUnknown), isPorter);
    }

    private static Height Read(Part? part, bool allUnknown)
    {
        if (allUnknown || part is null) return new Height(null, IsUnknown: true);
        foreach (var variable in part.Variables.Where(variable => variable.Name == "args"))
        {
            if (variable.IsUnknown) return new Height(null, IsUnknown: true);
            using var document = JsonDocument.Parse(variable.Json);
            return new Height(document.RootElement.TryGetProperty("height", out var height) ? height.GetInt32() : null, IsUnknown: false);
        }
        return new Height(null, IsUnknown: false);
    }
}
