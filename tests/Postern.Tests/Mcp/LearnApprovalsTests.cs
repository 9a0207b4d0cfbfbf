using System.Globalization;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Core.Policy.Testing;
using Postern.Protocols.Mcp;
using Postern.Tests.Policy;

namespace Postern.Tests.Mcp;

/// <summary>Reads the page on approvals and waiting, and holds it against what it speaks of.</summary>
public sealed class LearnApprovalsTests
{
    private static readonly string[] Lines = File.ReadAllLines(Path.Combine(Specs.Folder(""), "..", "..", "docs", "learn", "approvals.md"));

    [Fact]
    public void The_policy_of_the_page_is_a_file_that_loads_and_whose_tests_pass()
    {
        var at = Array.FindIndex(Lines, line => line.StartsWith("<!-- policy: ", StringComparison.Ordinal));
        var file = Lines[at]["<!-- policy: ".Length..^4];
        var text = File.ReadAllText(Path.Combine(Specs.Folder("policy"), file));
        Assert.Equal(text.TrimEnd(), string.Join('\n', Lines.Skip(at + 2).TakeWhile(line => line != "```")));

        var run = PolicyTests.Run([new PolicyFile(file, text)], new PolicyEnvironment
        {
            Vocabularies = [McpVocabulary.Instance], Connections = [new Connection("shop", "mcp", "http://127.0.0.1:1/", ["prod"])], Issuers = ["corp"], HashKey = new byte[32],
        }, Toy.Now);

        Assert.DoesNotContain(run.Problems, problem => problem.Severity == ProblemSeverity.Error);
        Assert.Equal(4, run.Results.Length);
        Assert.True(run.IsPassed);
    }

    [Fact]
    public void The_clients_of_the_page_are_those_of_the_code()
    {
        var rows = Lines.SkipWhile(line => line != "<!-- patience -->").Skip(3).TakeWhile(line => line != "<!-- /patience -->");
        var known = ClientPatience.Known.OrderBy(client => client.Key, StringComparer.Ordinal).Select(client => $"| `{client.Key}` | {Text(client.Value)} |").Append($"| any other | {Text(ClientPatience.Usual)} |");

        Assert.Equal(known, rows);
        Assert.Contains($"at most {ClientPatience.Leg.TotalSeconds} s it is told to come back", string.Join('\n', Lines), StringComparison.Ordinal);
        Assert.Equal(9, ClientPatience.MaxLegs);
        Assert.Contains("after nine legs", string.Join('\n', Lines), StringComparison.Ordinal);

        static string Text(TimeSpan wait) => wait == TimeSpan.Zero ? "not at all" : string.Create(CultureInfo.InvariantCulture, $"{wait.TotalSeconds} s");
    }
}
