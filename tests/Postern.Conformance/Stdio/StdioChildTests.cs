using System.Net;
using System.Text.Json;
using Postern.Core.Recording;
using Postern.Gateway.Configuration;
using Postern.Tests;

namespace Postern.Conformance.Stdio;

/// <summary>Servers over stdio as processes: whose they are, what they are given, and that they end.</summary>
public sealed class StdioChildTests
{
    [Fact]
    [Guarantee("G14")]
    [Row("P13")]
    public async Task Each_session_has_a_child_of_its_own_and_nobody_reaches_anothers()
    {
        await using var bed = await StdioBed.StartAsync();
        var alice = await bed.InitializeAsync();
        var again = await bed.InitializeAsync();
        var bob = await bed.InitializeAsync("bob");

        Assert.Equal("1", await bed.TextAsync(alice, "count"));
        Assert.Equal("2", await bed.TextAsync(alice, "count"));
        Assert.Equal("1", await bed.TextAsync(again, "count"));
        Assert.Equal("1", await bed.TextAsync(bob, "count", person: "bob"));
        var stolen = await bed.CallAsync(alice, "count", person: "bob");

        Assert.Equal(HttpStatusCode.NotFound, stolen.Status);
        Assert.Equal("3", await bed.TextAsync(alice, "count"));
    }

    [Fact]
    [Guarantee("G14")]
    public async Task Requests_that_stand_alone_share_a_child_with_the_same_person_only()
    {
        await using var bed = await StdioBed.StartAsync();

        Assert.Equal("1", (await bed.StandaloneAsync("tools/call", "count")).Text);
        Assert.Equal("2", (await bed.StandaloneAsync("tools/call", "count")).Text);
        Assert.Equal("1", (await bed.StandaloneAsync("tools/call", "count", person: "bob")).Text);
        // A server decides by its first message which era it speaks: the sessions of the same person run beside it.
        Assert.Equal("1", await bed.TextAsync(await bed.InitializeAsync(), "count"));
    }

    [Fact]
    [Guarantee("G12")]
    [Row("P32")]
    [Row("T06")]
    public async Task A_child_has_the_essentials_and_what_is_configured_and_nothing_else_of_the_gateway()
    {
        Environment.SetEnvironmentVariable("STDIO_CANARY", "gateway-secret-canary");
        await using var bed = await StdioBed.StartAsync(StdioBed.Scripted(environment: [new("API_TOKEN", "configured-token"), new("LANG", "C.UTF-8")]));
        var session = await bed.InitializeAsync();

        var environment = JsonSerializer.Deserialize<Dictionary<string, string>>(await bed.TextAsync(session, "environment"))!;
        var descriptors = await bed.TextAsync(session, "descriptors");

        // PWD and OLDPWD are the shell's own note of the folder.
        Assert.Empty(environment.Keys.Except(["PATH", "HOME", "USER", "LANG", "TZ", "TMPDIR", "API_TOKEN", "PWD", "OLDPWD", "_", "SHLVL"]));
        Assert.Equal("configured-token", environment["API_TOKEN"]);
        Assert.Equal("C.UTF-8", environment["LANG"]);
        Assert.All(descriptors.Split('\n').Where(line => line.Contains("socket:", StringComparison.Ordinal)), line => Assert.Matches("^[012] ", line));
        Assert.DoesNotContain("journal", descriptors, StringComparison.Ordinal);
    }

    [Fact]
    [Row("P32")]
    public async Task The_end_of_a_session_ends_its_process_and_all_that_it_started()
    {
        await using var bed = await StdioBed.StartAsync();
        var session = await bed.InitializeAsync();
        var family = JsonSerializer.Deserialize<int[]>(await bed.TextAsync(session, "family"))!;
        Assert.All(family, process => Assert.True(StdioBed.IsAlive(process)));

        using var deleted = await bed.SendAsync(HttpMethod.Delete, session);

        Assert.Equal(HttpStatusCode.OK, deleted.StatusCode);
        foreach (var process in family) Assert.True(await StdioBed.IsGoneAsync(process), $"process {process} lives");
        Assert.Equal(HttpStatusCode.NotFound, (await bed.CallAsync(session, "count")).Status);
    }

