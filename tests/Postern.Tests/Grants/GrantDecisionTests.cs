using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Core.Policy.Testing;
using Postern.Tests.Policy;

namespace Postern.Tests.Grants;

/// <summary>policy.md section 6: an entry under <c>requests</c> is one more allow for whoever has a grant, and nothing for anybody else.</summary>
public sealed class GrantDecisionTests
{
    private const string Cellar = "requests: [{id: cellar, who: {groups: [porters]}, grant: {on: {connection: manor, doors: [cellar]}}, for: {default: 30m, max: 2h}, approvers: {groups: [butlers], count: 1}}]\n";

    private static readonly Identity Porter = Toy.Person("alice", "porters");

    private static Decision Decide(string policy, Operation operation, Identity? who = null, params string[] granted) =>
        PolicyText.Set(policy).Decide(who ?? Porter, operation, Toy.Now, ActiveGrants.Assuming([.. granted]));

    [Fact]
    public void What_may_be_asked_for_is_not_given_but_offered()
    {
        var deny = Assert.IsType<Decision.Deny>(Decide(Cellar, Toy.Door("cellar")));

        Assert.Equal("cellar", deny.Offer!.Id);
        Assert.True(deny.IsVisible);
        Assert.Empty(deny.Grants);
    }

    [Fact]
    [Row("P01")]
    public void Whoever_may_not_ask_learns_nothing_of_it()
    {
        var deny = Assert.IsType<Decision.Deny>(Decide(Cellar, Toy.Door("cellar"), Toy.Person("eve", "gardeners")));

        Assert.Null(deny.Offer);
        Assert.False(deny.IsVisible);
    }

    [Fact]
    public void A_grant_permits_what_its_entry_covers_and_the_decision_names_it()
    {
        var allow = Assert.IsType<Decision.Allow>(Decide(Cellar, Toy.Door("cellar"), null, "cellar"));

        Assert.Equal("cellar@7", allow.RuleLabel);
        Assert.Equal(["cellar"], allow.Grants);
        Assert.Equal("permitted by a grant under `cellar`", allow.Reason);
        Assert.IsType<Decision.Deny>(Decide(Cellar, Toy.Door("attic"), null, "cellar"));
    }

    [Fact]
    [Row("A18")]
    public void A_grant_of_somebody_who_may_no_longer_ask_permits_nothing()
    {
        Assert.IsType<Decision.Deny>(Decide(Cellar, Toy.Door("cellar"), Toy.Person("alice", "gardeners"), "cellar"));
    }

    [Fact]
    public void Deny_guard_and_conditions_narrow_a_grant_like_any_allow()
    {
        Assert.IsType<Decision.Deny>(Decide(Cellar + "rules: [{id: never, on: {doors: [cellar]}, then: deny}]", Toy.Door("cellar"), null, "cellar"));
        var hold = Assert.IsType<Decision.Hold>(Decide(Cellar + "rules: [{id: ask, on: {doors: [cellar]}, then: guard, hold: {approvers: {groups: [butlers]}}}]", Toy.Door("cellar"), null, "cellar"));
        Assert.Equal(["cellar"], hold.Grants);
    }

    [Fact]
    public void What_a_deny_forbids_is_offered_to_nobody()
    {
        var deny = Assert.IsType<Decision.Deny>(Decide(Cellar + "rules: [{id: never, on: {doors: [cellar]}, then: deny}]", Toy.Door("cellar")));

        Assert.Null(deny.Offer);
    }

    [Fact]
    public void What_needs_no_rule_is_given_by_a_grant_alone_and_hangs_on_it()
    {
        var knock = Toy.Operation(Toy.House, null, new Part { Action = "house.knock", IsImplied = true });

        Assert.Equal("cellar", Assert.IsType<Decision.Deny>(Decide(Cellar, knock)).Offer!.Id);
        Assert.Equal(["cellar"], Decide(Cellar, knock, null, "cellar").Grants);
        Assert.Empty(Decide(Cellar + "rules: [{id: a, who: anyone, on: {doors: [attic]}, then: allow}]", knock, null, "cellar").Grants);
    }

    [Fact]
    public void Lists_show_what_is_granted_and_hide_what_could_be()
    {
        var set = PolicyText.Set(Cellar);

        Assert.Equal(Possibility.Never, set.Consider(Porter, Toy.Door("cellar"), Toy.Now));
        Assert.Equal(Possibility.Always, set.Consider(Porter, Toy.Door("cellar"), Toy.Now, ActiveGrants.Assuming("cellar")));
    }

    [Fact]
    public void Tests_of_a_policy_say_what_counts_as_granted()
    {
        const string Tests = """
            tests:
              - {name: without, as: {user: alice, groups: [porters]}, ask: {connection: manor, door: cellar}, expect: {decision: deny}}
              - {name: with, as: {user: alice, groups: [porters], grants: [cellar]}, ask: {connection: manor, door: cellar}, expect: {decision: allow, rule: cellar}}
            """;

        var run = PolicyTests.Run([new PolicyFile("policy.yaml", "version: 1\n" + Cellar + Tests)], PolicyText.Environment(), Toy.Now);

        Assert.True(run.IsPassed, string.Join("\n", run.Results));
        Assert.Contains("is called `celar`; did you mean `cellar`?", Assert.Single(PolicyText.Load(Cellar + Tests.Replace("grants: [cellar]", "grants: [celar]", StringComparison.Ordinal)).Problems, problem => problem.Severity == ProblemSeverity.Error).Message, StringComparison.Ordinal);
    }

    [Theory]
    [Row("A18")]
    [InlineData("for: {default: 30m, max: 2h}", "for: {default: 3h, max: 2h}", "`default` is longer than `max`")]
    [InlineData("for: {default: 30m, max: 2h}", "for: {default: 30m}", "`for` must say `max`: no grant is without an end")]
    [InlineData("for: {default: 30m, max: 2h}", "for: {max: -2h}", "`max` must be a duration such as `90s`, `30m` or `1h30m`, found `-2h`")]
    [InlineData("for: {default: 30m, max: 2h}", "for: {max: 8d}", "`max` is at most 7d; whoever needs longer asks again, or a rule gives it")]
    [InlineData(", approvers: {groups: [butlers], count: 1}", "", "an entry of `requests` must say who agrees: `approvers: {groups: [...]}`")]
    [InlineData("who: {groups: [porters]}, ", "", "an entry of `requests` must say who may ask: `who: {groups: [...]}`")]
    [InlineData("doors: [cellar]", "tags: [old]", "`allow` and `hold` must name what they give: `doors` or `hatches` or `vaults` or `acts` with `books`, or `everything: true`")]
    [InlineData("grant: {on: {connection: manor, doors: [cellar]}}", "grant: {o: x}", "unknown key `o`; did you mean `on`?")]
    public void A_bad_entry_loads_nothing(string good, string bad, string complaint)
    {
        var result = PolicyText.Load(Cellar.Replace(good, bad, StringComparison.Ordinal));

        Assert.Null(result.Set);
        Assert.Contains(result.Problems, problem => problem.Message == complaint);
    }
}
