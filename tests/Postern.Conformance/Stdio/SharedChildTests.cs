using Postern.Tests;

namespace Postern.Conformance.Stdio;

/// <summary>One child for everybody: only by configuration, said aloud, and what does not say whose it is reaches nobody.</summary>
public sealed class SharedChildTests
{
    [Fact]
    public async Task A_shared_child_serves_all_and_is_initialized_once()
    {
        await using var bed = await StdioBed.StartAsync(StdioBed.Scripted(isShared: true));
        var alice = await bed.InitializeAsync();
        var bob = await bed.InitializeAsync("bob");

        Assert.Equal("1", await bed.TextAsync(alice, "count"));
        Assert.Equal("2", await bed.TextAsync(bob, "count", person: "bob"));
        Assert.Equal("1", await bed.TextAsync(alice, "ready"));
        Assert.Equal(System.Net.HttpStatusCode.NotFound, (await bed.CallAsync(alice, "count", person: "bob")).Status);

        // One leaves; the other goes on.
        using var left = await bed.SendAsync(HttpMethod.Delete, alice);
        Assert.Equal("3", await bed.TextAsync(bob, "count", person: "bob"));
    }

    [Fact]
    public async Task Sharing_is_said_in_the_log_in_the_record_and_by_readiness()
    {
        await using var bed = await StdioBed.StartAsync(StdioBed.Scripted(isShared: true));

        Assert.Contains("one process serves everybody at `target`", System.Text.RegularExpressions.Regex.Unescape(await bed.ReadyAsync()), StringComparison.Ordinal);
        Assert.Contains("`target` is shared", bed.Logs.All, StringComparison.Ordinal);
        Assert.Contains("connection.shared", (await bed.StopAsync()).Everything, StringComparison.Ordinal);
    }

    [Fact]
    [Row("P23")]
    [Guarantee("G14")]
    public async Task What_does_not_say_whose_it_is_reaches_nobody_at_a_shared_child()
    {
        await using var bed = await StdioBed.StartAsync(StdioBed.Scripted(isShared: true));
        var alice = await bed.InitializeAsync();
        var bob = await bed.InitializeAsync("bob");
        var waiting = bed.CallAsync(bob, "hold", person: "bob", id: "1");

        var logged = await bed.CallAsync(alice, "log", new { text = "canary-of-alice" }, id: "1");
        var asked = await bed.CallAsync(alice, "ask", id: "2");
        await bed.CallAsync(alice, "release", id: "3");
        var bobs = await waiting;

        Assert.Single(logged.Messages);
        Assert.Single(asked.Messages);
        Assert.Contains("nobody can be asked", asked.Text, StringComparison.Ordinal);
        Assert.DoesNotContain(bobs.Messages, message => message.GetRawText().Contains("canary-of-alice", StringComparison.Ordinal));
    }
}
