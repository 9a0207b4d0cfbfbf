using System.Net;
using System.Text;
using System.Text.Json;
using Postern.Core.Recording;

namespace Postern.Tests.Mcp;

/// <summary>
/// What a target gives clients to bring back (2026-07-28), through the gateway: sealed on the way out, the target's own on the way
/// in; and what people approved goes on with the answers, once.
/// </summary>
[Row("P11")]
[Row("P12")]
[Guarantee("G7")]
public sealed class McpRequestStateTests
{
    private const string Policy = """
        version: 1
        rules:
          - { id: reads, who: { groups: [support] }, on: { connection: shop, tools: [list_orders] }, then: allow }
          - { id: large, who: { groups: [support] }, on: { connection: shop, tools: [refund] }, then: hold, hold: { approvers: { groups: [on-call] } } }
          - { id: asks, who: { groups: [support] }, on: { connection: shop, server_asks: [elicitation] }, then: allow }
        """;

    private const string Refund = """{"order":9,"amount":900}""";
    private const string Yes = """{"sure":{"action":"accept","content":{"really":true}}}""";
    private const string Question = """{"sure":{"method":"elicitation/create","params":{"message":"really?","requestedSchema":{"type":"object","properties":{"really":{"type":"boolean"}}}}}}""";

    // As a target may write it: escapes that a careless reader would lose.
    private const string State = "\"h\\u00e4lfte/\\/\\u003d\"";

    [Fact]
    [Guarantee("G6")]
    public async Task A_targets_state_comes_back_to_it_byte_for_byte_and_its_client_never_sees_it()
    {
        await using var bed = await AskingAsync(State);

        var asked = await bed.CallModernAsync("list_orders");
        var answered = await bed.CallModernAsync("list_orders", "{}", asked.State, answers: Yes);

        Assert.Equal("input_required", asked.Result.GetProperty("resultType").GetString());
        Assert.Equal(JsonDocument.Parse(Question).RootElement.GetRawText(), asked.Result.GetProperty("inputRequests").GetRawText());
        Assert.DoesNotContain("lfte", asked.Body, StringComparison.Ordinal);
        Assert.Equal("done", answered.Result.GetProperty("content")[0].GetProperty("text").GetString());
        var second = bed.Server.CallsOf("tools/call").Last();
        Assert.Contains($"\"requestState\":{State}", second.Body, StringComparison.Ordinal);
        Assert.Contains($"\"inputResponses\":{Yes}", second.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_state_of_a_target_is_good_for_the_client_and_the_call_that_it_was_given_to()
    {
        await using var bed = await AskingAsync(State);
        var state = (await bed.CallModernAsync("list_orders", """{"of":"c-1"}""")).State;
        var before = bed.Server.CallsOf("tools/call").Count();

        foreach (var refused in new[]
        {
            await bed.CallModernAsync("list_orders", """{"of":"c-1"}""", state, "bob", Yes),
            await bed.CallModernAsync("list_orders", """{"of":"c-2"}""", state, answers: Yes),
            await bed.CallModernAsync("refund", """{"of":"c-1"}""", state, answers: Yes),
            await bed.CallModernAsync("list_orders", """{"of":"c-1"}""", "hälfte/=", answers: Yes),
            await bed.CallModernAsync("list_orders", """{"of":"c-1"}""", state + "A", answers: Yes),
        })
        {
            Assert.Equal((HttpStatusCode.BadRequest, -32602), (refused.Status, refused.ErrorCode));
        }
        Assert.Equal(before, bed.Server.CallsOf("tools/call").Count());
        Assert.False((await bed.CallModernAsync("list_orders", """{ "of": "c-1" }""", state, answers: Yes)).IsError);
    }

    [Theory]
    [InlineData(State)]
    [InlineData(null)]
    public async Task An_approved_call_goes_on_with_the_answers_to_what_its_target_asked_and_the_record_has_them(string? state)
    {
        await using var bed = await AskingAsync(state);
        var asked = await ApprovedAsync(bed);

        var answered = await bed.CallModernAsync("refund", Refund, asked.State, answers: Yes);

        Assert.Equal("done", answered.Result.GetProperty("content")[0].GetProperty("text").GetString());
        Assert.Single(await bed.Holds.ListAsync(null, 10, CancellationToken.None));
        var (first, second) = (bed.Recorder.Clearings.First(), bed.Recorder.Clearings.Last());
        Assert.Equal(2, bed.Recorder.Clearings.Count);
        Assert.Equal((first.Hold, first.Operation), (second.Hold, second.Continues));
        Assert.Contains(Yes, Encoding.UTF8.GetString(bed.Recorder.Intents.Last().Request.Value.Span), StringComparison.Ordinal);
        var received = bed.Server.CallsOf("tools/call").Last().Body;
        Assert.Equal(state is not null, received.Contains($"\"requestState\":{State}", StringComparison.Ordinal));
        Assert.Equal(state is not null, received.Contains("requestState", StringComparison.Ordinal));
    }

    [Fact]
    [Row("A02")]
    [Row("A03")]
    public async Task An_approval_goes_on_once_however_often_the_answers_come()
    {
        await using var bed = await AskingAsync(State);
        var asked = await ApprovedAsync(bed);

        var answers = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => bed.CallModernAsync("refund", Refund, asked.State, answers: Yes)));

        Assert.Single(answers, answer => !answer.IsError);
        Assert.All(answers.Where(answer => answer.IsError), answer => Assert.Equal("hold.expired", answer.Envelope.GetProperty("code").GetString()));
        Assert.Equal(2, bed.Server.CallsOf("tools/call").Count());
        Assert.Single(await bed.Holds.ListAsync(null, 10, CancellationToken.None));
    }

