using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Core.Policy.Explaining;
using Postern.Tests.Policy.Reference;

namespace Postern.Tests.Policy.Replay;

/// <summary>Which rule matched, which nearly did, and for want of what.</summary>
public sealed class ExplanationTests
{
    private const string Policy =
        """
        rules:
          - {id: porters, who: {groups: [porters]}, on: {connection: manor, doors: [cellar, "a*"]}, then: allow}
          - {id: low, who: {users: [alice]}, on: {connection: manor, doors: [gate]}, when: args.height < 3, then: allow}
          - {id: old, who: anyone, on: {connection: manor, doors: [gate]}, until: 2026-01-01T00:00:00Z, then: allow}
          - {id: try, who: anyone, on: {connection: manor, doors: [cellar]}, mode: report, then: deny}
          - {id: books, who: anyone, on: {acts: [read], books: [x.one]}, then: allow}
        """;

    private static readonly Identity Alice = Toy.Person("alice", "porters");

    [Fact]
    public void Matching_and_nearly_matching_rules_are_told_with_what_they_lacked()
    {
        Assert.Equal(["allowed: permitted by `porters`", "matched: `porters` (allow) on house.open", "reported: `try` (deny) on house.open"], Lines(Toy.Door("cellar"))[..3]);
        Assert.Equal(
            [
                "denied (policy.not_permitted): no rule permits it",
                "nearly: `porters` (allow) on house.open, but `doors` is `cellar`, `a*`, not `gate`",
                "nearly: `low` (allow) on house.open, but its condition is not true",
                "nearly: `old` (allow) on house.open, but it ended at 2026-01-01T00:00:00Z",
                "nearly: `try` (deny) on house.open, but `doors` is `cellar`, not `gate`",
            ],
            Lines(Toy.Door("gate", """{"height":5}""")));
        Assert.Contains("nearly: `porters` (allow) on house.open, but it is for groups `corp:porters`", Lines(Toy.Door("cellar"), Toy.Person("bob")));
        Assert.Contains("nearly: `porters` (allow) on house.open, but `attic` has no accepted definition, so only its full name reaches it", Lines(Toy.Door("attic", isDefined: false)));
        Assert.Contains("nearly: `porters` (allow) on house.open, but it is not on `cottage`", Lines(Toy.Door("cellar", connection: Toy.Cottage)));
    }

    /// <summary>One engine: what is told to match is what decided, over random policies and questions.</summary>
    [Fact]
    public void What_is_told_to_match_is_what_the_decision_names()
    {
        for (var seed = 0; seed < 300; seed++)
        {
            var policy = RandomCase.Of(seed);
            var set = PolicyLoader.Load([new PolicyFile("random.yaml", policy.Yaml)], PolicyText.Environment(), versionNumber: 1).Set!;
            var random = new Random(seed);
            for (var at = 0; at < 8; at++)
            {
                var (identity, operation) = (RandomCase.Asker(random), RandomCase.Asked(random));
                var explanation = Explanation.Of(set, identity, operation, Toy.Now);
                var told = explanation.Matched.Where(rule => !rule.IsReport).Select(rule => rule.Rule).ToHashSet();
                var named = explanation.Decision.Rules.Select(rule => rule.Rule).ToHashSet();

                Assert.True(told.SetEquals(named), $"told {string.Join(",", told)}, named {string.Join(",", named)}\n{policy}");
                if (explanation.Decision is { HasDecidingRule: true, Rules: [var first, ..] }) Assert.Equal(first.Rule, explanation.Matched.First(rule => !rule.IsReport).Rule);
            }
        }
    }

    private static string[] Lines(Operation operation, Identity? identity = null) => [.. Explanation.Of(PolicyText.Set(Policy), identity ?? Alice, operation, Toy.Now).Lines()];
}