    [Fact]
    [Row("P32")]
    public async Task The_stop_of_the_gateway_ends_every_process_be_it_stubborn()
    {
        await using var bed = await StdioBed.StartAsync();
        var family = JsonSerializer.Deserialize<int[]>(await bed.TextAsync(await bed.InitializeAsync(), "family"))!;
        var stubborn = int.Parse(await bed.TextAsync(await bed.InitializeAsync("bob"), "stubborn", person: "bob"));

        var recording = await bed.StopAsync();

        Assert.All(family.Append(stubborn), process => Assert.False(StdioBed.IsAlive(process)));
        Assert.Null(recording.Problem);
        Assert.Contains("target.started", recording.Everything, StringComparison.Ordinal);
        Assert.Contains("target.ended", recording.Everything, StringComparison.Ordinal);
    }

    [Fact]
    [Row("P32")]
    public async Task A_child_that_nobody_uses_is_ended_and_its_session_must_be_opened_again()
    {
        await using var bed = await StdioBed.StartAsync(StdioBed.Scripted(idle: TimeSpan.FromSeconds(1)));
        var session = await bed.InitializeAsync();
        var process = int.Parse(await bed.TextAsync(session, "process"));

        Assert.True(await StdioBed.IsGoneAsync(process));

        Assert.Equal(HttpStatusCode.NotFound, (await bed.CallAsync(session, "count")).Status);
        Assert.Equal("1", await bed.TextAsync(await bed.InitializeAsync(), "count"));
    }

    [Fact]
    [Row("P32")]
    [Guarantee("G3")]
    public async Task A_child_that_dies_ends_its_open_requests_and_its_session()
    {
        await using var bed = await StdioBed.StartAsync();
        var session = await bed.InitializeAsync();

        var waiting = bed.CallAsync(session, "hold");
        var died = await bed.CallAsync(session, "exit");

        Assert.True(died.IsRefusal);
        Assert.Contains("may have taken effect", died.Text, StringComparison.Ordinal);
        Assert.True((await waiting).IsRefusal);
        Assert.Equal(HttpStatusCode.NotFound, (await bed.CallAsync(session, "count")).Status);
        var recording = await bed.StopAsync();
        Assert.Equal(["Unknown", "Unknown"], recording.Calls.Take(2).Select(call => call.Outcome));
    }

    [Fact]
    [Guarantee("G5")]
    public async Task For_somebody_whom_no_rule_names_nothing_is_started()
    {
        await using var bed = await StdioBed.StartAsync();

        using var response = await bed.PostAsync("""{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"raw","version":"1"}}}""", null, "carol");
        var alone = await bed.StandaloneAsync("tools/call", "count", person: "carol");

        Assert.True((await StdioReply.ReadAsync(response)).IsRefusal);
        Assert.True(alone.IsRefusal);
        var started = (await bed.StopAsync()).Records.Select(record => record.Payload).OfType<RecordedOccurrence>().Where(note => note.Kind == "target.started");
        Assert.All(started, note => Assert.Contains(note.Facts, fact => fact is { Name: "identity", Value: "gateway:postern" }));
    }

    [Fact]
    public async Task What_a_child_says_before_it_dies_is_delivered()
    {
        await using var bed = await StdioBed.StartAsync();

        Assert.Equal("my last words", await bed.TextAsync(await bed.InitializeAsync(), "last"));
    }

    [Fact]
    [Guarantee("G16")]
    public async Task One_identity_takes_no_more_than_its_share_and_never_anothers()
    {
        await using var bed = await StdioBed.StartAsync(limits: new LimitOptions { ChildrenPerIdentity = 2, Children = 3 });
        var first = await bed.InitializeAsync();
        var second = await bed.InitializeAsync();
        var bob = await bed.InitializeAsync("bob");
        Assert.Equal("1", await bed.TextAsync(first, "count"));

        var third = await bed.InitializeAsync(); // the longest unused of alice's own makes room

        Assert.Equal(HttpStatusCode.NotFound, (await bed.CallAsync(second, "count")).Status);
        Assert.Equal("2", await bed.TextAsync(first, "count"));
        Assert.Equal("1", await bed.TextAsync(third, "count"));
        Assert.Equal("1", await bed.TextAsync(bob, "count", person: "bob"));
    }

