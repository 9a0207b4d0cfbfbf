using System.Text.Json;
using Postern.Core.Approvals;
using Postern.Core.Operations;
using Postern.Core.Recording;

namespace Postern.Tests.Mcp;

/// <summary>Clients whose call waits for people: on one stream (sessions era), or in legs with a state to bring back (stateless era).</summary>
[Guarantee("G7")]
public sealed class McpWaitTests
{
    private const string Refund = """{"order":9,"amount":900}""";

    private static readonly TimeSpan Long = TimeSpan.FromSeconds(40);
    private static readonly TimeSpan Short = TimeSpan.FromMilliseconds(30);

    [Fact]
    public async Task A_call_of_the_sessions_era_is_answered_on_its_own_stream_once_a_person_agreed()
    {
        await using var bed = await McpTestBed.StartAsync(wait: Long);
        var session = await bed.InitializeAsync();

        var calling = await bed.BeginAsync("""{"jsonrpc":"2.0","id":"c","method":"tools/call","params":{"name":"refund","arguments":{"amount":900},"_meta":{"progressToken":"p-1"}}}""", session);
        await bed.ApproveAsync();
        var answer = await calling;

        Assert.Equal("text/event-stream", answer.MediaType);
        Assert.False(answer.IsError, answer.Body);
        Assert.Equal("c", answer.Json.GetProperty("id").GetString());
        var progress = JsonDocument.Parse(answer.Events[0]).RootElement;
        Assert.Equal("notifications/progress", progress.GetProperty("method").GetString());
        Assert.Equal("p-1", progress.GetProperty("params").GetProperty("progressToken").GetString());
        Assert.Contains("http://gateway.test:7600/approve/", progress.GetProperty("params").GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Single(bed.Server.CallsOf("tools/call"));
        Assert.Single(bed.Recorder.Clearings);
        Assert.Equal(Outcome.Done, bed.Recorder.Endings.Last().Outcome);
    }

    [Fact]
    public async Task The_targets_own_progress_goes_on_above_that_of_the_waiting()
    {
        await using var bed = await McpTestBed.StartAsync(wait: Long);
        bed.Server.Override = async (http, received) =>
        {
            if (received.Method != "tools/call") return false;
            await FakeMcpServer.SseAsync(http,
                """{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":5,"progress":0}}""",
                """{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":5,"progress":0.5}}""",
                """{"jsonrpc":"2.0","id":"c","result":{"content":[]}}""");
            return true;
        };

        var calling = await bed.BeginAsync("""{"jsonrpc":"2.0","id":"c","method":"tools/call","params":{"name":"refund","arguments":{"amount":900},"_meta":{"progressToken":5}}}""");
        await bed.ApproveAsync();

        var values = (await calling).Events[..^1].Select(frame => JsonDocument.Parse(frame).RootElement.GetProperty("params").GetProperty("progress").GetDouble()).ToList();
        Assert.Equal([0.000001, 0.5], values);
    }

    [Fact]
    public async Task A_no_is_told_on_the_stream_and_so_is_that_nobody_answered()
    {
        await using var bed = await McpTestBed.StartAsync(wait: Long);
        var calling = bed.CallAsync("refund", Refund);
        await bed.ApproveAsync(approve: false);
        Assert.Equal("hold.rejected", (await calling).Envelope.GetProperty("code").GetString());

        await using var hasty = await McpTestBed.StartAsync(wait: TimeSpan.FromSeconds(2)); // enough for the hold to be on the disk
        var unanswered = await hasty.CallAsync("refund", Refund);
        Assert.Equal("text/event-stream", unanswered.MediaType);
        Assert.True(unanswered.IsError);
        Assert.Equal("hold.pending", unanswered.Envelope.GetProperty("code").GetString());
        await hasty.ApproveAsync();
        Assert.False((await hasty.CallAsync("refund", Refund)).IsError);
        Assert.Empty(bed.Server.CallsOf("tools/call"));
        Assert.Single(hasty.Server.CallsOf("tools/call"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    [Row("A16")]
    [Row("F17")]
    [Row("P30")]
    public async Task What_was_cancelled_or_hung_up_on_while_it_waited_is_not_executed_when_people_agree(bool byMessage)
    {
        await using var bed = await McpTestBed.StartAsync(wait: Long);
        var session = await bed.InitializeAsync();
        using var hangUp = new CancellationTokenSource();
        var calling = bed.SendAsync("""{"jsonrpc":"2.0","id":77,"method":"tools/call","params":{"name":"refund","arguments":{"amount":900}}}""", session, cancellationToken: hangUp.Token);
        var hold = await bed.HoldAsync();
        await bed.UntilAsync(() => bed.Leash.WaitingCount == 1);

        if (byMessage)
        {
            // Another session's message about the same id changes nothing.
            await bed.SendAsync("""{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":77}}""", await bed.InitializeAsync("bob"), "bob");
            Assert.Equal(1, bed.Leash.WaitingCount);
            await bed.SendAsync("""{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":77}}""", session);
            Assert.Equal("hold.pending", (await calling).Envelope.GetProperty("code").GetString());
        }
        else
        {
            await hangUp.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => calling);
        }
        await bed.UntilAsync(() => bed.Leash.WaitingCount == 0);
        await bed.ApproveAsync(hold);

        Assert.Empty(bed.Server.CallsOf("tools/call"));
        Assert.Empty(bed.Recorder.Clearings);
        Assert.False((await bed.CallAsync("refund", """{"amount":900}""", session)).IsError);
    }

    [Fact]
    public async Task A_client_with_a_short_patience_is_not_kept_waiting_unless_the_operator_says_so()
    {
        await using var bed = await McpTestBed.StartAsync(wait: Long);
        var hasty = await bed.InitializeAsync(client: "mcp");
        var slow = await bed.InitializeAsync(client: "slow agent");
        bed.ClientWaits["slow agent"] = TimeSpan.Zero;

        Assert.True((await bed.CallAsync("refund", Refund, hasty)).IsError);
        Assert.True((await bed.CallAsync("refund", Refund, slow)).IsError);
        bed.ClientWaits["mcp"] = Long;
        var calling = bed.CallAsync("refund", Refund, hasty);
        await bed.UntilAsync(() => bed.Leash.WaitingCount == 1);
        await bed.ApproveAsync();
        Assert.False((await calling).IsError);
    }

    [Fact]
    public async Task A_client_of_the_stateless_era_comes_back_in_legs_and_gets_the_result_in_the_one_in_which_a_person_agrees()
    {
        await using var bed = await McpTestBed.StartAsync(wait: Short);
        var first = await bed.CallModernAsync("refund", Refund);
        var second = await bed.CallModernAsync("refund", """{ "amount": 900, "order": 9 }""", first.State);
        bed.Wait = Long;
        var third = bed.CallModernAsync("refund", Refund, second.State);
        await bed.UntilAsync(() => bed.Leash.WaitingCount == 1);
        var hold = await bed.ApproveAsync();
        var answer = await third;

        Assert.Equal("input_required", first.Result.GetProperty("resultType").GetString());
        Assert.False(first.Result.TryGetProperty("inputRequests", out _));
        Assert.Equal("hold.pending", first.Envelope.GetProperty("code").GetString());
        Assert.NotEqual(first.State, second.State);
        Assert.False(answer.IsError, answer.Body);
        Assert.False(answer.Result.TryGetProperty("requestState", out _));
        // The target saw one plain call, and the record tells who agreed to what.
        Assert.DoesNotContain("requestState", Assert.Single(bed.Server.CallsOf("tools/call")).Body, StringComparison.Ordinal);
        Assert.Equal((hold.Id, hold.OpenedBy), (Assert.Single(bed.Recorder.Clearings).Hold, bed.Recorder.Clearings.Single().Continues));
        Assert.Equal([Outcome.Pending, Outcome.Pending, Outcome.Done], bed.Recorder.Endings.TakeLast(3).Select(ending => ending.Outcome));
        Assert.DoesNotContain(bed.Recorder.Intents, intent => intent.Request.Value.Span.IndexOf("requestState"u8) >= 0);
    }

    [Fact]
    public async Task After_nine_legs_the_answer_is_one_that_a_model_can_read()
    {
        await using var bed = await McpTestBed.StartAsync(wait: Short);
        var answer = await bed.CallModernAsync("refund", Refund);
        for (var leg = 2; leg <= 9; leg++)
        {
            Assert.Equal("input_required", answer.Result.GetProperty("resultType").GetString());
            answer = await bed.CallModernAsync("refund", Refund, answer.State);
        }

        Assert.Equal("complete", answer.Result.GetProperty("resultType").GetString());
        Assert.True(answer.IsError);
        Assert.Equal("hold.pending", answer.Envelope.GetProperty("code").GetString());
        Assert.Single(await bed.Holds.ListAsync(null, 10, CancellationToken.None));
    }

    [Fact]
    [Row("P11")]
    public async Task A_state_is_refused_when_it_is_changed_anothers_used_or_for_another_call()
    {
        await using var bed = await McpTestBed.StartAsync(wait: Short);
        var state = (await bed.CallModernAsync("refund", Refund)).State;
        var before = bed.Recorder.Intents.Count;

        foreach (var refused in new[]
        {
            await bed.CallModernAsync("refund", Refund, state[..^1] + (state[^1] == 'A' ? 'B' : 'A')),
            await bed.CallModernAsync("refund", Refund, "a state of the client's own making"),
            await bed.CallModernAsync("refund", Refund, ""),
            await bed.CallModernAsync("refund", Refund, state, "bob"),
            await bed.CallModernAsync("list_orders", Refund, state),
            await bed.CallModernAsync("refund", """{"order":9,"amount":901}""", state),
            await bed.SendModernAsync("tools/call", $$"""
                "name":"refund","arguments":{{Refund}},"requestState":"{{state}}","inputResponses":{"more":{"action":"accept"} }
                """, "refund"),
            await bed.SendModernAsync("tools/call", $$"""
                "name":"refund","arguments":{{Refund}},"requestState":["{{state}}"]
                """, "refund"),
        })
        {
            Assert.Equal((System.Net.HttpStatusCode.BadRequest, -32602), (refused.Status, refused.ErrorCode));
        }
        Assert.Equal(before, bed.Recorder.Intents.Count);
        Assert.Equal("input_required", (await bed.CallModernAsync("refund", Refund, state)).Result.GetProperty("resultType").GetString());
        var replayed = await bed.CallModernAsync("refund", Refund, state);

        Assert.Equal(-32602, replayed.ErrorCode);
        Assert.Empty(bed.Server.CallsOf("tools/call"));
    }

    [Fact]
    public async Task Waiting_legs_and_plain_repeats_share_one_approval_and_exactly_one_runs()
    {
        await using var bed = await McpTestBed.StartAsync(wait: Short);
        var states = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => bed.CallModernAsync("refund", Refund)));
        bed.Wait = Long;
        var waiting = states.Select(first => bed.CallModernAsync("refund", Refund, first.State)).ToList();
        await bed.UntilAsync(() => bed.Leash.WaitingCount == 16);

        var hold = await bed.HoldAsync();
        var repeats = Enumerable.Range(0, 16).Select(_ => bed.CallAsync("refund", Refund)).ToList();
        await bed.ApproveAsync(hold);
        await bed.UntilAsync(() => bed.Server.CallsOf("tools/call").Any());
        // Those that came too late for the one approval ask anew, and wait for that until they are sent away.
        await bed.Leash.StopAsync(TimeSpan.FromSeconds(10));
        var answers = await Task.WhenAll([.. waiting, .. repeats]);

        Assert.Single(answers, answer => !answer.IsError && !answer.Body.Contains("input_required", StringComparison.Ordinal));
        Assert.Single(bed.Server.CallsOf("tools/call"));
        Assert.Single(bed.Recorder.Clearings);
    }

    [Fact]
    public async Task Other_requests_and_clients_that_are_not_kept_waiting_get_the_stored_approval()
    {
        await using var bed = await McpTestBed.StartAsync();

        var answer = await bed.CallModernAsync("refund", Refund);

        Assert.True(answer.IsError);
        Assert.Equal("hold.pending", answer.Envelope.GetProperty("code").GetString());
        await bed.ApproveAsync();
        Assert.False((await bed.CallModernAsync("refund", Refund)).IsError);
    }
}
