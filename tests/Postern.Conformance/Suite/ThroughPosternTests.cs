using Postern.Conformance.Gateways;
using Postern.Conformance.Peers;
using Postern.Tests;

namespace Postern.Conformance.Suite;

/// <summary>The official suite finds the same through Postern as without it: nothing lost, nothing added, nothing reordered.</summary>
public sealed class ThroughPosternTests
{
    internal const string Policy = """
        version: 1
        rules:
          - id: everyone-uses-the-fixture
            who:  { groups: [support] }
            on:   [ { connection: target, tools: ["*"] }, { connection: target, prompts: ["*"] }, { connection: target, uris: ["**"] } ]
            then: allow

          - id: the-fixture-may-ask
            who:  { groups: [support] }
            on:   { connection: target, server_asks: [sampling, elicitation, roots] }
            then: allow
        """;

    [Theory]
    [InlineData(SuiteScope.Legacy)]
    [InlineData(SuiteScope.Modern)]
    [Guarantee("G6")]
    public async Task The_official_suite_finds_no_difference_through_postern(string revision)
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        await using var fixture = await NodeServer.StartFixtureAsync(cancellationToken);
        await using var gateway = await TestGateway.StartAsync(fixture.Url, Policy, cancellationToken);
        await using var forwarder = new AddingForwarder(gateway.ConnectionUrl, $"Authorization: Bearer {gateway.Token("alice")}");

        var direct = await SuiteRun.AgainstAsync(fixture.Url, revision, cancellationToken);
        var through = await SuiteRun.AgainstAsync(forwarder.Url, revision, cancellationToken);

        Assert.Equal(SuiteScope.ScenariosOf(revision), direct.Select(check => check.Scenario).Distinct().Count());
        var differences = Differences(direct, through).ToArray();
        Assert.True(differences.Length == 0, string.Join(Environment.NewLine, differences));
    }

    internal static IEnumerable<string> Differences(IReadOnlyList<SuiteCheck> direct, IReadOnlyList<SuiteCheck> through)
    {
        var seen = through.ToDictionary(check => (check.Scenario, check.Id, check.Occurrence));
        foreach (var check in direct)
        {
            if (!seen.Remove((check.Scenario, check.Id, check.Occurrence), out var other)) yield return $"lost: {check}";
            else if (other.Status != check.Status) yield return $"was {check.Status}, became {other}";
        }
        foreach (var check in seen.Values) yield return $"added: {check}";
    }
}
