using System.Text.Json;
using Postern.Conformance.Clients;
using Postern.Conformance.Gateways;
using Postern.Conformance.Peers;
using Postern.Tests;

namespace Postern.Conformance.Acts;

/// <summary>Many calls at once, each with messages of its own: none is lost, none reaches another call.</summary>
public sealed class ConcurrencyTests
{
    private const int Calls = 24;
    private const int Messages = 20;

    private const string Policy = """
        version: 1
        rules:
          - id: anyone-chatters
            who:  { groups: [support] }
            on:   { connection: target, tools: [chatter] }
            then: allow
        """;

    [Theory]
    [InlineData("v1", "legacy")]
    [InlineData("v2", "legacy")]
    [InlineData("v2", "auto")]
    [Row("P23")]
    [Row("P09")]
    public async Task Messages_of_concurrent_calls_are_neither_lost_nor_mixed(string client, string era)
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        await using var fixture = await NodeServer.StartFixtureAsync(cancellationToken);
        await using var gateway = await TestGateway.StartAsync(fixture.Url, Policy, cancellationToken);
        await using var agent = await NodeAgent.ConnectAsync(client, gateway.ConnectionUrl, gateway.Token("alice"), era, cancellationToken);
        var tags = Enumerable.Range(0, Calls).Select(index => $"call-{index}").ToArray();

        var answer = await agent.AskAsync(new { @do = "chatter", tags, count = Messages }, cancellationToken);

        Assert.True(answer.TryGetProperty("tags", out var byTag), answer.GetRawText());
        foreach (var tag in tags)
        {
            var call = byTag.GetProperty(tag);
            Assert.Equal($"{tag}:done", call.GetProperty("text").GetString());
            Assert.Empty(call.GetProperty("strays").EnumerateArray());
            Assert.Equal(Enumerable.Range(1, Messages), call.GetProperty("progress").EnumerateArray().Select(each => each.GetInt32()));
        }
        var logs = answer.GetProperty("logs").EnumerateArray().Select(each => each.GetString()!).ToArray();
        Assert.Equal(
            tags.SelectMany(tag => Enumerable.Range(0, Messages).Select(index => $"{tag}:{index}")).Order(StringComparer.Ordinal),
            logs.Order(StringComparer.Ordinal));
        Assert.All(tags, tag => Assert.Equal(
            Enumerable.Range(0, Messages).Select(index => $"{tag}:{index}"),
            logs.Where(line => line.StartsWith($"{tag}:", StringComparison.Ordinal))));
    }
}
