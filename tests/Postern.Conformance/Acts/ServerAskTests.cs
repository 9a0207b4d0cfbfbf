using Postern.Conformance.Clients;
using Postern.Conformance.Gateways;
using Postern.Conformance.Peers;
using Postern.Tests;

namespace Postern.Conformance.Acts;

/// <summary>Servers that ask their clients while a call runs, many at once: each question reaches the call it belongs to, and so does each answer.</summary>
public sealed class ServerAskTests
{
    private const int Calls = 32;
    private const int Rounds = 4;

    private const string Policy = """
        version: 1
        rules:
          - id: anyone-is-asked
            who:  { groups: [support] }
            on:   [ { connection: target, tools: [ask_back] } ]
            then: allow
          - id: the-server-may-sample
            who:  { groups: [support] }
            on:   { connection: target, server_asks: [sampling] }
            then: allow
        """;

    [Theory]
    [InlineData("v1", "legacy")]
    [InlineData("v2", "legacy")]
    [InlineData("v2", "auto")]
    [Row("P09")]
    [Row("P23")]
    public async Task Questions_of_concurrent_calls_are_answered_each_to_its_own_call(string client, string era)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromMinutes(2));
        await using var fixture = await NodeServer.StartFixtureAsync(limit.Token);
        await using var gateway = await TestGateway.StartAsync(fixture.Url, Policy, limit.Token);
        await using var agent = await NodeAgent.ConnectAsync(client, gateway.ConnectionUrl, gateway.Token("alice"), era, limit.Token);

        for (var round = 0; round < Rounds; round++)
        {
            var tags = Enumerable.Range(0, Calls).Select(index => $"call-{round}-{index}").ToArray();
            var answer = await agent.AskAsync(new { @do = "asked", tags }, limit.Token);
            if (!answer.TryGetProperty("texts", out var texts)) Assert.Fail($"{answer.GetRawText()}; {await BrokenAsync(gateway)}");
            Assert.Equal(tags.Select(tag => $"{tag}:re:{tag}"), texts.EnumerateArray().Select(text => text.GetString()));
        }
        Assert.Equal("", await BrokenAsync(gateway));
    }

    /// <summary>What the recording says of operations that did not end as done.</summary>
    private static async Task<string> BrokenAsync(TestGateway gateway)
    {
        await gateway.StopAsync();
        return string.Join("; ", Recordings.Read(gateway.Data).Operations
            .Where(operation => operation.Outcome != "Done" && operation.Intent.Identity.Issuer != "gateway" && operation.Intent.Parts.All(part => part.Action != "mcp.stream.open"))
            .Select(operation => $"{operation.Intent.Parts[0].Action}: {operation.Outcome} {operation.Endings.FirstOrDefault()?.Code} {operation.Endings.FirstOrDefault()?.Detail}"));
    }
}
