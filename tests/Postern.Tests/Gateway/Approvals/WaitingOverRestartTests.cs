using System.Diagnostics;
using System.Text.Json;
using Postern.Demo.Acts;

namespace Postern.Tests.Gateway.Approvals;

/// <summary>A gateway that stops sends away who waits, and the next one on the same data takes them up again.</summary>
public sealed class WaitingOverRestartTests
{
    private const string Refund = """{"order":1042,"amount":900,"reason":"broken"}""";

    [Fact]
    [Row("F22")]
    [Row("P11")]
    public async Task Who_waits_at_a_stop_is_told_to_come_back_and_the_next_gateway_knows_it()
    {
        await using var gateway = await RunningGateway.StartAsync(waits: TimeSpan.FromMinutes(2));
        var waiting = gateway.CallToolAsync("alice", "refund", Refund);
        var hold = await HoldAsync(gateway);

        var started = Stopwatch.GetTimestamp();
        await gateway.RestartAsync();
        var first = (await waiting).GetProperty("result");
        Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.Zero, TimeSpan.FromSeconds(30));
        Assert.Equal("input_required", first.GetProperty("resultType").GetString());

        var state = first.GetProperty("requestState").GetString()!;
        Assert.Equal(-32602, (await gateway.CallToolAsync("bob", "refund", Refund, state)).GetProperty("error").GetProperty("code").GetInt32());
        var again = gateway.CallToolAsync("alice", "refund", Refund, state);
        Assert.Equal(hold, await HoldAsync(gateway));
        Assert.Equal(0, gateway.Shop.CountOf("refund"));
        await Approver.ApproveAsync(new Uri($"{gateway.Host.Url}/approve/{hold}"), "bob", "seen", TestContext.Current.CancellationToken);
        var second = (await again).GetProperty("result");
        Assert.Equal("complete", second.GetProperty("resultType").GetString());
        Assert.False(second.TryGetProperty("isError", out var isError) && isError.GetBoolean(), second.GetRawText());
        Assert.Equal(1, gateway.Shop.CountOf("refund"));
    }

    /// <summary>The one open hold, as soon as there is one.</summary>
    private static async Task<string> HoldAsync(RunningGateway gateway)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (true)
        {
            using var answer = await gateway.ApiAsync("/approvals", gateway.TokenOf("alice"));
            using var list = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(patience.Token));
            if (list.RootElement.GetProperty("items").EnumerateArray().FirstOrDefault() is { ValueKind: JsonValueKind.Object } hold) return hold.GetProperty("id").GetString()!;
            await Task.Delay(20, patience.Token);
        }
    }
}
