using System.Net;
using System.Text;
using System.Text.Json;
using Postern.Core.Recording;

namespace Postern.Tests.Mcp;

public sealed class McpCallTests
{
    [Fact]
    public async Task A_permitted_call_reaches_the_target_byte_for_byte_and_its_answer_comes_back()
    {
        await using var bed = await McpTestBed.StartAsync();
        var session = await bed.InitializeAsync();
        const string Body = """{ "jsonrpc":"2.0", "id": 7,"method":"tools/call","params":{"arguments":{"x":1.0,"y":"\u00e9é"},"name":"list\u005forders"} }""";

        var answer = await bed.SendAsync(Body, session);

        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.Equal("""{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"ok"}]}}""", answer.Body);
        Assert.Equal(Body, Assert.Single(bed.Server.CallsOf("tools/call")).Body);
        Assert.Contains(Outcome.Done, bed.Recorder.Endings.Select(ending => ending.Outcome));
    }

    [Fact]
    public async Task Both_eras_work_on_one_address()
    {
        await using var bed = await McpTestBed.StartAsync();
        var session = await bed.InitializeAsync();
        Assert.Equal("ok", (await bed.CallAsync("list_orders", session: session)).Result.GetProperty("content")[0].GetProperty("text").GetString());

        var discovered = await bed.SendModernAsync("server/discover");
        var called = await bed.SendModernAsync("tools/call", """ "name":"list_orders","arguments":{} """, "list_orders");

        Assert.Equal("private", discovered.Result.GetProperty("cacheScope").GetString());
        Assert.Equal("ok", called.Result.GetProperty("content")[0].GetProperty("text").GetString());
        var received = bed.Server.CallsOf("tools/call").Last();
        Assert.Equal("tools/call", received.Headers["Mcp-Method"]);
        Assert.Equal("list_orders", received.Headers["Mcp-Name"]);
    }

    [Fact]
    [Row("J20")]
    [Guarantee("G12")]
    public async Task The_callers_token_and_cookies_never_go_upstream_and_the_lent_credential_does()
    {
        await using var bed = await McpTestBed.StartAsync();
        var session = await bed.InitializeAsync();

        await bed.SendAsync("""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_orders"}}""", session, change: request =>
        {
            request.Headers.TryAddWithoutValidation("Cookie", "a=canary");
            request.Headers.TryAddWithoutValidation("X-Forwarded-For", "canary");
            request.Headers.TryAddWithoutValidation("Mcp-Param-X", "canary");
        });

        foreach (var received in bed.Server.All)
        {
            Assert.False(received.Headers.ContainsKey("Authorization"));
            Assert.DoesNotContain(received.Headers, header => header.Value.Contains("canary", StringComparison.Ordinal) || header.Value.Contains("alice", StringComparison.Ordinal));
            Assert.Equal(FakeMcpServer.Secret, received.Headers["X-Target-Key"]);
        }
    }

    [Fact]
    [Row("P01")]
    public async Task Hidden_and_absent_tools_get_the_same_answer_and_neither_is_forwarded()
    {
        await using var bed = await McpTestBed.StartAsync(script: server => server.Tools = """[{"name":"list_orders"},{"name":"drop_all"}]""");
        var session = await bed.InitializeAsync();

        var hidden = await bed.SendAsync("""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"drop_all"}}""", session);
        var absent = await bed.SendAsync("""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"drop_nothing"}}""", session);

        Assert.Empty(bed.Server.CallsOf("tools/call"));
        Assert.True(hidden.IsError);
        Assert.Equal("policy.not_permitted", hidden.Envelope.GetProperty("code").GetString());
        Assert.False(hidden.Envelope.TryGetProperty("rule", out _));
        Assert.Equal(Constant(hidden), Constant(absent));

        static string Constant(Answer answer) => answer.Body.Replace(answer.Envelope.GetProperty("decisionId").GetString()!, "ID", StringComparison.Ordinal);
    }

    [Theory]
    [Row("P03")]
    [InlineData("List_orders")]
    [InlineData("list_orders ")]
    [InlineData(" list_orders")]
    [InlineData("list_order\u0455")]
    [InlineData("list_orders\u200b")]
    [InlineData("list_orders\0")]
    [InlineData("list\u005forders\u0301")]
    [InlineData("ｌist_orders")]
    public async Task A_look_alike_name_is_another_name(string name)
    {
        await using var bed = await McpTestBed.StartAsync();

        var answer = await bed.CallAsync(name);

        Assert.True(answer.IsError);
        Assert.Empty(bed.Server.CallsOf("tools/call"));
    }

