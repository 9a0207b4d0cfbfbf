using System.Collections.Immutable;
using FsCheck;
using FsCheck.Fluent;
using Postern.Core.Policy;

namespace Postern.Tests.Policy.Reference;

/// <summary>The compiled, indexed set against the literal reading of policy.md.</summary>
public sealed class DecideMatchesReferenceTests
{
    private const int Policies = 1000;
    private const int QuestionsPerPolicy = 12;

    [Fact]
    [Guarantee("G5")]
    public void Every_decision_is_the_one_that_a_literal_reading_gives()
    {
        var cases = Arb.From(Gen.Choose(0, int.MaxValue - 1).Select(RandomCase.Of), policy => policy.Smaller());
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(Policies), Prop.ForAll(cases, policy => Agree(policy)));
    }

    private static bool Agree(RandomCase policy)
    {
        var loaded = PolicyLoader.Load([new PolicyFile("random.yaml", policy.Yaml)], PolicyText.Environment(), versionNumber: 1);
        if (loaded.Set is null) throw new InvalidOperationException(string.Join("\n", loaded.Problems) + "\n" + policy.Yaml);
        var reference = new ReferencePolicy(policy.Rules, Toy.Vocabularies);
        var random = new Random(policy.Seed ^ 0x5EED);
        for (var at = 0; at < QuestionsPerPolicy; at++)
        {
            var identity = RandomCase.Asker(random);
            var operation = RandomCase.Asked(random);
            var expected = reference.Decide(identity, operation, Toy.Now);
            var found = loaded.Set.Decide(identity, operation, Toy.Now);
            Same(policy, at, expected, found);
            var reported = reference.Reported(identity, operation, Toy.Now);
            if (!reported.SetEquals(found.Reported.Select(match => match.Rule))) throw Differ(policy, at, $"reported {string.Join(",", reported)}", string.Join(",", found.Reported));
            var possible = reference.Consider(identity, operation, Toy.Now);
            var considered = loaded.Set.Consider(identity, operation, Toy.Now);
            if (possible != considered) throw Differ(policy, at, $"possible {possible}", considered.ToString());
        }
        return true;
    }

    private static void Same(RandomCase policy, int at, ReferenceAnswer expected, Decision found)
    {
        var rules = found.Rules.Select(match => match.Rule).ToImmutableSortedSet();
        if (rules.Count != found.Rules.Length) throw Differ(policy, at, "each rule once", string.Join(",", found.Rules));
        var word = found switch { Decision.Allow => "allow", Decision.Hold => "hold", _ => "deny" };
        if (word != expected.Decision) throw Differ(policy, at, expected.ToString(), $"{word}: {found.Reason}");
        if (found is Decision.Deny deny && (deny.Code != expected.Code || deny.IsVisible != expected.IsVisible)) throw Differ(policy, at, expected.ToString(), $"{deny.Code} visible {deny.IsVisible}: {deny.Reason}");
        if (found is Decision.Hold hold)
        {
            var approvers = hold.Terms.Requirements.SelectMany(requirement => requirement.Groups).ToImmutableSortedSet();
            if (!approvers.SetEquals(expected.Approvers) || hold.Terms.Expires != TimeSpan.FromMinutes(expected.ExpiresMinutes)) throw Differ(policy, at, expected.ToString(), $"{string.Join(",", approvers)} {hold.Terms.Expires}");
        }
        if (found.RuleLabel is null != expected.Deciding.IsEmpty) throw Differ(policy, at, $"deciding {string.Join(",", expected.Deciding)}", found.RuleLabel ?? "none");
        if (found.RuleLabel is not null && !expected.Deciding.Contains(found.Rules[0].Rule)) throw Differ(policy, at, $"deciding {string.Join(",", expected.Deciding)}", found.RuleLabel);
        var mayOmit = found is Decision.Deny { Code: "policy.error" };
        if (mayOmit ? !rules.IsSubsetOf(expected.Matched) : !rules.SetEquals(expected.Matched)) throw Differ(policy, at, $"matching {string.Join(",", expected.Matched)}", string.Join(",", rules));
    }

    private static InvalidOperationException Differ(RandomCase policy, int question, string expected, string found) =>
        new($"question {question}: expected {expected}; found {found}\n{policy}");
}
