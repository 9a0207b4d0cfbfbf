using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Core.Policy.Testing;
using Postern.Protocols.Mcp;

namespace Postern.Tests.Policy;

/// <summary>Reads the first page on policy, and runs the policies on it.</summary>
public sealed class LearnPolicyTests
{
    private static readonly PolicyEnvironment Environment = new()
    {
        Vocabularies = [McpVocabulary.Instance],
        Connections = [new Connection("shop", "mcp", "http://127.0.0.1:1/", ["prod"])],
        Issuers = ["corp"],
        HashKey = new byte[32],
    };

    [Fact]
    public void Every_policy_of_the_page_is_a_file_that_loads_and_whose_tests_pass()
    {
        var lines = File.ReadAllLines(Path.Combine(Specs.Folder(""), "..", "..", "docs", "learn", "policy.md"));
        var tests = 0;
        for (var at = 0; at < lines.Length; at++)
        {
            if (!lines[at].StartsWith("<!-- policy: ", StringComparison.Ordinal)) continue;
            var file = lines[at]["<!-- policy: ".Length..^4];
            var text = File.ReadAllText(Path.Combine(Specs.Folder("policy"), file));
            Assert.Equal("```yaml", lines[at + 1]);
            Assert.Equal(text.TrimEnd(), string.Join('\n', lines.Skip(at + 2).TakeWhile(line => line != "```")));

            var run = PolicyTests.Run([new PolicyFile(file, text)], Environment, Toy.Now);

            Assert.DoesNotContain(run.Problems, problem => problem.Severity == ProblemSeverity.Error);
            Assert.All(run.Results, result => Assert.True(result.Passed, result.ToString()));
            Assert.True(run.IsPassed);
            tests += run.Results.Length;
        }
        Assert.Equal(11, tests);
    }

    [Fact]
    public void A_policy_test_that_is_wrong_fails_and_says_what_was_found()
    {
        var text = File.ReadAllText(Path.Combine(Specs.Folder("policy"), "learn-policy-refunds.yaml")).Replace("decision: hold, rule: large-refunds", "decision: allow, rule: small-refunds", StringComparison.Ordinal);

        var run = PolicyTests.Run([new PolicyFile("refunds.yaml", text)], Environment, Toy.Now);

        Assert.False(run.IsPassed);
        var failed = Assert.Single(run.Results, result => !result.Passed);
        Assert.Equal("a large refund waits for on-call", failed.Name);
        Assert.Contains("expected `allow`, found hold", failed.Detail, StringComparison.Ordinal);
        Assert.Contains("expected rule `small-refunds`, found `large-refunds`", failed.Detail, StringComparison.Ordinal);
    }
}