    [Fact]
    public async Task Arguments_decide_and_the_refusal_says_why()
    {
        await using var bed = await McpTestBed.StartAsync();

        Assert.False((await bed.CallAsync("refund", """{"amount":500}""")).IsError);
        var missing = await bed.CallAsync("refund");

        Assert.True(missing.IsError);
        Assert.Equal("policy.error", missing.Envelope.GetProperty("code").GetString());
        Assert.Single(bed.Server.CallsOf("tools/call"));
    }

    [Fact]
    public async Task A_held_call_says_so_with_a_link_and_is_not_forwarded()
    {
        await using var bed = await McpTestBed.StartAsync();

        var held = await bed.CallAsync("refund", """{"amount":900}""");
        var again = await bed.CallAsync("refund", """{ "amount" : 900 }""");
        var modern = await bed.SendModernAsync("tools/call", """ "name":"refund","arguments":{"amount":900} """, "refund");

        Assert.True(held.IsError);
        Assert.Equal("hold.pending", held.Envelope.GetProperty("code").GetString());
        Assert.Equal("same_call", held.Envelope.GetProperty("retry").GetProperty("mode").GetString());
        var link = held.Envelope.GetProperty("request").GetProperty("url").GetString()!;
        Assert.StartsWith("http://gateway.test:7600/approve/", link, StringComparison.Ordinal);
        var text = held.Result.GetProperty("content")[0].GetProperty("text").GetString()!;
        Assert.Contains(link, text, StringComparison.Ordinal);
        Assert.True(text.Split(' ').Length <= 120);
        Assert.Equal(link, again.Envelope.GetProperty("request").GetProperty("url").GetString());
        Assert.Equal(link, modern.Envelope.GetProperty("request").GetProperty("url").GetString());
        Assert.Equal("complete", modern.Result.GetProperty("resultType").GetString());
        Assert.Empty(bed.Server.CallsOf("tools/call"));
    }

    [Fact]
    [Guarantee("G7")]
    public async Task Any_other_argument_is_another_hold()
    {
        await using var bed = await McpTestBed.StartAsync();

        var links = new HashSet<string>();
        foreach (var arguments in new[] { """{"amount":900}""", """{"amount":900.0}""", """{"amount":901}""", """{"amount":900,"to":"x"}""" })
            links.Add((await bed.CallAsync("refund", arguments)).Envelope.GetProperty("request").GetProperty("url").GetString()!);

        Assert.Equal(4, links.Count);
    }

    [Fact]
    public async Task A_target_that_is_down_is_no_refusal_of_the_policy()
    {
        await using var bed = await McpTestBed.StartAsync();
        await bed.CallAsync("list_orders");
        await bed.Server.DisposeAsync();

        var answer = await bed.CallAsync("list_orders");

        Assert.True(answer.IsError);
        Assert.Equal("upstream.unavailable", answer.Envelope.GetProperty("code").GetString());
    }

    [Fact]
    public async Task A_refused_method_answers_in_the_words_of_its_era()
    {
        await using var bed = await McpTestBed.StartAsync();

        var older = await bed.SendAsync("""{"jsonrpc":"2.0","id":1,"method":"vendor/secret"}""");
        var newer = await bed.SendModernAsync("vendor/secret");

        Assert.Equal(HttpStatusCode.OK, older.Status);
        Assert.Equal(-32601, older.ErrorCode);
        Assert.Equal(HttpStatusCode.NotFound, newer.Status);
        Assert.Equal(-32601, newer.ErrorCode);
        Assert.Empty(bed.Server.CallsOf("vendor/secret"));
    }

    [Fact]
    public async Task Somebody_without_any_right_gets_nothing_implied_and_a_probe_does_not_downgrade_itself()
    {
        await using var bed = await McpTestBed.StartAsync();

        var initialize = await bed.SendAsync("""{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}""", token: "carol");
        var discover = await bed.SendModernAsync("server/discover", token: "carol");

        Assert.Equal(40300, initialize.ErrorCode);
        Assert.Equal(HttpStatusCode.Forbidden, discover.Status);
        Assert.Empty(bed.Server.Calls);
    }

    [Fact]
    public async Task Two_in_flight_with_the_same_id_each_get_their_own_answer()
    {
        await using var bed = await McpTestBed.StartAsync(script: server => server.OnCall = json => $$"""{"content":[{"type":"text","text":"{{json.GetProperty("params").GetProperty("arguments").GetProperty("n").GetInt32()}}"}]}""");

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(n => bed.SendAsync($$$$"""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_orders","arguments":{"n":{{{{n}}}}}}}""", token: n % 2 == 0 ? "alice" : "bob")));

        Assert.Equal(Enumerable.Range(0, 20).Select(n => n.ToString()), answers.Select(answer => answer.Result.GetProperty("content")[0].GetProperty("text").GetString()));
    }
}
