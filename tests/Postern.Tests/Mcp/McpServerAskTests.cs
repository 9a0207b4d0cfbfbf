using System.Net;
using System.Text.Json;

namespace Postern.Tests.Mcp;

/// <summary>What a target asks of the client: refused and recorded unless a rule names it.</summary>
public sealed class McpServerAskTests
{
    private const string Ask = """{"jsonrpc":"2.0","id":"ask-1","method":"sampling/createMessage","params":{"messages":[],"maxTokens":1}}""";
    private const string Answer = """{"jsonrpc":"2.0","id":"ask-1","result":{"role":"assistant","content":{"type":"text","text":"yes"}}}""";
    private const string Response = """{"jsonrpc":"2.0","id":5,"result":{"content":[]}}""";
    private const string Call = """{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"list_orders"}}""";
    private const string Permitted = McpTestBed.Rules + "\n  - { id: may-sample, who: { groups: [support] }, on: { connection: shop, server_asks: [sampling] }, then: allow }\n";

    [Fact]
    [Row("P10")]
    public async Task Without_a_rule_the_target_is_told_no_and_the_client_never_hears_of_it()
    {
        await using var bed = await AskingAsync(McpTestBed.Rules);
        var session = await bed.InitializeAsync();

        var answer = await bed.SendAsync(Call, session);

        Assert.Equal([Response], answer.Events);
        var refusal = Assert.Single(bed.Server.All, received => received.Body.Contains("\"error\"", StringComparison.Ordinal));
        Assert.Equal("ask-1", refusal.Json.GetProperty("id").GetString());
        Assert.StartsWith("upstream-", refusal.Headers["Mcp-Session-Id"], StringComparison.Ordinal);
        var child = Assert.Single(bed.Recorder.Intents, intent => intent.Parts[0].Action == "mcp.server.ask");
        Assert.Equal("demo:alice", child.Identity.Key);
        Assert.NotNull(child.Parent);
    }

    [Fact]
    public async Task With_a_rule_the_client_is_asked_and_its_answer_reaches_the_target()
    {
        await using var bed = await AskingAsync(Permitted);
        var session = await bed.InitializeAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, bed.Url) { Content = new StringContent(Call, System.Text.Encoding.UTF8, "application/json") };
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer alice");
        request.Headers.TryAddWithoutValidation("Mcp-Session-Id", session);
        using var response = await bed.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        using var lines = new StreamReader(await response.Content.ReadAsStreamAsync());
        Assert.Equal("data: " + Ask, await lines.ReadLineAsync());

        var stranger = await bed.SendAsync(Answer, await bed.InitializeAsync("bob"), token: "bob");
        var answered = await bed.SendAsync(Answer, session);
        var twice = await bed.SendAsync(Answer, session);