    [Fact]
    [Guarantee("G12")]
    [Row("P32")]
    [Row("U08")]
    public async Task Stderr_reaches_the_log_without_secrets_and_without_terminal_escapes()
    {
        await using var bed = await StdioBed.StartAsync(StdioBed.Scripted(environment: [new("API_TOKEN", "configured-token")]));
        var session = await bed.InitializeAsync();

        await bed.TextAsync(session, "stderr", new { text = "token $API_TOKEN, card 4111 1111 1111 1111, \u001b[2J\u202ered" });
        var line = await bed.Logs.WaitAsync("token [secret]", StdioBed.Test);

        Assert.DoesNotContain("configured-token", bed.Logs.All, StringComparison.Ordinal);
        Assert.DoesNotContain("4111 1111", line, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', line);
        Assert.Contains("⟨U+001B⟩[2J⟨U+202E⟩red", line, StringComparison.Ordinal);
        var recording = await bed.StopAsync();
        Assert.DoesNotContain("configured-token", recording.Everything, StringComparison.Ordinal);
    }

    [Fact]
    [Guarantee("G5")]
    public async Task A_command_that_is_gone_refuses_and_the_gateway_lives_on()
    {
        var folder = Directory.CreateTempSubdirectory("postern-stdio-");
        var script = Path.Combine(folder.FullName, "server");
        await File.WriteAllTextAsync(script, "#!/bin/sh\nexit 0\n", StdioBed.Test);
        File.SetUnixFileMode(script, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        await using var bed = await StdioBed.StartAsync(new StdioOptions { Command = script, Folder = folder.FullName });
        File.Delete(script);

        using var response = await bed.PostAsync("""{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"raw","version":"1"}}}""", null);

        Assert.True((await StdioReply.ReadAsync(response)).IsRefusal);
        folder.Delete(recursive: true);
    }

    [Fact]
    [Guarantee("G16")]
    [Row("P32")]
    public async Task A_child_that_reads_nothing_more_holds_nobody_up_for_ever()
    {
        await using var bed = await StdioBed.StartAsync();
        var session = await bed.InitializeAsync();
        var process = int.Parse(await bed.TextAsync(session, "process"));
        await bed.TextAsync(session, "deaf");

        // More than the pipe holds; its caller gives up before the child is given up.
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(StdioBed.Test);
        patience.CancelAfter(TimeSpan.FromSeconds(1));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => Assert.Fail(await (await bed.PostAsync(bed.CallOf("count", new { filler = new string('x', 2_000_000) }), session, over: patience.Token)).Content.ReadAsStringAsync(patience.Token)));
        using var deleted = await bed.SendAsync(HttpMethod.Delete, session);

        Assert.Equal(HttpStatusCode.OK, deleted.StatusCode);
        Assert.True(await StdioBed.IsGoneAsync(process));
        Assert.Equal("1", await bed.TextAsync(await bed.InitializeAsync(), "count"));
    }

    [Fact]
    [Guarantee("G16")]
    public async Task A_client_that_does_not_read_holds_no_more_than_the_window_and_others_go_on()
    {
        await using var bed = await StdioBed.StartAsync();
        var session = await bed.InitializeAsync();
        using var slow = await bed.PostAsync(bed.CallOf("chatter", new { tag = new string('x', 100_000), times = 30 }, id: "900", more: """ "_meta":{"progressToken":900} """), session);

        // 3 MB wait for a reader that does not read; the same child serves its session's other streams.
        Assert.Equal("1", await bed.TextAsync(session, "count"));
        var text = await slow.Content.ReadAsStringAsync(StdioBed.Test);

        Assert.Equal(30, text.Split("notifications/progress").Length - 1);
    }

    [Fact]
    public async Task A_server_that_never_answers_leaves_its_connection_without_tools_and_the_others_alone()
    {
        await using var bed = await StdioBed.StartAsync(StdioBed.Scripted(environment: [new("MUTE", "1")]));
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(StdioBed.Test);
        patience.CancelAfter(TimeSpan.FromSeconds(2));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => bed.PostAsync("""{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"raw","version":"1"}}}""", null, over: patience.Token));

        Assert.Contains("ready", await bed.ReadyAsync(), StringComparison.Ordinal);
    }
}
