using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Postern.Tests.Mcp;

public sealed class McpStreamTests
{
    private static readonly string[] Notified =
    [
        """{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p1","progress":1}}""",
        """{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"half way"}}""",
    ];

    private const string Response = """{"jsonrpc":"2.0","id":5,"result":{"content":[]}}""";
    private const string Call = """{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"list_orders","_meta":{"progressToken":"p1"}}}""";

    [Fact]
    public async Task Events_are_passed_on_one_by_one_in_order()
    {
        await using var bed = await Scripted(http => FakeMcpServer.SseAsync(http, [.. Notified, Response]));

        var answer = await bed.SendAsync(Call);

        Assert.Equal("text/event-stream", answer.MediaType);
        Assert.Equal([.. Notified, Response], answer.Events);
    }

    [Fact]
    public async Task An_event_is_seen_before_the_next_one_is_sent()
    {
        var go = new TaskCompletionSource();
        await using var bed = await Scripted(async http =>
        {
            await FakeMcpServer.SseAsync(http, Notified[0]);
            await go.Task;
            await FakeMcpServer.SseAsync(http, Response);
        });
        using var request = new HttpRequestMessage(HttpMethod.Post, bed.Url) { Content = new StringContent(Call, System.Text.Encoding.UTF8, "application/json") };
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer alice");
        using var response = await bed.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        using var lines = new StreamReader(await response.Content.ReadAsStreamAsync());

        Assert.Equal("data: " + Notified[0], await lines.ReadLineAsync());
        go.SetResult();
        Assert.Equal($"\ndata: {Response}\n\n", await lines.ReadToEndAsync());
    }

    [Theory]
    [InlineData("""{"jsonrpc":"2.0","id":6,"result":{"content":[]}}""")]
    [InlineData("""{"jsonrpc":"2.0","id":"5","result":{"content":[]}}""")]
    [InlineData("""{"jsonrpc":"2.0","id":5.0,"result":{"content":[]}}""")]
    [InlineData("""{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"other","progress":1}}""")]
    [InlineData("""{"jsonrpc":"2.0","method":"notifications/vendor"}""")]
    [InlineData("""{"jsonrpc":"2.0","id":9,"method":"sampling/createMessage","params":{}}""")]
    [InlineData("""[{"jsonrpc":"2.0","id":5,"result":{}}]""")]
    [InlineData("""{"jsonrpc":"2.0","id":5,"result":{},"result":{"content":[]}}""")]
    [InlineData("nonsense")]
    public async Task What_does_not_belong_to_the_request_is_dropped_and_noted(string stray)
    {
        await using var bed = await Scripted(http => FakeMcpServer.SseAsync(http, stray, Response));

        var answer = await bed.SendAsync(Call);

        Assert.Equal([Response], answer.Events);
        Assert.Contains(bed.Recorder.Occurrences, note => note.Kind == "reply.dropped");
    }

    [Theory]
    [InlineData("""{"jsonrpc":"2.0","id":6,"result":{}}""")]
    [InlineData("nonsense")]
    [InlineData("")]
    public async Task A_body_that_is_not_the_answer_becomes_an_error(string body)
    {
        await using var bed = await Scripted(async http =>
        {
            http.Response.ContentType = "application/json";
            await http.Response.WriteAsync(body);
        });

        var answer = await bed.SendAsync(Call);

        Assert.True(answer.IsError);
        Assert.Equal("upstream.invalid", answer.Envelope.GetProperty("code").GetString());
    }

    [Fact]
    public async Task A_stream_that_breaks_off_ends_with_an_error_and_never_as_if_complete()
    {
        await using var bed = await Scripted(http => FakeMcpServer.SseAsync(http, Notified[0]));

        var answer = await bed.SendAsync(Call);

        Assert.Equal(2, answer.Events.Length);
        Assert.Equal(5, answer.Json.GetProperty("id").GetInt32());
        Assert.True(answer.IsError);
        Assert.Equal("upstream.invalid", answer.Envelope.GetProperty("code").GetString());
    }

    [Fact]
    public async Task A_stream_that_gave_ids_is_taken_up_again_by_its_owner_alone()
    {
        await using var bed = await McpTestBed.StartAsync(script: server => server.Override = async (http, received) =>
        {
            if (received.Method == "tools/call") await FakeMcpServer.WriteSseAsync(http, "id: ev-1\nretry: 10\ndata: \n\n");
            else if (received.HttpMethod == "GET") await FakeMcpServer.WriteSseAsync(http, $"id: ev-2\ndata: {Response}\n\ndata: {{\"jsonrpc\":\"2.0\",\"id\":77,\"result\":{{}}}}\n\n");
            else return false;
            return true;
        });
        var session = await bed.InitializeAsync();
        var other = await bed.InitializeAsync();

        var opened = await bed.SendAsync(Call, session);
        var id = opened.Body.Split('\n').Single(line => line.StartsWith("id: ", StringComparison.Ordinal))[4..];

        Assert.Contains("retry: 10\ndata: \n\n", opened.Body, StringComparison.Ordinal);
        Assert.DoesNotContain("ev-1", opened.Body, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.BadRequest, (await McpSessionTests.TransportAsync(bed, HttpMethod.Get, other, lastEvent: id)).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await McpSessionTests.TransportAsync(bed, HttpMethod.Get, session, lastEvent: "ev-1")).StatusCode);
        var resumed = await (await McpSessionTests.TransportAsync(bed, HttpMethod.Get, session, lastEvent: id)).Content.ReadAsStringAsync();
        Assert.Contains(Response, resumed, StringComparison.Ordinal);
        Assert.DoesNotContain("\"id\":77", resumed, StringComparison.Ordinal);
        Assert.Equal("ev-1", Assert.Single(bed.Server.Calls, call => call.HttpMethod == "GET").Headers["Last-Event-ID"]);
    }

    [Fact]
    public async Task Parallel_calls_keep_their_own_notifications()
    {
        await using var bed = await McpTestBed.StartAsync(script: server => server.Override = async (http, received) =>
        {
            if (received.Method != "tools/call") return false;
            var id = received.Json.GetProperty("id").GetInt32();
            await FakeMcpServer.SseAsync(http, $$$"""{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data": {{{id}}} }}""");
            await Task.Yield();
            await FakeMcpServer.SseAsync(http, $$$"""{"jsonrpc":"2.0","id":{{{id}}},"result":{"content":[]}}""");
            return true;
        });

        var answers = await Task.WhenAll(Enumerable.Range(0, 12).Select(id => bed.SendAsync($$$"""{"jsonrpc":"2.0","id":{{{id}}},"method":"tools/call","params":{"name":"list_orders"}}""")));

        for (var id = 0; id < 12; id++)
        {
            Assert.Equal(2, answers[id].Events.Length);
            Assert.False(answers[id].IsError);
            Assert.Equal(id, JsonDocument.Parse(answers[id].Events[0]).RootElement.GetProperty("params").GetProperty("data").GetInt32());
        }
    }

    private static Task<McpTestBed> Scripted(Func<HttpContext, Task> onCall) => McpTestBed.StartAsync(script: server => server.Override = async (http, received) =>
    {
        if (received.Method != "tools/call") return false;
        await onCall(http);
        return true;
    });
}
