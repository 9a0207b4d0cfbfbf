using System.Diagnostics;
using Postern.Core.Policy;

namespace Postern.Tests.Policy;

/// <summary>policy.md section 4: what a pattern matches.</summary>
public sealed class PatternTests
{
    [Theory]
    [InlineData("get_*", "get_order", true)]
    [InlineData("get_*", "get_", true)]
    [InlineData("get_*", "Get_order", false)]
    [InlineData("*", "anything at all", true)]
    [InlineData("*a*b*", "xxaxxbxx", true)]
    [InlineData("*a*b*", "xxbxxaxx", false)]
    [InlineData("get_*", " get_order", false)]
    [InlineData("g.t", "get", false)]
    public void Without_segments_a_star_is_any_run(string pattern, string value, bool matches) => Assert.Equal(matches, new Glob(pattern, segment: null).IsMatch(value));

    [Theory]
    [InlineData("public.*", "public.orders", true)]
    [InlineData("public.*", "public.orders.email", false)]
    [InlineData("public.**", "public.orders.email", true)]
    [InlineData("*.orders", "public.orders", true)]
    [InlineData("*.orders", "a.b.orders", false)]
    [InlineData("**.orders", "a.b.orders", true)]
    [InlineData("*", "a.b", false)]
    [InlineData("**", "a.b", true)]
    [InlineData("a.*.c", "a..c", true)]
    public void A_star_stays_in_its_segment_and_two_cross(string pattern, string value, bool matches) => Assert.Equal(matches, new Glob(pattern, '.').IsMatch(value));

    [Theory]
    [Row("P03")]
    [InlineData("Cellar")]
    [InlineData("cellar ")]
    [InlineData(" cellar")]
    [InlineData("cellar\0")]
    [InlineData("cell\u200Bar")]
    [InlineData("c\u0435llar")]
    [InlineData("cell\u0430r")]
    [InlineData("cella\u0301r")]
    [InlineData("ｃellar")]
    public void A_name_that_only_looks_alike_is_another_name(string name)
    {
        var set = PolicyText.Set("rules: [{id: a, who: anyone, on: {doors: [cellar]}, then: allow}]");

        Assert.IsType<Decision.Allow>(set.Decide(Toy.Person("ann"), Toy.Door("cellar"), Toy.Now));
        Assert.IsType<Decision.Deny>(set.Decide(Toy.Person("ann"), Toy.Door(name), Toy.Now));
        Assert.Equal(Possibility.Never, set.Consider(Toy.Person("ann"), Toy.Door(name), Toy.Now));
    }

    [Fact]
    [Row("D07")]
    public void A_hostile_value_costs_time_in_proportion_to_its_length()
    {
        var glob = new Glob(string.Concat(Enumerable.Repeat("*a", 100)) + "b", segment: null);
        var clock = Stopwatch.StartNew();

        Assert.False(glob.IsMatch(new string('a', 20_000)));
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(5), $"took {clock.Elapsed}");
    }

    [Fact]
    public void A_pattern_reaches_only_what_was_accepted_and_a_written_name_needs_no_acceptance()
    {
        var set = PolicyText.Set("""
            rules:
              - {id: pattern, who: anyone, on: {connection: manor, doors: ["c*"]}, then: allow}
              - {id: name, who: anyone, on: {connection: manor, doors: [gate]}, then: allow}
            """);

        Assert.IsType<Decision.Allow>(set.Decide(Toy.Person("ann"), Toy.Door("cellar"), Toy.Now));
        Assert.IsType<Decision.Deny>(set.Decide(Toy.Person("ann"), Toy.Door("cellar", isDefined: false), Toy.Now));
        Assert.IsType<Decision.Allow>(set.Decide(Toy.Person("ann"), Toy.Door("gate", isDefined: false), Toy.Now));
    }

    [Fact]
    public void What_must_be_named_is_not_given_by_a_star_but_is_taken_by_one()
    {
        const string Give = "  - {id: give, who: anyone, on: {acts: [\"*\"], books: [\"**\"]}, then: allow}\n";
        const string Named = "  - {id: named, who: anyone, on: {acts: [burn], books: [\"**\"]}, then: allow}\n";
        const string Take = "  - {id: take, on: {acts: [\"*\"]}, then: deny}\n";

        Assert.IsType<Decision.Deny>(Decide(Give));
        Assert.IsType<Decision.Allow>(Decide(Give + Named));
        Assert.Equal("take@7", Decide(Give + Named + Take).RuleLabel);

        static Decision Decide(string rules) => PolicyText.Set("rules:\n" + rules).Decide(Toy.Person("ann"), Toy.Books("burn", "x.one"), Toy.Now);
    }
}
