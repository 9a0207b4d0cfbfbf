using System.Net;
using System.Net.Sockets;
using Postern.Tests;

namespace Postern.Conformance.Faults;

/// <summary>Those whom the gateway asks or tells are gone: the identity provider, and the channel by which reviewers hear of holds.</summary>
public sealed class ProviderFaultTests
{
    [Fact]
    [Guarantee("G5")]
    [Guarantee("G8")]
    [Row("F12")]
    [Row("F24")]
    public async Task Without_channel_and_provider_a_hold_waits_is_shown_and_is_agreed_to_by_nobody()
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        using var closed = new TcpListener(IPAddress.Loopback, 0);
        closed.Start();
        var port = ((IPEndPoint)closed.LocalEndpoint).Port;
        closed.Stop();
        await using var bed = await FaultBed.StartAsync(cancellationToken, holds: $$""", webhook: { url: "http://127.0.0.1:{{port}}/", secret: "0123456789abcdef0123" }""");

        // The channel is down: the request is there for whoever looks, and can be agreed to.
        var agreed = await bed.AgreedAsync(cancellationToken);
        Assert.Contains("is done", await bed.CallAsync("write", agreed, cancellationToken), StringComparison.Ordinal);
        bed.Used.Add(agreed);

        // The provider too: who is signed in works on, nobody signs in, so nobody agrees.
        var held = bed.Caller.Next();
        var link = Caller.LinkOf(await bed.CallAsync("write", held, cancellationToken) ?? "");
        await bed.Gateway.StopIssuerAsync();
        Assert.Contains("is done", await bed.CallAsync("read", bed.Caller.Next(), cancellationToken), StringComparison.Ordinal);
        await Assert.ThrowsAnyAsync<Exception>(() => Clients.ApprovalDeskVisit.ApproveAsync(link, "bob", "tested", cancellationToken));
        for (var again = 0; again < 5; again++) Assert.DoesNotContain("is done", await bed.CallAsync("write", held, cancellationToken) ?? "", StringComparison.Ordinal);

        Assert.DoesNotContain($"write:{held}", bed.Witness.Seen.Keys);
        await bed.JudgeAsync(cancellationToken);
    }
}
