using System.Collections.Immutable;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Core.Policy.Replay;
using Postern.Core.Recording;

namespace Postern.Tests.Policy.Replay;

/// <summary>What a candidate would have done to what was recorded.</summary>
public sealed class SimulationTests
{
    private const string Now =
        """
        rules:
          - {id: porters, who: {groups: [porters]}, on: {connection: manor, doors: [cellar, attic]}, then: allow}
          - {id: low, who: {groups: [porters]}, on: {connection: manor, doors: [gate]}, when: args.height < 3, then: allow}
        masks:
          - {id: keys, on: {connection: manor, doors: [cellar]}, fields: ["$..key"], as: redact}
        """;

    private static readonly Identity Alice = Toy.Person("alice", "porters");
    private static readonly Identity Bob = Toy.Person("bob", "cooks");

    [Fact]
    public void Changes_are_told_by_kind_identity_and_rule_with_their_sessions()
    {
        var before = PolicyText.Set(Now);
        var after = PolicyText.Set(Now.Replace("[cellar, attic]", "[cellar]", StringComparison.Ordinal).Replace("as: redact", "as: partial", StringComparison.Ordinal).Replace("masks:",
            """
              - {id: cooks, who: {groups: [cooks]}, on: {connection: manor, doors: [cellar]}, then: allow}
              - {id: ask-first, on: {connection: manor, doors: [gate]}, then: guard, hold: {approvers: {groups: [butlers]}}}
            masks:
              - {id: heights, on: {connection: cottage}, fields: ["$..height"], as: redact}
            """, StringComparison.Ordinal));
        var recorded = new Recorded();
        var result = Run(before, after,
            recorded.Of(before, Alice, Toy.Door("attic"), session: "S1"),
            recorded.Of(before, Alice, Toy.Door("attic"), session: "S2"),
            recorded.Of(before, Bob, Toy.Door("cellar"), session: "S3"),
            recorded.Of(before, Alice, Toy.Door("gate", """{"height":2}"""), session: "S4"),
            recorded.Of(before, Alice, Toy.Door("cellar"), session: "S5"),
            recorded.Of(before, Bob, Toy.Door("attic"), session: "S6"),
            recorded.Of(before, Alice, Toy.Door("gate", """{"height":2}"""), session: "S7", isMasked: true));

        Assert.Equal((7, 1), (result.Operations, result.Unchanged));
        Assert.Equal(
            [
                "Allowed corp:bob manor house.open cellar: deny -> allow cooks [cooks] 1 S3",
                "Held corp:alice manor house.open gate: allow low@7 -> hold ask-first [ask-first] 1 S4",
                "Denied corp:alice manor house.open attic: allow porters@7 -> deny [] 2 S1,S2",
                "Unmasked corp:alice manor house.open cellar: keys -> keys [keys] 1 S5",
            ],
            result.Changes.Select(change => $"{change.Change} {change.Identity} {change.Connection} {change.Asked}: {change.Before} -> {change.After} [{change.Rule}] {change.Count} {string.Join(',', change.Sessions)}"));
        Assert.Equal([new(Unfaithful.Masked, 1)], result.Unfaithful);
    }

    [Fact]
    public void A_policy_that_means_the_same_changes_nothing()
    {
        var before = PolicyText.Set(Now);
        var same = PolicyText.Set(Now.Replace("rules:", "# the same, otherwise written\nrules:", StringComparison.Ordinal));
        var recorded = new Recorded();

        var result = Run(before, same, [.. Enumerable.Range(0, 50).Select(height => recorded.Of(before, height % 2 == 0 ? Alice : Bob, Toy.Door("gate", $$"""{"height":{{height}}}""")))]);

        Assert.Equal((50, 50), (result.Operations, result.Unchanged));
        Assert.Empty(result.Changes);
    }

    [Fact]
    public void Masks_of_a_version_that_is_not_kept_are_counted_and_the_rest_is_judged()
    {
        var before = PolicyText.Set(Now);
        var simulation = new Simulation(PolicyText.Set("rules: []"), static (_, _) => null);

        simulation.Take([new Recorded().Of(before, Bob, Toy.Door("attic")), new Recorded().Of(before, Alice, Toy.Door("attic"))], DateTimeOffset.MinValue, DateTimeOffset.MaxValue, CancellationToken.None);

        Assert.Equal((2, 1, 0), (simulation.Result().Operations, simulation.Result().Unchanged, simulation.Result().UnknownMasks));
        Assert.Equal(SimulatedChange.Denied, Assert.Single(simulation.Result().Changes).Change);
    }

    [Fact]
    public void Only_the_span_of_time_counts_and_counted_denials_are_not_judged()
    {
        var set = PolicyText.Set(Now);
        var recorded = new Recorded();
        var counted = (RecordedIntent)recorded.Of(set, Bob, Toy.Door("attic")).Payload;
        var denials = new JournalRecord(default, default, 9, RecordType.Denials, new RecordedDenials(Toy.Now, Toy.Now, 40, counted.Identity, counted.Connection, counted.Parts, counted.Decision), default);
        var simulation = new Simulation(set, (_, _) => set);

        simulation.Take([recorded.Of(set, Alice, Toy.Door("attic"), Toy.Now.AddDays(-2)), recorded.Of(set, Alice, Toy.Door("attic")), denials, recorded.Of(set, Alice, Toy.Door("attic"), Toy.Now.AddDays(2))], Toy.Now.AddDays(-1), Toy.Now.AddDays(1), CancellationToken.None);

        Assert.Equal((41, 1), (simulation.Result().Operations, simulation.Result().Unchanged));
        Assert.Equal([new(Unfaithful.Counted, 40)], simulation.Result().Unfaithful);
    }

    private static SimulationResult Run(PolicySet before, PolicySet after, params ImmutableArray<JournalRecord> records)
    {
        var simulation = new Simulation(after, (_, hash) => hash == before.Version.Hash.ToString() ? before : null);
        simulation.Take(records, DateTimeOffset.MinValue, DateTimeOffset.MaxValue, CancellationToken.None);
        return simulation.Result();
    }
}
