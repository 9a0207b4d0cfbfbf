using System.Collections.Immutable;
using Postern.Core.Operations;
using Postern.Core.Policy.Reading;
using Postern.Core.Yaml;

namespace Postern.Core.Policy.Checking;

/// <summary>Finds rules that never matter: on no connection, under a deny that takes all they give, or a guard on what nothing gives.</summary>
internal static class ReachChecks
{
    private const int MaxComparisons = 1_000_000;

    public static void Run(LoadContext context, ImmutableArray<ReadRule> rules)
    {
        var connections = context.Environment.Connections;
        var places = rules.Select(read => read.Rule.On.SelectMany(entry => connections.Where(entry.IsOn).Select(connection => (Entry: entry, Connection: connection))).ToList()).ToList();
        ImmutableArray<Rule> denies = [.. rules.Select(read => read.Rule).Where(rule => rule is { Effect: RuleEffect.Deny, When: null, IsReport: false } && rule.Until == DateTimeOffset.MaxValue && ReferenceEquals(rule.Who, Who.Anyone))];
        // A courtesy that compares rules with each other; a policy too large for it goes without.
        if ((long)rules.Length * (denies.Length + rules.Count(read => read.Rule.Effect == RuleEffect.Guard)) > MaxComparisons) return;
        for (var at = 0; at < rules.Length; at++)
        {
            var (rule, node) = rules[at];
            if (rule.On.IsEmpty) continue;
            if (places[at].Count == 0) context.Warn(node, $"`{rule.Id}` is never reached: no connection is what its `on` asks for");
            else if (rule.Gives && places[at].TrueForAll(place => denies.Any(deny => Takes(deny, place.Entry, place.Connection)))) context.Warn(node, $"`{rule.Id}` is never reached: a deny takes all that it gives");
            else if (rule.Effect == RuleEffect.Guard && !IsGiven(rules, places, places[at])) context.Warn(node, $"`{rule.Id}` guards what no rule permits");
        }
    }

    // A deny that always applies and touches whatever the entry could cover on this connection.
    private static bool Takes(Rule rule, Entry given, Connection connection) =>
        rule.On.Any(entry => entry.IsOn(connection) && entry.Selectors.All(taken => given.Selectors.Any(selector => IsWithin(selector, taken))));

    private static bool IsWithin(Selector given, Selector taken) =>
        given.Key.Fact == taken.Key.Fact && given.IsLiteral && given.Literals.All(taken.Names);

    private static bool IsGiven(ImmutableArray<ReadRule> rules, List<List<(Entry Entry, Connection Connection)>> places, List<(Entry Entry, Connection Connection)> guarded)
    {
        for (var at = 0; at < rules.Length; at++)
        {
            if (rules[at].Rule is not { Gives: true, IsReport: false }) continue;
            foreach (var (entry, connection) in places[at])
            {
                if (guarded.Exists(guard => guard.Connection.Name == connection.Name && CouldMeet(entry, guard.Entry))) return true;
            }
        }
        return false;
    }

    // True unless two written-out lists for the same fact share nothing: a warning must not cry wolf.
    private static bool CouldMeet(Entry given, Entry guarded)
    {
        foreach (var guard in guarded.Selectors)
        {
            var same = given.Selectors.FirstOrDefault(selector => selector.Key.Fact == guard.Key.Fact);
            if (same is not null && same.IsLiteral && !same.Literals.Any(guard.Names) && !guard.Literals.Any(same.Names)) return false;
            if (same is not null && guard.IsLiteral && !guard.Literals.Any(same.Names)) return false;
            var isElsewhere = same is null && !given.IsEverything && given.Vocabulary is { } vocabulary && vocabulary.ExclusiveKeys.Any(group => group.Contains(guard.Key.Name) && given.Selectors.Any(selector => group.Contains(selector.Key.Name)));
            if (isElsewhere) return false;
        }
        return true;
    }
}
