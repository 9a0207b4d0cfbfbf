using Postern.Conformance.Clients;
using Postern.Conformance.Gateways;
using Postern.Conformance.Peers;
using Postern.Conformance.Suite;
using Postern.Gateway.Configuration;
using Postern.Tests;

namespace Postern.Conformance.Stdio;

/// <summary>The fixture of the official suite, started over stdio: clients find behind Postern what they find at it over HTTP.</summary>
public sealed class StdioSuiteTests
{
    [Theory]
    [InlineData(SuiteScope.Legacy)]
    [InlineData(SuiteScope.Modern)]
    public async Task The_official_suite_finds_a_server_over_stdio_as_sound_as_one_over_http(string revision)
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        await using var fixture = await NodeServer.StartFixtureAsync(cancellationToken);
        await using var gateway = await TestGateway.StartAsync(Fixture(), ThroughPosternTests.Policy, cancellationToken);
        await using var forwarder = new AddingForwarder(gateway.ConnectionUrl, $"Authorization: Bearer {gateway.Token("alice")}");

        var direct = await SuiteRun.AgainstAsync(fixture.Url, revision, cancellationToken);
        var through = await SuiteRun.AgainstAsync(forwarder.Url, revision, cancellationToken);

        // What resumes a broken stream is HTTP's alone: messages over stdio have no event ids. Everything else is as it is over HTTP, or better.
        var differences = ThroughPosternTests.Differences(direct, through)
            .Where(difference => !difference.Contains("server-sse-polling", StringComparison.Ordinal) && !difference.StartsWith("was INFO, became server-sse-multiple-streams · server-sse-streams-functional #0: SUCCESS", StringComparison.Ordinal))
            .ToArray();
        Assert.Equal(SuiteScope.ScenariosOf(revision), through.Select(check => check.Scenario).Distinct().Count());
        Assert.True(differences.Length == 0, string.Join(Environment.NewLine, differences));
    }

    private static ConnectionOptions Fixture() => new()
    {
        Name = TestGateway.Connection,
        Protocol = "mcp",
        Stdio = new StdioOptions { Command = Checkout.NodeExecutable, Arguments = [Path.Combine(Checkout.Node, "fixture", "server.mjs"), "stdio"], Folder = Checkout.Node },
    };
}
