using System.Collections.Immutable;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Core.Policy;

namespace Postern.Tests.Policy;

/// <summary>What a decision carries, and to whom rules speak.</summary>
public sealed class DecisionTests
{
    [Fact]
    public void Every_requirement_of_every_matching_hold_and_guard_counts_and_the_shortest_times()
    {
        var hold = Assert.IsType<Decision.Hold>(PolicyText.Set("""
            rules:
              - id: h
                who: anyone
                on: {doors: [cellar]}
                then: hold
                hold: {approvers: [{groups: [butlers], count: 2}, {users: [ann]}], expires: 1h, valid: 5m, risk: low}
                message: ask a butler
                alternatives: [the attic]
              - id: g
                on: {connection: manor}
                then: guard
                hold: {approvers: {groups: [owners]}, expires: 20m, valid: 8m, risk: high}
            """).Decide(Toy.Person("bob"), Toy.Door("cellar"), Toy.Now));

        Assert.Equal(["h", "g"], hold.Rules.Select(rule => rule.Rule));
        Assert.Equal(3, hold.Terms.Requirements.Length);
        Assert.Equal(2, hold.Terms.Requirements[0].Count);
        Assert.Equal(["corp:ann"], hold.Terms.Requirements[1].Users);
        Assert.Equal((TimeSpan.FromMinutes(20), TimeSpan.FromMinutes(5), HoldRisk.High), (hold.Terms.Expires, hold.Terms.Valid, hold.Terms.Risk));
        Assert.Equal("ask a butler", hold.Message);
        Assert.Equal(["the attic"], hold.Alternatives);
    }

    [Fact]
    public void One_hold_covers_all_parts_and_one_denied_part_denies_all()
    {
        var set = PolicyText.Set("""
            rules:
              - {id: free, who: anyone, on: {acts: [read], books: ["x.*"]}, then: allow}
              - {id: held, who: anyone, on: {acts: [write], books: [x.one]}, then: hold, hold: {approvers: {groups: [butlers]}}}
            """);

        Assert.Equal("held@7", Assert.IsType<Decision.Hold>(Decide(Part("read", "x.two"), Part("write", "x.one"))).RuleLabel);
        Assert.Null(Assert.IsType<Decision.Deny>(Decide(Part("read", "x.two"), Part("write", "x.one"), Part("erase", "x.one"))).RuleLabel);

        Decision Decide(params ImmutableArray<Part> parts) => set.Decide(Toy.Person("ann"), Toy.Operation(Toy.Ledger, null, parts), Toy.Now);
        static Part Part(string act, string book) => new() { Action = act, Facts = [Fact.Of("act", act), Fact.Of("book", book)] };
    }

    [Fact]
    public void A_rule_in_report_mode_is_recorded_and_changes_nothing_not_even_by_an_error()
    {
        var allow = Assert.IsType<Decision.Allow>(PolicyText.Set("""
            rules:
              - {id: a, who: anyone, on: {doors: [cellar]}, then: allow}
              - {id: trial, on: {doors: [cellar]}, then: deny, mode: report}
              - {id: broken, on: {doors: [cellar]}, when: args.nothing > 1, then: deny, mode: report}
            """).Decide(Toy.Person("ann"), Toy.Door("cellar"), Toy.Now));

        Assert.Equal(["trial", "broken"], allow.Reported.Select(rule => rule.Rule));
        Assert.Equal(["a"], allow.Rules.Select(rule => rule.Rule));
    }

