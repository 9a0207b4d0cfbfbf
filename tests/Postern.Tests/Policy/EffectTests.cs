using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Core.Policy;

namespace Postern.Tests.Policy;

/// <summary>policy.md section 2: who gives and who takes.</summary>
public sealed class EffectTests
{
    private static readonly Identity Alice = Toy.Person("alice", "porters");

    private static Decision Decide(string policy, Operation operation) => PolicyText.Set(policy).Decide(Alice, operation, Toy.Now);

    [Fact]
    public void What_no_rule_permits_is_denied_and_stays_invisible()
    {
        var deny = Assert.IsType<Decision.Deny>(Decide("rules: []", Toy.Door("cellar")));

        Assert.Equal(RefusalCode.NotPermitted, deny.Code);
        Assert.Null(deny.RuleLabel);
        Assert.False(deny.IsVisible);
    }

    [Fact]
    public void A_covering_allow_permits_and_names_its_rule_and_version()
    {
        var allow = Assert.IsType<Decision.Allow>(Decide("rules: [{id: a, who: {groups: [porters]}, on: {connection: manor, doors: [cellar]}, then: allow}]", Toy.Door("cellar")));

        Assert.Equal("a@7", allow.RuleLabel);
    }

    [Fact]
    public void Two_allows_one_per_book_permit_their_join()
    {
        const string Policy = """
            rules:
              - {id: a, who: anyone, on: {acts: [read], books: [x.one]}, then: allow}
              - {id: b, who: anyone, on: {acts: [read], books: [x.two]}, then: allow}
            """;
        var join = Toy.Operation(Toy.Ledger, null, Read("x.one"), Read("x.two"));

        Assert.IsType<Decision.Allow>(Decide(Policy, join));
        Assert.IsType<Decision.Deny>(Decide(Policy, Toy.Operation(Toy.Ledger, null, Read("x.one"), Read("x.three"))));

        static Part Read(string book) => new() { Action = "ledger.read", Facts = [Fact.Of("act", "read"), Fact.Of("book", book)] };
    }

    [Fact]
    public void A_deny_on_one_value_stops_what_is_not_bounded()
    {
        const string Policy = """
            rules:
              - {id: all, who: anyone, on: {acts: [read], books: ["**"]}, then: allow}
              - {id: no-secrets, on: {books: [x.secret]}, then: deny}
            """;
        var everything = Toy.Operation(Toy.Ledger, null, new Part { Action = "ledger.read", Facts = [Fact.Of("act", "read"), Fact.All("book")] });

        Assert.Equal("no-secrets@7", Assert.IsType<Decision.Deny>(Decide(Policy, everything)).RuleLabel);
        Assert.IsType<Decision.Allow>(Decide(Policy, Toy.Books("read", "x.open")));
    }

    [Fact]
    public void A_guard_gives_nothing_and_holds_what_another_rule_gives()
    {
        const string Guard = "  - {id: g, on: {tags: [prod], doors: [cellar]}, then: guard, hold: {approvers: {groups: [butlers]}}}\n";
        const string Allow = "  - {id: a, who: anyone, on: {doors: [cellar]}, then: allow}\n";

        Assert.IsType<Decision.Deny>(Decide("rules:\n" + Guard, Toy.Door("cellar")));
        var hold = Assert.IsType<Decision.Hold>(Decide("rules:\n" + Allow + Guard, Toy.Door("cellar")));
        Assert.Equal("g@7", hold.RuleLabel);
        Assert.Equal(["g", "a"], hold.Rules.Select(rule => rule.Rule));
        Assert.Equal(["corp:butlers"], hold.Terms.Requirements.Single().Groups);
    }

    [Fact]
    public void A_condition_reads_the_arguments_and_an_absent_field_is_an_error_that_denies()
    {
        const string Policy = "rules: [{id: a, who: anyone, on: {doors: [cellar]}, when: args.height > 0 && args.height <= 500, then: allow}]";

        Assert.IsType<Decision.Allow>(Decide(Policy, Toy.Door("cellar", """{"height":500}""")));
        var over = Assert.IsType<Decision.Deny>(Decide(Policy, Toy.Door("cellar", """{"height":500.0000000000000000000000000001}""")));
        Assert.True(over.IsVisible);
        var absent = Assert.IsType<Decision.Deny>(Decide(Policy, Toy.Door("cellar")));
        Assert.Equal(RefusalCode.PolicyError, absent.Code);
        Assert.Equal("a@7", absent.RuleLabel);
    }

    [Fact]
    public void A_changed_definition_turns_a_permission_into_a_refusal()
    {
        var deny = Assert.IsType<Decision.Deny>(Decide("rules: [{id: a, who: anyone, on: {doors: [cellar]}, then: allow}]", Toy.Door("cellar", isQuarantined: true)));

        Assert.Equal(RefusalCode.Quarantined, deny.Code);
    }

    [Fact]
    public void What_is_implied_is_given_once_something_is_and_stopped_by_a_deny_on_the_connection()
    {
        const string Allow = "  - {id: a, who: {groups: [porters]}, on: {connection: manor, doors: [cellar]}, then: allow}\n";

        Assert.IsType<Decision.Allow>(Decide("rules:\n" + Allow, Toy.Knock()));
        Assert.IsType<Decision.Deny>(Decide("rules:\n" + Allow, Toy.Knock(Toy.Cottage)));
        Assert.IsType<Decision.Deny>(Decide("rules:\n" + Allow + "  - {id: d, on: {connection: manor}, then: deny}\n", Toy.Knock()));
        Assert.IsType<Decision.Allow>(Decide("rules:\n" + Allow + "  - {id: d, on: {connection: manor, everything: true}, then: deny}\n", Toy.Knock()));
    }
}
