using System.Text;
using System.Text.Json;
using Postern.Protocols.Mcp;
using Postern.Upstreams.Stdio;

namespace Postern.Tests.Stdio;

/// <summary>Whose stream a message of a child reaches.</summary>
public sealed class SwitchboardTests
{
    [Fact]
    [Row("P09")]
    [Guarantee("G14")]
    public async Task The_same_id_in_two_sessions_is_two_requests_and_each_answer_bears_its_own()
    {
        var board = Board();
        var (one, first) = Open(board, """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}""", "s1");
        var (two, second) = Open(board, """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"b"}}""", "s2");
        Assert.NotEqual(one, two);

        board.Take(Bytes($$"""{"result":{"of":"b"},"id":{{two}},"jsonrpc":"2.0"}"""));
        board.Take(Bytes($$$$"""{"jsonrpc":"2.0","id":{{{{one}}}},"result":{"of":"a"}}"""));

        Assert.Equal("data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"of\":\"a\"}}\n\n", await ReadAsync(first));
        Assert.Equal("data: {\"result\":{\"of\":\"b\"},\"id\":1,\"jsonrpc\":\"2.0\"}\n\n", await ReadAsync(second));
    }

    [Theory]
    [InlineData("""{"jsonrpc":"2.0","id":1,"result":{}}""")]
    [InlineData("""{"jsonrpc":"2.0","id":"1","result":{}}""")]
    [InlineData("""{"jsonrpc":"2.0","id":1.0,"result":{}}""")]
    [InlineData("""{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"?"}}""")]
    [InlineData("""{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}""")]
    [InlineData("""{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}}""")]
    [InlineData("""{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}""")]
    [InlineData("""{"jsonrpc":"2.0","method":"notifications/message","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":1}}}""")]
    [InlineData("""[{"jsonrpc":"2.0","id":1,"result":{}}]""")]
    [InlineData("{\"jsonrpc\":\"2.0\",\r\"id\":1,\"result\":{}}")]
    [InlineData("not JSON")]
    [InlineData("{\"jsonrpc\":\"2.0\",\"method\":\"x\xFF")]
    [Row("P32")]
    [Row("P09")]
    public void What_answers_nothing_and_belongs_to_nobody_is_dropped_and_counted(string line)
    {
        var board = Board();
        var (_, stream) = Open(board, """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","_meta":{"progressToken":1}}}""");

        Assert.Null(board.Take(Encoding.Latin1.GetBytes(line)));

        Assert.Equal(1, board.Dropped);
        Assert.Equal(0, stream.Queued);
    }

    [Fact]
    [Row("P32")]
    [Guarantee("G6")]
    public void Towards_the_child_only_id_and_progress_token_differ_and_it_is_one_line()
    {
        var board = Board();
        const string Body = "{ \"id\" : \"my-id\",\r\n\"method\":\"tools/call\",\"params\":{\"_meta\":{\"progressToken\":\"tok\"},\"arguments\":{\"id\":\"my-id\",\"tok\":\"a\\nb\"},\"name\":\"n\"},\"jsonrpc\":\"2.0\"}";

        var (id, line) = board.Open("", Bytes(Body), McpLine.Read(Bytes(Body)), new ChildStream(_ => { }));

        Assert.Equal($"{{ \"id\" : {id},  \"method\":\"tools/call\",\"params\":{{\"_meta\":{{\"progressToken\":{id}}},\"arguments\":{{\"id\":\"my-id\",\"tok\":\"a\\nb\"}},\"name\":\"n\"}},\"jsonrpc\":\"2.0\"}}\n", Encoding.UTF8.GetString(line));
    }

