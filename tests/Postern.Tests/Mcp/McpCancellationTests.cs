using System.Net;
using Postern.Core.Recording;
using Postern.Protocols.Mcp;

namespace Postern.Tests.Mcp;

/// <summary>A client cancels what it has in flight itself, and nothing else.</summary>
[Row("P30")]
public sealed class McpCancellationTests
{
    private const string Call = """{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"list_orders"}}""";
    private const string Cancel = """{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":5}}""";
    private const string Response = """{"jsonrpc":"2.0","id":5,"result":{"content":[]}}""";

    [Fact]
    public async Task Ones_own_open_request_is_cancelled_at_the_target()
    {
        await using var bed = await CancellableAsync();
        var session = await bed.InitializeAsync();
        var call = bed.SendAsync(Call, session);
        await UntilAsync(() => bed.Server.CallsOf("tools/call").Any());

        Assert.Equal(HttpStatusCode.Accepted, (await bed.SendAsync(Cancel, session)).Status);

        await call;
        var told = Assert.Single(bed.Server.CallsOf("notifications/cancelled"));
        Assert.Equal(Cancel, told.Body);
        Assert.Equal("upstream-1", told.Headers["Mcp-Session-Id"]);
    }

    [Fact]
    public async Task Anothers_request_is_not_and_neither_is_one_that_is_over_or_spelt_otherwise()
    {
        await using var bed = await CancellableAsync();
        var session = await bed.InitializeAsync();
        var second = await bed.InitializeAsync();
        var bobs = await bed.InitializeAsync("bob");
        var call = bed.SendAsync(Call, session);
        await UntilAsync(() => bed.Server.CallsOf("tools/call").Any());

        Answer[] taken =
        [
            await bed.SendAsync(Cancel, bobs, token: "bob"),
            await bed.SendAsync(Cancel, second),
            await bed.SendAsync(Cancel), // without a session nobody can say whose request 5 is
            await bed.SendAsync(Cancel.Replace("5", "\"5\"", StringComparison.Ordinal), session),
            await bed.SendAsync("""{"jsonrpc":"2.0","method":"notifications/cancelled"}""", session),
        ];
        var stranger = await bed.SendAsync(Cancel, session, token: "bob");

        Assert.All(taken, answer => Assert.Equal(HttpStatusCode.Accepted, answer.Status));
        Assert.Equal(HttpStatusCode.NotFound, stranger.Status);
        Assert.Empty(bed.Server.CallsOf("notifications/cancelled"));
        Assert.Equal(HttpStatusCode.Accepted, (await bed.SendAsync(Cancel, session)).Status);
        await call;
        await bed.SendAsync(Cancel, session);
        Assert.Single(bed.Server.CallsOf("notifications/cancelled"));
    }

    [Fact]
    public async Task A_request_is_either_forwarded_or_cancelled_before_it_never_both()
    {
        for (var round = 0; round < 1_000; round++)
        {
            var open = new OpenRequest("5", "tools/call", null);
            using var start = new Barrier(2);
            var cancelled = Task.Run(() =>
            {
                start.SignalAndWait();
                return open.TryCancel();
            });
            start.SignalAndWait();
            var isForwarded = open.TryForward();

            Assert.NotEqual(isForwarded, await cancelled);
        }
    }

    [Fact]
    public async Task A_client_that_closes_a_stream_in_the_stateless_era_cancels_the_request_and_the_record_says_so()
    {
        var gone = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var bed = await McpTestBed.StartAsync(script: BeginsAndNeverEnds(received => received.Method == "tools/call", gone));
        using var request = new HttpRequestMessage(HttpMethod.Post, bed.Url)
        {
            Content = new StringContent("""{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"list_orders","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}""", System.Text.Encoding.UTF8, "application/json"),
        };
        foreach (var (name, value) in new[] { ("Authorization", "Bearer alice"), ("MCP-Protocol-Version", "2026-07-28"), ("Mcp-Method", "tools/call"), ("Mcp-Name", "list_orders") }) request.Headers.TryAddWithoutValidation(name, value);
        var response = await FirstLineAsync(bed, request);

        response.Dispose();

        await gone.Task.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
        await UntilAsync(() => bed.Recorder.Log.Contains($"ending {Outcome.Unknown}")); // it was forwarded, and nobody saw the answer
    }

    [Fact]
    public async Task A_client_that_leaves_a_stream_on_which_it_only_listens_leaves_nothing_in_doubt()
    {
        var gone = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var bed = await McpTestBed.StartAsync(script: BeginsAndNeverEnds(received => received.HttpMethod == "GET", gone));
        var session = await bed.InitializeAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, bed.Url);
        foreach (var (name, value) in new[] { ("Authorization", "Bearer alice"), ("Accept", "text/event-stream"), ("Mcp-Session-Id", session) }) request.Headers.TryAddWithoutValidation(name, value);
        var response = await FirstLineAsync(bed, request);
        var before = bed.Recorder.Endings.Count();

        response.Dispose();

        await gone.Task.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
        await UntilAsync(() => bed.Recorder.Endings.Count() > before);
        Assert.Equal(Outcome.Done, bed.Recorder.Endings.Last().Outcome);
    }

    [Fact]
    public async Task A_client_that_loses_streams_and_never_comes_back_does_not_lock_itself_out()
    {
        await using var bed = await McpTestBed.StartAsync(script: server => server.Override = async (http, received) =>
        {
            if (received.Method != "tools/call") return false;
            await FakeMcpServer.WriteSseAsync(http, "id: ev-1\ndata: \n\n");
            return true;
        });
        var session = await bed.InitializeAsync();

        for (var id = 0; id < 300; id++)
        {
            var answer = await bed.SendAsync(Call.Replace("\"id\":5", $"\"id\":{id}", StringComparison.Ordinal), session);
            Assert.Equal(HttpStatusCode.OK, answer.Status);
        }
        Assert.Equal(300, bed.Server.CallsOf("tools/call").Count());
    }

    private static async Task UntilAsync(Func<bool> isReached)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(TimeSpan.FromSeconds(20));
        while (!isReached())
        {
            patience.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    private static Task<McpTestBed> CancellableAsync()
    {
        var cancelled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return McpTestBed.StartAsync(script: server => server.Override = async (http, received) =>
        {
            if (received.Method == "notifications/cancelled") cancelled.TrySetResult();
            if (received.Method != "tools/call") return false;
            await cancelled.Task;
            await FakeMcpServer.SseAsync(http, Response);
            return true;
        });
    }

    /// <summary>A stream that says one thing and stays open until its reader leaves.</summary>
    private static Action<FakeMcpServer> BeginsAndNeverEnds(Func<Received, bool> isTheOne, TaskCompletionSource gone) => server => server.Override = async (http, received) =>
    {
        if (!isTheOne(received)) return false;
        await FakeMcpServer.SseAsync(http, """{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"begun"}}""");
        http.RequestAborted.Register(() => gone.TrySetResult());
        await gone.Task;
        return true;
    };

    private static async Task<HttpResponseMessage> FirstLineAsync(McpTestBed bed, HttpRequestMessage request)
    {
        var response = await bed.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        await new StreamReader(await response.Content.ReadAsStreamAsync()).ReadLineAsync();
        return response;
    }
}
