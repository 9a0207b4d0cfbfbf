using System.Net;
using System.Text.Json;
using Postern.Tests;

namespace Postern.Conformance.Stdio;

/// <summary>Servers over stdio as pipes: what goes over them, and whose stream it reaches.</summary>
public sealed class StdioMessageTests
{
    [Fact]
    [Row("P32")]
    [Guarantee("G6")]
    public async Task A_request_reaches_the_child_as_it_was_judged_on_one_line_but_for_its_id_and_progress_token()
    {
        await using var bed = await StdioBed.StartAsync();
        var session = await bed.InitializeAsync();
        const string Body = "{\"jsonrpc\":\"2.0\",\r\n \"id\":\"mine\", \"method\":\"tools/call\",\n\"params\":{\"_meta\":{\"progressToken\":\"tok\",\"x\":1e2},\"name\":\"request\",\"arguments\":{\"a\":\"line\\nbreak é\\u00e9\", \"n\":9007199254740993}}}";

        using var response = await bed.PostAsync(Body, session);
        var raw = (await StdioReply.ReadAsync(response)).Text;

        using var read = JsonDocument.Parse(raw);
        var id = read.RootElement.GetProperty("id").GetRawText();
        Assert.Equal(Body.Replace("\r\n", "  ", StringComparison.Ordinal).Replace('\n', ' ').Replace("\"mine\"", id, StringComparison.Ordinal).Replace("\"tok\"", id, StringComparison.Ordinal), raw);
    }

    [Theory]
    [InlineData("noise")]
    [InlineData("crlf")]
    [Row("P32")]
    public async Task Noise_and_answers_to_nothing_are_dropped_and_counted(string tool)
    {
        await using var bed = await StdioBed.StartAsync();
        var session = await bed.InitializeAsync();

        var reply = await bed.CallAsync(session, tool, new { id = 7 }, id: "7");

        Assert.Equal("done", reply.Text);
        Assert.Single(reply.Messages);
        await bed.StopAsync();
        Assert.Contains($"; {(tool == "noise" ? 9 : 0)} messages went nowhere", bed.Logs.All, StringComparison.Ordinal);
    }

    [Fact]
    [Row("P09")]
    [Row("P23")]
    public async Task Streams_of_one_session_share_the_child_and_each_gets_its_own_messages()
    {
        await using var bed = await StdioBed.StartAsync();
        var session = await bed.InitializeAsync();

        var replies = await Task.WhenAll(Enumerable.Range(0, 24).Select(index =>
            bed.CallAsync(session, "chatter", new { tag = $"t{index}", times = 20 }, id: $"\"{index}\"", more: $$"""  "_meta":{"progressToken":"p{{index}}"} """)));

        for (var index = 0; index < replies.Length; index++)
        {
            Assert.Equal($"t{index}:done", replies[index].Text);
            Assert.Equal($"{index}", replies[index].Last.GetProperty("id").GetString());
            var progress = replies[index].Messages[..^1].Select(message => message.GetProperty("params")).ToArray();
            Assert.Equal(Enumerable.Range(1, 20), progress.Select(each => each.GetProperty("progress").GetInt32()));
            Assert.All(progress, each => Assert.Equal(($"p{index}", $"t{index}"), (each.GetProperty("progressToken").GetString(), each.GetProperty("message").GetString())));
        }
    }

    [Fact]
    [Row("P09")]
    [Guarantee("G14")]
    public async Task Clients_of_one_person_that_use_the_same_ids_get_their_own_answers()
    {
        await using var bed = await StdioBed.StartAsync();

        var replies = await Task.WhenAll(Enumerable.Range(0, 12).Select(index => bed.StandaloneAsync("tools/call", "large", new { bytes = 1000 + index }, id: "1")));

        for (var index = 0; index < replies.Length; index++) Assert.Equal(1000 + index, replies[index].Text.Length);
    }

    [Fact]
    [Row("P10")]
    public async Task A_question_of_the_child_reaches_the_client_on_its_call_and_the_answer_the_child()
    {
        await using var bed = await StdioBed.StartAsync();
        var session = await bed.InitializeAsync();

        using var response = await bed.PostAsync(bed.CallOf("ask"), session);
        using var lines = new StreamReader(await response.Content.ReadAsStreamAsync(StdioBed.Test));
        var question = await NextAsync(lines);
        Assert.Equal("elicitation/create", question.GetProperty("method").GetString());
        using var answered = await bed.PostAsync($$$$"""{"jsonrpc":"2.0","id":{{{{question.GetProperty("id").GetRawText()}}}},"result":{"action":"accept","content":{"which":"this"}}}""", session);

        Assert.Equal(HttpStatusCode.Accepted, answered.StatusCode);
        Assert.Contains("\\u0022which\\u0022:\\u0022this\\u0022".Replace("\\u0022", "\\\"", StringComparison.Ordinal), (await NextAsync(lines)).GetRawText(), StringComparison.Ordinal);
    }