    [Theory]
    [InlineData("""{"sure":{"action":"accept"},"more":{"action":"accept"}}""")]
    [InlineData("""{"more":{"action":"accept"}}""")]
    [InlineData("""["sure"]""")]
    public async Task Answers_to_what_nobody_asked_make_it_a_new_operation_that_people_must_agree_to(string answers)
    {
        await using var bed = await AskingAsync(State);
        var asked = await ApprovedAsync(bed);

        var held = await bed.CallModernAsync("refund", Refund, asked.State, answers: answers);

        Assert.Equal("hold.pending", held.Envelope.GetProperty("code").GetString());
        Assert.Single(bed.Server.CallsOf("tools/call"));
        // What people see is what the target would receive, its own state included.
        var hold = await bed.HoldAsync();
        Assert.Contains($"\"requestState\":{State}", Encoding.UTF8.GetString(hold.Request.Span), StringComparison.Ordinal);
        await bed.ApproveAsync(hold);
        Assert.False((await bed.CallModernAsync("refund", Refund, asked.State, answers: answers)).IsError);
        Assert.Equal(2, bed.Server.CallsOf("tools/call").Count());
    }

    [Fact]
    public async Task Without_the_state_or_with_other_arguments_nothing_of_the_approval_is_left()
    {
        await using var bed = await AskingAsync(State);
        var asked = await ApprovedAsync(bed);

        var bare = await bed.CallModernAsync("refund", Refund, answers: Yes);
        var changed = await bed.CallModernAsync("refund", """{"order":9,"amount":901}""", asked.State, answers: Yes);

        Assert.Equal("hold.pending", bare.Envelope.GetProperty("code").GetString());
        Assert.Equal(-32602, changed.ErrorCode);
        Assert.Single(bed.Server.CallsOf("tools/call"));
    }

    [Fact]
    [Row("A19")]
    public async Task A_policy_that_came_to_ask_for_more_people_holds_the_answers_too()
    {
        await using var bed = await AskingAsync(State);
        var asked = await ApprovedAsync(bed);

        bed.Publish(Policy.Replace("groups: [on-call] }", "groups: [on-call], count: 2 }", StringComparison.Ordinal));
        var held = await bed.CallModernAsync("refund", Refund, asked.State, answers: Yes);
        Assert.Equal("hold.pending", held.Envelope.GetProperty("code").GetString());

        bed.Publish(Policy.Replace("then: hold, hold: { approvers: { groups: [on-call] } }", "then: deny", StringComparison.Ordinal));
        var denied = await bed.CallModernAsync("refund", Refund, asked.State, answers: Yes);
        Assert.Equal("policy.not_permitted", denied.Envelope.GetProperty("code").GetString());
        Assert.Single(bed.Server.CallsOf("tools/call"));
    }

    [Fact]
    public async Task Several_rounds_of_questions_go_on_with_one_approval_each_round_once()
    {
        await using var bed = await McpTestBed.StartAsync(Policy, server => server.OnCall = call =>
        {
            var round = call.GetProperty("params").TryGetProperty("requestState", out var state) ? int.Parse(state.GetString()!, System.Globalization.CultureInfo.InvariantCulture) : 0;
            return round == 3 ? """{"resultType":"complete","content":[{"type":"text","text":"done"}]}""" : $$"""{"resultType":"input_required","inputRequests":{{Question}},"requestState":"{{round + 1}}"}""";
        });
        var answer = await ApprovedAsync(bed);
        var states = new List<string> { answer.State };
        for (var round = 1; round <= 3; round++)
        {
            answer = await bed.CallModernAsync("refund", Refund, answer.State, answers: Yes);
            if (round < 3) states.Add(answer.State);
        }

        Assert.Equal("done", answer.Result.GetProperty("content")[0].GetProperty("text").GetString());
        foreach (var old in states)
        {
            var replayed = await bed.CallModernAsync("refund", Refund, old, answers: Yes);
            Assert.Equal("hold.expired", replayed.Envelope.GetProperty("code").GetString());
        }
        Assert.Equal(4, bed.Server.CallsOf("tools/call").Count());
        Assert.Equal(Outcome.Denied, bed.Recorder.Endings.Last().Outcome);
    }