    [Fact]
    [Row("P30")]
    [Row("P09")]
    public async Task A_late_answer_to_an_abandoned_request_never_reaches_another_with_the_same_id()
    {
        var board = Board();
        var (old, left) = Open(board, """{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"a"}}""");
        var told = Encoding.UTF8.GetString(Assert.Single(board.Abandon(old)));
        var (_, again) = Open(board, """{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"b"}}""");

        board.Take(Bytes($$$$"""{"jsonrpc":"2.0","id":{{{{old}}}},"result":{"secret":true}}"""));

        Assert.Contains($"\"requestId\":{old}", told, StringComparison.Ordinal);
        Assert.Equal("", await ReadAsync(left));
        Assert.Equal(0, again.Queued);
        Assert.Equal(1, board.Dropped);
        Assert.Empty(board.Abandon(old));
    }

    [Fact]
    [Row("P23")]
    public async Task A_subscriptions_messages_reach_it_under_the_clients_own_id()
    {
        var board = Board(standsAlone: true);
        var (id, stream) = Open(board, """{"jsonrpc":"2.0","id":"sub","method":"subscriptions/listen","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}""");
        Open(board, """{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"a"}}""");

        board.Take(Bytes($$$$$$"""{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":{{{{{{id}}}}}}}}}"""));
        board.Take(Bytes($$$$$$"""{"jsonrpc":"2.0","id":{{{{{{id}}}}}},"result":{"_meta":{"io.modelcontextprotocol/subscriptionId":{{{{{{id}}}}}}}}}"""));

        Assert.Equal(
            "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\",\"params\":{\"_meta\":{\"io.modelcontextprotocol/subscriptionId\":\"sub\"}}}\n\n" +
            "data: {\"jsonrpc\":\"2.0\",\"id\":\"sub\",\"result\":{\"_meta\":{\"io.modelcontextprotocol/subscriptionId\":\"sub\"}}}\n\n",
            await ReadAsync(stream));
    }

    [Theory]
    [InlineData(false, false, true)]
    [InlineData(false, true, true)]
    [InlineData(true, false, false)]
    [Row("P23")]
    public void A_message_without_a_mark_reaches_the_only_request_but_never_at_a_shared_child(bool isShared, bool standsAlone, bool reaches)
    {
        var board = Board(isShared, standsAlone);
        var (_, stream) = Open(board, """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}""");

        board.Take(Bytes("""{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"canary"}}"""));

        Assert.Equal(reaches, stream.Queued > 0);
    }

    [Fact]
    [Row("P23")]
    public void Without_a_session_a_message_without_a_mark_reaches_nobody_when_two_could_be_meant()
    {
        var board = Board(standsAlone: true);
        var streams = new[] { "1", "2" }.Select(id => Open(board, $$$"""{"jsonrpc":"2.0","id":{{{id}}},"method":"tools/call","params":{"name":"a"}}""").Stream).ToArray();

        board.Take(Bytes("""{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"canary"}}"""));

        Assert.All(streams, stream => Assert.Equal(0, stream.Queued));
        Assert.Equal(1, board.Dropped);
    }

    [Fact]
    [Row("P10")]
    public void A_question_goes_to_the_listening_stream_when_several_calls_could_have_provoked_it_and_is_answered_once()
    {
        var board = Board();
        var calls = new[] { "1", "2" }.Select(id => Open(board, $$$"""{"jsonrpc":"2.0","id":{{{id}}},"method":"tools/call","params":{"name":"a"}}""").Stream).ToArray();
        var listening = new ChildStream(_ => { });
        board.AddListener(listening);

        Assert.Null(board.Take(Bytes("""{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{}}""")));

        Assert.True(listening.Queued > 0);
        Assert.All(calls, call => Assert.Equal(0, call.Queued));
        var answer = Bytes("""{"jsonrpc":"2.0","id":"q","result":{}}""");
        Assert.NotNull(board.Answer(answer, McpLine.Read(answer)));
        Assert.Null(board.Answer(answer, McpLine.Read(answer)));
    }

