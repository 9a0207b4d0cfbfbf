using System.Text.Json;
using Postern.Conformance.Gateways;
using Postern.Conformance.Peers;
using Postern.Tests;

namespace Postern.Conformance.Acts;

/// <summary>64 official clients of two people, both SDK versions and both eras, at once: streams, logs, progress and questions of servers.</summary>
public sealed class CrowdTests
{
    private const int Clients = 64;
    private const int CallsOfEach = 5;

    private const string Policy = """
        version: 1
        rules:
          - id: the-crowd-is-busy
            who:  anyone
            on:   { connection: target, tools: [chatter, ask_back] }
            then: allow
          - id: the-server-may-sample
            who:  anyone
            on:   { connection: target, server_asks: [sampling] }
            then: allow
        """;

    [Fact]
    [Row("P09")]
    [Row("P23")]
    [Guarantee("G14")]
    public async Task Every_message_of_64_clients_stays_on_its_own_stream()
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromMinutes(4));
        await using var fixture = await NodeServer.StartFixtureAsync(limit.Token);
        await using var gateway = await TestGateway.StartAsync(fixture.Url, Policy, limit.Token);
        await using var crowd = Child.Start(Checkout.NodeExecutable, [Path.Combine(Checkout.Node, "clients", "crowd.mjs")], new Dictionary<string, string>
        {
            ["URL"] = gateway.ConnectionUrl, ["TOKENS"] = $"{gateway.Token("alice")},{gateway.Token("bob")}", ["COUNT"] = $"{Clients}",
        });

        using var report = JsonDocument.Parse(await crowd.ReadToEndAsync(limit.Token) is { Length: > 0 } said ? said : throw new InvalidOperationException(crowd.Errors));
        await gateway.StopAsync();

        Assert.Equal(Clients, report.RootElement.GetProperty("clients").GetInt32());
        Assert.Equal("", string.Join(Environment.NewLine, report.RootElement.GetProperty("problems").EnumerateArray().Select(each => each.GetString())));
        var recording = Recordings.Read(gateway.Data);
        Assert.Null(recording.Problem);
        var calls = recording.Calls.Where(call => call.Intent.Identity.Issuer != "gateway").ToArray();
        // In the stateless era a call that is asked something comes back with the answer: two operations.
        Assert.InRange(calls.Length, Clients * CallsOfEach, (Clients * CallsOfEach) + (Clients * 2));
        Assert.All(calls, call => Assert.Equal("Done", call.Outcome));
    }
}