    [Fact]
    [Guarantee("G5")]
    public void An_error_in_any_matching_rule_denies_whatever_the_rule_says()
    {
        foreach (var effect in new[] { "allow", "deny", "hold, hold: {approvers: {groups: [b]}}", "guard, hold: {approvers: {groups: [b]}}" })
        {
            var deny = Assert.IsType<Decision.Deny>(PolicyText.Set($$"""
                rules:
                  - {id: a, who: anyone, on: {doors: [cellar]}, then: allow}
                  - {id: broken, who: anyone, on: {doors: [cellar]}, when: args.nothing > 1, then: {{effect}}}
                """).Decide(Toy.Person("ann"), Toy.Door("cellar"), Toy.Now));

            Assert.Equal((RefusalCode.PolicyError, "broken@7"), (deny.Code, deny.RuleLabel));
            Assert.Contains("`nothing` is absent", deny.Reason, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_rule_ends_at_its_instant()
    {
        var set = PolicyText.Set("rules: [{id: a, who: anyone, on: {doors: [cellar]}, then: allow, until: \"2026-03-02T10:00:00Z\"}]");

        Assert.IsType<Decision.Allow>(set.Decide(Toy.Person("ann"), Toy.Door("cellar"), Toy.Now.AddTicks(-1)));
        Assert.IsType<Decision.Deny>(set.Decide(Toy.Person("ann"), Toy.Door("cellar"), Toy.Now));
    }

    [Fact]
    public void A_workload_never_passes_for_a_person_nor_one_issuer_for_another()
    {
        var set = PolicyText.Set("""
            rules:
              - {id: person, who: {users: ["corp:ann"]}, on: {doors: [cellar]}, then: allow}
              - {id: program, who: {workloads: ["corp:ci"]}, on: {doors: [gate]}, then: allow}
              - {id: agent, who: {groups: ["corp:porters"], agents: ["corp:robot"]}, on: {doors: [attic]}, then: allow}
            """, PolicyText.Environment("corp", "partner"));

        Assert.True(May("corp", "ann", IdentityKind.Person, "cellar"));
        Assert.False(May("corp", "ann", IdentityKind.Workload, "cellar"));
        Assert.False(May("partner", "ann", IdentityKind.Person, "cellar"));
        Assert.True(May("corp", "ci", IdentityKind.Workload, "gate"));
        Assert.False(May("corp", "ci", IdentityKind.Person, "gate"));
        Assert.True(May("corp", "x", IdentityKind.Person, "attic", "robot", "porters"));
        Assert.False(May("corp", "x", IdentityKind.Person, "attic", "claw", "porters"));
        Assert.False(May("corp", "x", IdentityKind.Person, "attic", "robot"));
        Assert.False(May("partner", "x", IdentityKind.Person, "attic", "robot", "porters"));

        bool May(string issuer, string subject, IdentityKind kind, string door, string? agent = null, params string[] groups) =>
            set.Decide(new Identity { Issuer = issuer, Subject = subject, Kind = kind, Agent = agent, Groups = [.. groups] }, Toy.Door(door), Toy.Now) is Decision.Allow;
    }

    [Fact]
    public void The_gateway_itself_may_do_its_own_actions_and_nothing_that_a_policy_gives()
    {
        var set = PolicyText.Set("rules: [{id: a, who: anyone, on: {doors: [cellar]}, then: allow}]");
        var gateway = new Identity { Issuer = "postern", Subject = "postern", Kind = IdentityKind.Gateway };
        var look = Toy.Operation(Toy.House, null, new Part { Action = "house.look" });

        Assert.IsType<Decision.Allow>(set.Decide(gateway, look, Toy.Now));
        Assert.IsType<Decision.Deny>(set.Decide(gateway, Toy.Door("cellar"), Toy.Now));
        Assert.IsType<Decision.Deny>(set.Decide(Toy.Person("ann"), look, Toy.Now));
    }

    [Fact]
    public void Lists_show_what_some_arguments_could_make_permitted()
    {
        var set = PolicyText.Set("""
            rules:
              - {id: always, who: anyone, on: {doors: [gate]}, then: allow}
              - {id: some, who: anyone, on: {doors: [cellar]}, when: args.height > 5, then: allow}
              - {id: guarded, who: anyone, on: {doors: [attic]}, then: allow}
              - {id: guard, on: {doors: [attic]}, when: args.height > 5, then: guard, hold: {approvers: {groups: [b]}}}
              - {id: not-me, who: {groups: [cooks]}, on: {doors: [vault]}, then: allow}
              - {id: never, who: anyone, on: {doors: [well]}, when: "args.height > 5 && false", then: allow}
            """);

        Assert.Equal(Possibility.Always, Ask("gate"));
        Assert.Equal(Possibility.Possible, Ask("cellar"));
        Assert.Equal(Possibility.Possible, Ask("attic"));
        Assert.Equal(Possibility.Never, Ask("vault"));
        Assert.Equal(Possibility.Never, Ask("well"));

        Possibility Ask(string door) => set.Consider(Toy.Person("ann"), Toy.Operation(Toy.House, Toy.SomeDefinition, new Part { Action = "house.open", Facts = [Fact.Of("door", door)], Variables = [new Variable("args", default, IsUnknown: true)] }), Toy.Now);
    }

    [Fact]
    [Guarantee("G5")]
    public void An_operation_without_parts_or_of_an_unknown_protocol_is_denied()
    {
        var set = PolicyText.Set("rules: [{id: a, who: anyone, on: {connection: \"*\", everything: true}, then: allow}]");

        Assert.IsType<Decision.Deny>(set.Decide(Toy.Person("ann"), Toy.Operation(Toy.House, null), Toy.Now));
        Assert.IsType<Decision.Deny>(set.Decide(Toy.Person("ann"), Toy.Door("cellar", connection: new Connection("elsewhere", "boat", "b", [])), Toy.Now));
    }

    [Fact]
    [Guarantee("G15")]
    public void A_connection_that_changed_since_the_policy_was_loaded_is_judged_as_it_is_now()
    {
        var set = PolicyText.Set("""
            rules:
              - {id: a, who: anyone, on: {doors: [cellar]}, then: allow}
              - {id: d, on: {tags: [closed]}, then: deny}
            """);

        Assert.IsType<Decision.Allow>(set.Decide(Toy.Person("ann"), Toy.Door("cellar"), Toy.Now));
        Assert.IsType<Decision.Deny>(set.Decide(Toy.Person("ann"), Toy.Door("cellar", connection: Toy.House with { Tags = ["closed"] }), Toy.Now));
    }

    [Fact]
    public void A_decision_among_many_rules_looks_only_at_what_may_match_and_leaves_next_to_nothing_behind()
    {
        var rules = string.Concat(Enumerable.Range(0, 2_000).Select(at => $"  - {{id: r{at}, who: {{groups: [g{at % 50}]}}, on: {{connection: manor, doors: [door{at}]}}, when: args.height > 0 && args.height <= 500, then: allow}}\n"));
        var set = PolicyText.Set("rules:\n" + rules);
        var (asker, operation) = (Toy.Person("ann", "g7"), Toy.Door("door7", """{"height":250}"""));
        for (var round = 0; round < 100; round++) Assert.Equal("r7@7", set.Decide(asker, operation, Toy.Now).RuleLabel);

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var round = 0; round < 1_000; round++) set.Decide(asker, operation, Toy.Now);
        var each = (GC.GetAllocatedBytesForCurrentThread() - before) / 1_000;

        Assert.True(each <= 200, $"a decision allocates {each} bytes; expected about 100, whatever the number of rules");
    }
}