    [Fact]
    [Row("P10")]
    public void A_question_whose_stream_is_over_and_one_that_nobody_can_be_asked_are_refused_at_the_child()
    {
        var board = Board();
        Assert.Contains("nobody can be asked", Text(board.Take(Bytes("""{"jsonrpc":"2.0","id":"early","method":"roots/list"}"""))), StringComparison.Ordinal);
        var (id, _) = Open(board, """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}""");
        Assert.Null(board.Take(Bytes("""{"jsonrpc":"2.0","id":9,"method":"elicitation/create","params":{}}""")));

        var written = Text(board.Take(Bytes($$$$"""{"jsonrpc":"2.0","id":{{{{id}}}},"result":{}}""")));

        using var refusal = JsonDocument.Parse(written);
        Assert.Equal(9, refusal.RootElement.GetProperty("id").GetInt32());
        Assert.Equal(-32603, refusal.RootElement.GetProperty("error").GetProperty("code").GetInt32());
    }

    [Fact]
    public void A_ping_is_answered_by_this_end_of_the_pipe() =>
        Assert.Equal("{\"jsonrpc\":\"2.0\",\"id\":\"p\",\"result\":{}}\n", Text(Board().Take(Bytes("""{"jsonrpc":"2.0","id":"p","method":"ping"}"""))));

    [Fact]
    [Guarantee("G16")]
    public void Open_requests_are_capped()
    {
        var board = Board();
        for (var i = 0; i < 1024; i++) Open(board, $$$"""{"jsonrpc":"2.0","id":{{{i}}},"method":"tools/call","params":{"name":"a"}}""");

        Assert.Throws<Postern.Core.Pipeline.UpstreamException>(() => Open(board, """{"jsonrpc":"2.0","id":"more","method":"tools/call","params":{"name":"a"}}"""));
    }

    [Fact]
    public async Task Nothing_waits_for_a_child_that_is_gone()
    {
        var board = Board();
        board.FailAll("over");
        var listening = new ChildStream(_ => { });

        board.AddListener(listening);

        await Assert.ThrowsAsync<IOException>(() => ReadAsync(listening));
        Assert.Throws<Postern.Core.Pipeline.UpstreamException>(() => Open(board, """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}"""));
    }

    [Fact]
    [Guarantee("G16")]
    public async Task The_stream_that_holds_most_is_broken_off_and_the_others_go_on()
    {
        var waiting = 0;
        var board = Board();
        var slow = new ChildStream(bytes => Interlocked.Add(ref waiting, bytes));
        var quick = new ChildStream(bytes => Interlocked.Add(ref waiting, bytes));
        var one = Bytes("""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{"progressToken":1}}}""");
        var other = Bytes("""{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{}}""");
        var (slowId, _) = board.Open("", one, McpLine.Read(one), slow);
        var (quickId, _) = board.Open("", other, McpLine.Read(other), quick);
        board.Take(Bytes($$$"""{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":{{{slowId}}},"progress":1}}"""));
        Assert.True(waiting > 0);

        board.FailFullest("the client reads too slowly");
        board.Take(Bytes($$$$"""{"jsonrpc":"2.0","id":{{{{quickId}}}},"result":{}}"""));

        Assert.Equal(quick.Queued, waiting);
        Assert.Contains("\"id\":2", await ReadAsync(quick), StringComparison.Ordinal);
        var fault = await Assert.ThrowsAsync<IOException>(() => ReadAsync(slow));
        Assert.Equal("the client reads too slowly", fault.Message);
    }

    private static Switchboard Board(bool isShared = false, bool standsAlone = false) => new(McpLine.Read, isShared, standsAlone);

    private static (long Id, ChildStream Stream) Open(Switchboard board, string body, string session = "")
    {
        var stream = new ChildStream(_ => { });
        return (board.Open(session, Bytes(body), McpLine.Read(Bytes(body)), stream).Id, stream);
    }

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private static string Text(List<byte[]>? lines) => Encoding.UTF8.GetString(Assert.Single(lines!));

    private static async Task<string> ReadAsync(ChildStream stream)
    {
        var text = new StringBuilder();
        var buffer = new byte[64];
        while (await stream.ReadAsync(buffer, TestContext.Current.CancellationToken) is var read and > 0) text.Append(Encoding.UTF8.GetString(buffer, 0, read));
        return text.ToString();
    }
}