    [Theory]
    [InlineData("7")]
    [InlineData("{\"a\":1}")]
    [InlineData("null")]
    public async Task A_state_that_is_no_text_is_not_passed_on(string state)
    {
        await using var bed = await AskingAsync(state);

        var answer = await bed.CallModernAsync("list_orders");

        Assert.Equal("upstream.invalid", answer.Envelope.GetProperty("code").GetString());
    }

    [Theory]
    [InlineData("""  "requestState" : STATE , "name":"list_orders","arguments":{}  """)]
    [InlineData("""  "name":"list_orders" , "requestState" : STATE , "arguments":{}  """)]
    [InlineData("""  "name":"list_orders","arguments":{}  ,  "requestState" : STATE  """)]
    public async Task The_states_place_in_the_message_does_not_matter(string parameters)
    {
        await using var bed = await McpTestBed.StartAsync(Policy.Replace("then: allow }\n  - { id: large", "then: hold, hold: { approvers: { groups: [on-call] } } }\n  - { id: large", StringComparison.Ordinal), wait: TimeSpan.FromMilliseconds(30));
        var waiting = await bed.CallModernAsync("list_orders");
        await bed.ApproveAsync();

        var answer = await bed.SendModernAsync("tools/call", parameters.Replace("STATE", $"\"{waiting.State}\"", StringComparison.Ordinal), "list_orders");

        Assert.False(answer.IsError, answer.Body);
        Assert.False(Assert.Single(bed.Server.CallsOf("tools/call")).Json.GetProperty("params").TryGetProperty("requestState", out _));
    }

    [Theory]
    [InlineData("CURSOR , \"requestState\":\"STATE\"")]
    [InlineData("\"requestState\":\"STATE\" , CURSOR")]
    [Guarantee("G6")]
    public async Task A_cursor_beside_a_state_does_not_shift_what_is_cut(string parameters)
    {
        await using var bed = await McpTestBed.StartAsync(Policy, server => server.Override = async (http, received) =>
        {
            if (received.Method != "tools/list") return false;
            http.Response.ContentType = "application/json";
            await http.Response.Body.WriteAsync(Encoding.UTF8.GetBytes($$$"""{"jsonrpc":"2.0","id":{{{received.Json.GetProperty("id").GetRawText()}}},"result":{"resultType":"complete","tools":[{"name":"refund","inputSchema":{"type":"object"}}],"nextCursor":"2"} }"""));
            return true;
        }, wait: TimeSpan.FromMilliseconds(30));
        var state = (await bed.CallModernAsync("refund", Refund)).State;
        var cursor = (await bed.SendModernAsync("tools/list")).Result.GetProperty("nextCursor").GetString();
        var before = bed.Server.CallsOf("tools/list").Count();

        var answer = await bed.SendModernAsync("tools/list", parameters.Replace("STATE", state, StringComparison.Ordinal).Replace("CURSOR", $"\"cursor\":\"{cursor}\"", StringComparison.Ordinal));

        // Both are ours, but the state was given out for another call.
        Assert.Equal((HttpStatusCode.BadRequest, -32602), (answer.Status, answer.ErrorCode));
        Assert.Contains("requestState", answer.Error.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Equal(before, bed.Server.CallsOf("tools/list").Count());
    }

    /// <summary>A target that asks once, and is content with any answer.</summary>
    private static Task<McpTestBed> AskingAsync(string? state) => McpTestBed.StartAsync(Policy, server => server.OnCall = call =>
        call.GetProperty("params").TryGetProperty("inputResponses", out _)
            ? """{"resultType":"complete","content":[{"type":"text","text":"done"}]}"""
            : $$"""{"resultType":"input_required","inputRequests":{{Question}}{{(state is null ? "" : $",\"requestState\":{state}")}}}""");

    /// <summary>Held, approved, forwarded, and asked back.</summary>
    private static async Task<Answer> ApprovedAsync(McpTestBed bed)
    {
        Assert.Equal("hold.pending", (await bed.CallModernAsync("refund", Refund)).Envelope.GetProperty("code").GetString());
        await bed.ApproveAsync();
        var asked = await bed.CallModernAsync("refund", Refund);
        Assert.Equal("input_required", asked.Result.GetProperty("resultType").GetString());
        return asked;
    }

}
