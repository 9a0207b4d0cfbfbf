using System.Text.Json;
using Postern.Conformance.Clients;
using Postern.Demo;
using Postern.Demo.Acts;
using Postern.Tests;

namespace Postern.Conformance;

/// <summary>The executable's commands against a whole gateway.</summary>
public sealed class CommandsTests : IAsyncLifetime
{
    private DemoStage _stage = null!;

    public async ValueTask InitializeAsync() => _stage = await DemoStage.StartAsync(new DemoOptions(), TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _stage.DisposeAsync();
        Directory.Delete(_stage.Folder, recursive: true);
    }

    [Fact]
    public async Task Whoami_tells_who_the_gateway_takes_one_for()
    {
        var run = await RunAsync("alice", "whoami", "-o", "json");

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Equal("demo:alice", JsonDocument.Parse(run.Out).RootElement.GetProperty("key").GetString());
    }

    [Fact]
    public async Task Without_a_sign_in_it_is_exit_3()
    {
        var run = await RunAsync(null, "approvals", "list");

        Assert.Equal(3, run.ExitCode);
        Assert.Contains("postern login", run.Error);
    }

    [Fact]
    [Guarantee("G8")]
    public async Task An_approval_is_followed_from_waiting_to_used()
    {
        await using var agent = await SdkAgent.ConnectAsync(_stage.Endpoint.AbsoluteUri, _stage.Issuer.IssueToken("alice", client: "demo-agent"), TestContext.Current.CancellationToken);
        object refund = new { order = 1042, amount = 900, reason = "broken" };
        var calling = agent.CallAsync("refund", refund, TestContext.Current.CancellationToken);
        var hold = await HoldAsync();
        var id = hold.GetProperty("id").GetString()!;

        var waiting = await RunAsync("alice", "approvals", "show", id);
        var stranger = await RunAsync("carol", "approvals", "show", id);
        await Approver.ApproveAsync(new Uri(hold.GetProperty("url").GetString()!), "bob", "photos seen", TestContext.Current.CancellationToken);
        _ = await calling; // it was kept waiting, and went on
        var used = await RunAsync("alice", "approvals", "show", id, "-o", "json");

        Assert.Equal(5, waiting.ExitCode);
        Assert.Contains("\"amount\"", waiting.Out);
        Assert.Equal(7, stranger.ExitCode);
        Assert.Equal((0, "consumed"), (used.ExitCode, JsonDocument.Parse(used.Out).RootElement.GetProperty("state").GetString()));
        Assert.Equal(1, _stage.Shop.RefundCount);
    }

    [Fact]
    public async Task Ones_own_sessions_are_listed_and_replayed_and_nobody_elses()
    {
        await using var agent = await SdkAgent.ConnectAsync(_stage.Endpoint.AbsoluteUri, _stage.Issuer.IssueToken("alice", client: "demo-agent"), TestContext.Current.CancellationToken);
        _ = await agent.CallAsync("get_customer", new { customer = "C-101" }, TestContext.Current.CancellationToken);

        var listed = await RunAsync("alice", "sessions", "list", "-o", "ndjson");
        var sessions = listed.Out.TrimEnd('\n').Split('\n').Select(line => JsonDocument.Parse(line).RootElement.GetProperty("id").GetString()!).ToList();
        var replays = new List<string>();
        foreach (var session in sessions) replays.Add((await RunAsync("alice", "sessions", "replay", session)).Out);
        var shown = await RunAsync("alice", "sessions", "show", sessions[0]);
        var stranger = await RunAsync("bob", "sessions", "replay", sessions[0]);

        Assert.Equal((0, ""), (listed.ExitCode, listed.Error));
        var replay = Assert.Single(replays, text => text.Contains("get_customer", StringComparison.Ordinal));
        Assert.Contains("demo:alice", replay);
        Assert.Contains("support-reads-shop@1", replay);
        Assert.Contains("[masked:customer-pii]", replay);
        Assert.DoesNotContain("mia.hartmann", replay);
        Assert.Equal(0, shown.ExitCode);
        Assert.Equal(7, stranger.ExitCode);
        Assert.Empty(stranger.Out);
    }

    [Fact]
    public async Task The_requester_cannot_approve_even_in_a_browser()
    {
        await using var agent = await SdkAgent.ConnectAsync(_stage.Endpoint.AbsoluteUri, _stage.Issuer.IssueToken("alice", client: "demo-agent"), TestContext.Current.CancellationToken);
        using var enough = new CancellationTokenSource();
        var calling = agent.CallAsync("refund", new { order = 1042, amount = 900, reason = "broken" }, enough.Token);
        var hold = await HoldAsync();

        await Assert.ThrowsAsync<DemoException>(() => Approver.ApproveAsync(new Uri(hold.GetProperty("url").GetString()!), "alice", "", TestContext.Current.CancellationToken));

        Assert.Equal(5, (await RunAsync("alice", "approvals", "show", hold.GetProperty("id").GetString()!)).ExitCode);
        await enough.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => calling);
    }

    /// <summary>The hold that a call, which is kept waiting meanwhile, has opened.</summary>
    private async Task<JsonElement> HoldAsync()
    {
        while (true)
        {
            var listed = JsonDocument.Parse((await RunAsync("alice", "approvals", "list", "-o", "json")).Out).RootElement;
            if (listed.GetArrayLength() > 0) return listed[0];
        }
    }

    private Task<PosternRun> RunAsync(string? person, params string[] arguments) => PosternProcess.RunAsync(
        "dotnet", [PosternProcess.Library, .. arguments, "--gateway", _stage.Gateway.Url],
        new Dictionary<string, string?>(StringComparer.Ordinal)
        {
            ["POSTERN_TOKEN"] = person is null ? null : _stage.Issuer.IssueToken(person),
            ["XDG_STATE_HOME"] = Path.Combine(_stage.Folder, "state"),
        });
}
