using System.Text.RegularExpressions;
using Postern.Conformance.Clients;
using Postern.Conformance.Gateways;
using Postern.Conformance.Peers;
using Postern.Tests;

namespace Postern.Conformance.Acts;

/// <summary>
/// The main job, with real clients against the real server-everything: allowed, masked, blocked, held and approved, replayed.
/// </summary>
public sealed partial class FiveActsTests
{
    private const string Card = "4111 1111 1111 1111";
    private const string Mail = "ada.lovelace@example.com";

    private const string Policy = """
        version: 1
        rules:
          - id: support-echoes
            who:  { groups: [support] }
            on:   { connection: target, tools: [echo] }
            then: allow

          - id: sums-need-on-call
            who:  { groups: [support] }
            on:   { connection: target, tools: [get-sum] }
            then: hold
            hold: { approvers: { groups: [on-call], count: 1 }, expires: 10m }
            message: Sums need the on-call person.

        masks:
          - id: personal-data
            on:     { connection: target }
            detect: [credit-card, email]
            as: redact
        """;

    [Theory]
    [InlineData("TypeScript v1", "legacy")]
    [InlineData("TypeScript v2", "legacy")]
    [InlineData("TypeScript v2", "auto")]
    [InlineData("C#", "auto")]
    [Guarantee("G7")]
    [Guarantee("G8")]
    [Guarantee("G11")]
    [Guarantee("G20")]
    [Row("P01")]
    public async Task A_real_client_lives_through_the_five_acts(string client, string era)
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        await using var everything = await NodeServer.StartEverythingAsync(cancellationToken);
        await using var gateway = await TestGateway.StartAsync(everything.Url, Policy, cancellationToken);
        await using var agent = await ConnectAsync(client, era, gateway, cancellationToken);

        // Only what policy could permit is seen at all.
        Assert.Equal(["echo", "get-sum"], (await agent.ListAsync(cancellationToken)).Order(StringComparer.Ordinal));

        // 1. Allowed.
        var allowed = await agent.CallAsync("echo", new { message = "hello" }, cancellationToken);
        Assert.False(allowed.IsError, allowed.Json);
        Assert.Equal("Echo: hello", allowed.Text);

        // 2. Masked.
        var masked = await agent.CallAsync("echo", new { message = $"card {Card} of {Mail} ends" }, cancellationToken);
        Assert.False(masked.IsError, masked.Json);
        Assert.StartsWith("Echo: card ", masked.Text, StringComparison.Ordinal);
        Assert.EndsWith(" ends", masked.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("4111", masked.Json, StringComparison.Ordinal);
        Assert.DoesNotContain("lovelace", masked.Json, StringComparison.Ordinal);

        // 3. Blocked: hidden and absent cannot be told apart.
        var hidden = await agent.CallAsync("get-env", new { }, cancellationToken);
        var absent = await agent.CallAsync("get-elephant", new { }, cancellationToken);
        Assert.True(hidden.IsError, hidden.Json);
        Assert.DoesNotContain("PATH", hidden.Json, StringComparison.Ordinal);
        Assert.Equal(WithoutIds(absent.Json), WithoutIds(hidden.Json));

        // 4. Held, and approved by someone else in a browser.
        var held = await agent.CallAsync("get-sum", new { a = 2, b = 40 }, cancellationToken);
        Assert.True(held.IsError, held.Json);
        var link = ApprovalLink().Match(held.Text);
        Assert.True(link.Success, held.Json);
        await ApprovalDeskVisit.ApproveAsync(link.Value, "bob", "checked", cancellationToken);

        var repeated = await agent.CallAsync("get-sum", new { a = 2, b = 40 }, cancellationToken);
        Assert.False(repeated.IsError, repeated.Json);
        Assert.Contains("42", repeated.Text, StringComparison.Ordinal);

        // The approval was good for one execution.
        var again = await agent.CallAsync("get-sum", new { a = 2, b = 40 }, cancellationToken);
        Assert.True(again.IsError, again.Json);

        // 5. Replayed, from a recording that verifies.
        await agent.DisposeAsync();
        await gateway.StopAsync();
        var recording = Recordings.Read(gateway.Data);
        Assert.Null(recording.Problem);
        Assert.Equal(
            ["allow Done", "allow Done", "deny Denied", "deny Denied", "hold Pending", "hold Done", "hold Pending"],
            recording.Calls.Select(call => $"{call.Decision} {call.Outcome}"));
        Assert.DoesNotContain(Card, recording.Everything, StringComparison.Ordinal);
        Assert.DoesNotContain(Mail, recording.Everything, StringComparison.Ordinal);
        Assert.Contains("Echo: hello", recording.Everything, StringComparison.Ordinal);
    }

    private static async Task<IAgent> ConnectAsync(string client, string era, TestGateway gateway, CancellationToken cancellationToken) => client switch
    {
        "TypeScript v1" => await NodeAgent.ConnectAsync("v1", gateway.ConnectionUrl, gateway.Token("alice"), era, cancellationToken),
        "TypeScript v2" => await NodeAgent.ConnectAsync("v2", gateway.ConnectionUrl, gateway.Token("alice"), era, cancellationToken),
        "C#" => await SdkAgent.ConnectAsync(gateway.ConnectionUrl, gateway.Token("alice"), cancellationToken),
        _ => throw new ArgumentException($"unknown client `{client}`", nameof(client)),
    };

    /// <summary>Decision ids differ from call to call; everything else of the constant refusal must not.</summary>
    private static string WithoutIds(string json) => OperationId().Replace(json, "ID");

    [GeneratedRegex(@"https?://[^\s""'<>]+/approve/[^\s""'<>.,)]+", RegexOptions.NonBacktracking)]
    private static partial Regex ApprovalLink();

    [GeneratedRegex("[0-7][0-9A-HJKMNP-TV-Z]{25}", RegexOptions.NonBacktracking)]
    private static partial Regex OperationId();
}