    [Fact]
    [Row("P10")]
    public async Task A_question_that_no_rule_permits_is_refused_at_the_child_and_a_ping_is_answered()
    {
        const string Policy = """
            version: 1
            rules:
              - id: support-calls
                who:  { groups: [support, on-call, eng] }
                on:   { connection: target, tools: ["*"] }
                then: allow
            """;
        await using var bed = await StdioBed.StartAsync(policy: Policy);
        var session = await bed.InitializeAsync();

        var refused = await bed.CallAsync(session, "ask");

        Assert.Single(refused.Messages);
        Assert.Contains("not permitted", refused.Text, StringComparison.Ordinal);
        Assert.Equal("{}", await bed.TextAsync(session, "ping"));
    }

    [Fact]
    [Row("P30")]
    public async Task A_caller_who_leaves_cancels_and_the_late_answer_is_nobodys()
    {
        await using var bed = await StdioBed.StartAsync();
        var session = await bed.InitializeAsync();
        using (var gone = new CancellationTokenSource())
        {
            var left = await bed.PostAsync(bed.CallOf("hold", id: "77"), session, over: gone.Token);
            left.Dispose();
            await gone.CancelAsync();
        }
        // The child is told; how soon is the server's noticing that the connection closed.
        string cancelled;
        do cancelled = await bed.TextAsync(session, "cancelled");
        while (cancelled.Length == 0);

        // The same id again, while the child still thinks of the old one: another request altogether.
        StdioReply reply;
        do reply = await bed.CallAsync(session, "release", id: "77");
        while (reply.Text.Contains("in flight already", StringComparison.Ordinal)); // the gateway still writes down how the old one ended

        Assert.Equal("released", reply.Text);
        Assert.NotEqual("77", cancelled);
    }

    [Fact]
    [Row("P30")]
    public async Task A_clients_cancellation_names_the_request_in_the_childs_own_terms()
    {
        await using var bed = await StdioBed.StartAsync();
        var session = await bed.InitializeAsync();
        var held = bed.CallAsync(session, "hold", id: "5", more: """ "_meta":{"progressToken":5} """);
        // Its intent is on the wire before the next request's, as one client writes them.
        await bed.TextAsync(session, "count");
        HttpResponseMessage told;
        string cancelled;
        do
        {
            told = await bed.PostAsync("""{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":5,"reason":"enough"}}""", session);
            cancelled = await bed.TextAsync(session, "cancelled");
        }
        while (cancelled.Length == 0);

        Assert.Equal(HttpStatusCode.Accepted, told.StatusCode);
        told.Dispose();
        Assert.NotEqual("5", cancelled);
        Assert.True((await held).IsRefusal);
    }

    [Fact]
    [Guarantee("G16")]
    [Row("P32")]
    public async Task A_line_beyond_the_limit_ends_the_child_and_a_large_one_below_it_arrives()
    {
        await using var bed = await StdioBed.StartAsync();
        var session = await bed.InitializeAsync();

        Assert.Equal(5_000_000, (await bed.TextAsync(session, "large", new { bytes = 5_000_000 })).Length);
        var beyond = await bed.CallAsync(session, "large", new { bytes = 17 * 1024 * 1024 });

        Assert.True(beyond.IsRefusal);
        Assert.Equal(HttpStatusCode.NotFound, (await bed.CallAsync(session, "count")).Status);
    }

    [Fact]
    [Row("P08")]
    public async Task A_request_without_its_session_and_a_stray_answer_are_refused()
    {
        await using var bed = await StdioBed.StartAsync();
        var session = await bed.InitializeAsync();

        var without = await bed.CallAsync(null, "count");
        using var stray = await bed.PostAsync("""{"jsonrpc":"2.0","id":"ask-1","result":{}}""", session);

        Assert.Equal(HttpStatusCode.BadRequest, without.Status);
        Assert.Equal(HttpStatusCode.BadRequest, stray.StatusCode);
        Assert.Equal("1", await bed.TextAsync(session, "count"));
    }

    [Theory]
    [InlineData("sessions", HttpStatusCode.NotFound)]
    [InlineData("stateless", HttpStatusCode.OK)]
    public async Task A_probe_of_the_newer_era_is_answered_in_the_status_that_clients_fall_back_on(string eras, HttpStatusCode status)
    {
        await using var bed = await StdioBed.StartAsync(StdioBed.Scripted(environment: [new("ERAS", eras)]));

        var discovered = await bed.StandaloneAsync("server/discover");

        Assert.Equal(status, discovered.Status);
        if (eras == "sessions") Assert.Equal("1", await bed.TextAsync(await bed.InitializeAsync(), "count"));
        else Assert.Equal("1", (await bed.StandaloneAsync("tools/call", "count")).Text);
    }

    internal static async Task<JsonElement> NextAsync(StreamReader lines)
    {
        while (await lines.ReadLineAsync(StdioBed.Test) is { } line)
        {
            if (line.StartsWith("data: ", StringComparison.Ordinal)) return JsonDocument.Parse(line[6..]).RootElement;
        }
        throw new InvalidOperationException("the stream ended");
    }
}
