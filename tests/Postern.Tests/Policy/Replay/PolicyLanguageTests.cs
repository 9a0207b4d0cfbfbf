using System.Collections.Immutable;
using System.Reflection;
using Postern.Core.Policy;
using Postern.Core.Policy.Explaining;

namespace Postern.Tests.Policy.Replay;

public sealed class PolicyLanguageTests
{
    private static readonly (Type Reader, string Field, string Place)[] Readers =
    [
        (typeof(PolicyLoader), "Keys", "policy"),
        (typeof(Postern.Core.Policy.Reading.RuleReader), "Keys", "policy.rules"),
        (typeof(Postern.Core.Policy.Reading.WhoReader), "Keys", "policy.rules.who"),
        (typeof(Postern.Core.Policy.Reading.EntryReader), "CommonKeys", "policy.rules.on"),
        (typeof(Postern.Core.Policy.Reading.HoldReader), "Keys", "policy.rules.hold"),
        (typeof(Postern.Core.Policy.Reading.HoldReader), "ApproverKeys", "policy.rules.hold.approvers"),
        (typeof(Postern.Core.Policy.Reading.MaskReader), "Keys", "policy.masks"),
        (typeof(Postern.Core.Policy.Testing.TestReader), "Keys", "policy.tests"),
        (typeof(Postern.Core.Policy.Testing.TestReader), "ExpectKeys", "policy.tests.expect"),
    ];

    /// <summary>What the readers take is what is explained: a key without a word here would be a key that nobody can look up.</summary>
    [Fact]
    public void Every_key_that_a_policy_may_hold_is_explained()
    {
        var paths = PolicyLanguage.Paths(Toy.Vocabularies);
        foreach (var (reader, field, place) in Readers)
        {
            var keys = (ImmutableArray<string>)reader.GetField(field, BindingFlags.NonPublic | BindingFlags.Static)!.GetValue(null)!;
            Assert.NotEmpty(keys);
            foreach (var key in keys) Assert.Contains($"{place}.{key}", paths);
        }
        foreach (var key in Toy.Vocabularies.SelectMany(vocabulary => vocabulary.Keys)) Assert.Contains($"policy.rules.on.{key.Name}", paths);
        Assert.Equal(paths.Length, paths.Distinct().Count());
    }

    [Fact]
    public void A_word_names_what_stands_below_it_and_an_unknown_one_the_nearest()
    {
        var hold = PolicyLanguage.Find("policy.rules.hold", Toy.Vocabularies, out _)!;
        Assert.Equal(["policy.rules.hold.approvers", "policy.rules.hold.expires", "policy.rules.hold.valid", "policy.rules.hold.risk"], hold.Below);
        Assert.Contains("Given by name only", PolicyLanguage.Find("policy.rules.on.vaults", Toy.Vocabularies, out _)!.Text, StringComparison.Ordinal);

        Assert.Null(PolicyLanguage.Find("policy.rules.wen", Toy.Vocabularies, out var hint));
        Assert.Contains("policy.rules.when", hint, StringComparison.Ordinal);
    }
}
