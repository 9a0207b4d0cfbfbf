using Postern.Conformance.Clients;
using Postern.Conformance.Gateways;
using Postern.Conformance.Peers;
using Postern.Core.Recording;
using Postern.Tests;

namespace Postern.Conformance.Acts;

/// <summary>
/// Real clients with their default settings: a call is held, a person approves it meanwhile in a browser, and the result arrives in
/// the same call. Clients of the stateless era are sent back every two seconds, and come back by themselves.
/// </summary>
public sealed class WaitingTests
{
    private const string Policy = """
        version: 1
        rules:
          - id: sums-need-on-call
            who:  { groups: [support] }
            on:   { connection: target, tools: [test_simple_text] }
            then: hold
            hold: { approvers: { groups: [on-call], count: 1 }, expires: 10m }
        """;

    [Theory]
    [InlineData("TypeScript v1", "legacy", 50)]
    [InlineData("TypeScript v2", "legacy", 50)]
    [InlineData("TypeScript v2", "auto", 2)]
    [InlineData("C#", "auto", 2)]
    [Guarantee("G7")]
    [Row("P11")]
    public async Task A_held_call_gets_its_result_when_a_person_agrees_and_a_refusal_when_one_does_not(string client, string era, int wait)
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        var isStateless = era == "auto";
        await using var fixture = await NodeServer.StartFixtureAsync(cancellationToken);
        await using var gateway = await TestGateway.StartAsync(fixture.Url, Policy, cancellationToken, TimeSpan.FromSeconds(wait));
        await using var agent = await ConnectAsync(client, era, gateway, cancellationToken);

        // 1. Approved while the call waits; in the stateless era in its third leg or later.
        var calling = agent.CallAsync("test_simple_text", new { }, cancellationToken);
        await Task.Delay(isStateless ? TimeSpan.FromSeconds(5) : TimeSpan.FromMilliseconds(500), cancellationToken);
        Assert.False(calling.IsCompleted);
        await ApprovalDeskVisit.AnswerNextAsync(gateway.Url, "bob", "approve", cancellationToken);
        var approved = await calling.WaitAsync(TimeSpan.FromSeconds(20), cancellationToken);
        Assert.False(approved.IsError, approved.Json);
        Assert.Contains("simple text", approved.Text, StringComparison.Ordinal);

        // 2. The same once more is another question; this time the answer is no.
        calling = agent.CallAsync("test_simple_text", new { }, cancellationToken);
        await ApprovalDeskVisit.AnswerNextAsync(gateway.Url, "bob", "deny", cancellationToken);
        var denied = await calling.WaitAsync(TimeSpan.FromSeconds(20), cancellationToken);
        Assert.True(denied.IsError, denied.Json);
        Assert.Contains("said no", denied.Text, StringComparison.Ordinal);

        await agent.DisposeAsync();
        await gateway.StopAsync();
        var recording = Recordings.Read(gateway.Data);
        Assert.Null(recording.Problem);
        var outcomes = recording.Calls.Select(call => call.Outcome).ToList();
        Assert.Equal(nameof(Outcome.Done), Assert.Single(outcomes, outcome => outcome is not (nameof(Outcome.Pending) or nameof(Outcome.Denied))));
        Assert.Equal(nameof(Outcome.Denied), outcomes[^1]);
        Assert.Equal(isStateless, outcomes.IndexOf(nameof(Outcome.Done)) >= 2);
    }

    private static async Task<IAgent> ConnectAsync(string client, string era, TestGateway gateway, CancellationToken cancellationToken) => client switch
    {
        "TypeScript v1" => await NodeAgent.ConnectAsync("v1", gateway.ConnectionUrl, gateway.Token("alice"), era, cancellationToken),
        "TypeScript v2" => await NodeAgent.ConnectAsync("v2", gateway.ConnectionUrl, gateway.Token("alice"), era, cancellationToken),
        _ => await SdkAgent.ConnectAsync(gateway.ConnectionUrl, gateway.Token("alice"), cancellationToken),
    };
}