        Assert.Equal(HttpStatusCode.BadRequest, stranger.Status);
        Assert.Equal(HttpStatusCode.Accepted, answered.Status);
        Assert.Equal(HttpStatusCode.BadRequest, twice.Status);
        Assert.Contains(Response, await lines.ReadToEndAsync(), StringComparison.Ordinal);
        Assert.Equal(Answer, Assert.Single(bed.Server.All, received => received.Body.Contains("\"assistant\"", StringComparison.Ordinal)).Body);
        Assert.Contains("input " + Answer, bed.Recorder.Log);
    }

    [Theory]
    [InlineData(McpTestBed.Rules, false)]
    [InlineData(Permitted, true)]
    public async Task In_the_stateless_era_the_question_inside_a_result_is_judged_too(string policy, bool isPermitted)
    {
        const string Result = """{"resultType":"input_required","inputRequests":{"a":{"method":"sampling/createMessage","params":{"messages":[],"maxTokens":1}}},"requestState":"s"}""";
        await using var bed = await McpTestBed.StartAsync(policy, server => server.OnCall = _ => Result);

        var answer = await bed.SendModernAsync("tools/call", """ "name":"list_orders" """, "list_orders");

        Assert.Equal(isPermitted, !answer.IsError);
        // The state is the gateway's seal around the target's; every other byte is as the target wrote it.
        if (isPermitted) Assert.Equal(Result, answer.Result.GetRawText().Replace(answer.State, "s", StringComparison.Ordinal));
        else Assert.DoesNotContain("inputRequests", answer.Body, StringComparison.Ordinal);
    }

    private const string Elicits = McpTestBed.Rules + "\n  - { id: may-ask, who: { groups: [support] }, on: { connection: shop, server_asks: [elicitation] }, when: args.mode == 'form' || args.url.startsWith('https://sign-in.example/'), then: allow }\n";

    [Theory]
    [Row("P10")]
    [InlineData("""{"mode":"form","message":"Who are you?","requestedSchema":{"type":"object","properties":{"name":{"type":"string"}}}}""", true)]
    [InlineData("""{"mode":"form","message":"Sign in.","requestedSchema":{"type":"object","properties":{"password":{"type":"string"}}}}""", false)]
    [InlineData("""{"mode":"url","message":"Go there.","elicitationId":"e1","url":"https://sign-in.example/shop"}""", true)]
    [InlineData("""{"mode":"url","message":"Go there.","elicitationId":"e1","url":"https://evil.example/shop"}""", false)]
    [InlineData("""{"mode":"url","message":"Go there.","elicitationId":"e1","url":"http://sign-in.example/shop"}""", false)]
    public async Task What_a_person_is_asked_for_is_judged_in_both_eras(string parameters, bool isPassedOn)
    {
        var ask = $$"""{"jsonrpc":"2.0","id":"ask-1","method":"elicitation/create","params":{{parameters}} }""";
        await using (var bed = await AskingAsync(Elicits, ask))
        {
            var session = await bed.InitializeAsync();
            using var request = new HttpRequestMessage(HttpMethod.Post, bed.Url) { Content = new StringContent(Call, System.Text.Encoding.UTF8, "application/json") };
            request.Headers.TryAddWithoutValidation("Authorization", "Bearer alice");
            request.Headers.TryAddWithoutValidation("Mcp-Session-Id", session);
            using var response = await bed.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            using var lines = new StreamReader(await response.Content.ReadAsStreamAsync());

            var first = await lines.ReadLineAsync();

            Assert.Equal("data: " + (isPassedOn ? ask : Response), first);
            if (isPassedOn) Assert.Equal(HttpStatusCode.Accepted, (await bed.SendAsync("""{"jsonrpc":"2.0","id":"ask-1","result":{"action":"decline"}}""", session)).Status);
            else Assert.Single(bed.Server.All, received => received.Body.Contains("\"error\"", StringComparison.Ordinal) && received.Json.GetProperty("id").GetString() == "ask-1");
            await lines.ReadToEndAsync();
            Assert.Single(bed.Recorder.Intents, intent => intent.Parts[0].Action == "mcp.server.ask" && intent.Parent is not null);
        }

        await using var modern = await McpTestBed.StartAsync(Elicits, server => server.OnCall = _ => $$$"""{"resultType":"input_required","inputRequests":{"a":{"method":"elicitation/create","params":{{{parameters}}} } } }""");
        var answer = await modern.SendModernAsync("tools/call", """ "name":"list_orders" """, "list_orders");
        Assert.Equal(isPassedOn, !answer.IsError);
        Assert.Equal(isPassedOn, answer.Body.Contains("inputRequests", StringComparison.Ordinal));
    }

    [Theory]
    [Row("P10")]
    [InlineData("https://sign-in.example/shop", true)]
    [InlineData("https://evil.example/shop", false)]
    public async Task An_error_that_asks_for_a_link_is_a_question_too(string url, bool isPassedOn)
    {
        var error = $$$"""{"jsonrpc":"2.0","id":5,"error":{"code":-32042,"message":"sign in first","data":{"elicitations":[{"mode":"url","message":"m","elicitationId":"e1","url":"{{{url}}}"}] } } }""";
        await using var bed = await McpTestBed.StartAsync(Elicits, server => server.Override = async (http, received) =>
        {
            if (received.Method != "tools/call") return false;
            await FakeMcpServer.SseAsync(http, error);
            return true;
        });

        var answer = await bed.SendAsync(Call, await bed.InitializeAsync());

        Assert.Equal(isPassedOn, answer.Body.Contains(url, StringComparison.Ordinal));
        Assert.Equal(isPassedOn, answer.Json.TryGetProperty("error", out _));
    }

    [Fact]
    [Row("P10")]
    public async Task Input_is_asked_for_only_where_the_revision_has_it()
    {
        const string Result = """{"jsonrpc":"2.0","id":1,"result":{"resultType":"input_required","inputRequests":{"a":{"method":"sampling/createMessage","params":{"messages":[],"maxTokens":1}}},"tools":[]}}""";
        await using var bed = await McpTestBed.StartAsync(Permitted, server => server.Override = async (http, received) =>
        {
            if (received.Method != "tools/list" || received.Body.Contains("\"postern\"", StringComparison.Ordinal)) return false;
            await FakeMcpServer.SseAsync(http, Result.Replace("\"id\":1", $"\"id\":{received.Json.GetProperty("id").GetRawText()}", StringComparison.Ordinal));
            return true;
        });

        var answer = await bed.SendModernAsync("tools/list");

        Assert.DoesNotContain("inputRequests", answer.Body, StringComparison.Ordinal);
        Assert.True(answer.Json.TryGetProperty("error", out _));
    }

    private static Task<McpTestBed> AskingAsync(string policy, string question = Ask)
    {
        var answered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return McpTestBed.StartAsync(policy, server => server.Override = async (http, received) =>
        {
            if (received.HttpMethod == "POST" && received.Method is null)
            {
                answered.TrySetResult();
                http.Response.StatusCode = 202;
                return true;
            }
            if (received.Method != "tools/call") return false;
            await FakeMcpServer.SseAsync(http, question);
            await answered.Task;
            await FakeMcpServer.SseAsync(http, Response);
            return true;
        });
    }
}
