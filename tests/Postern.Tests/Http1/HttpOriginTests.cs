using System.Net;
using System.Net.Sockets;
using System.Text;
using Postern.Core.Pipeline;
using Postern.Tests.Doubles;
using Postern.Upstreams;
using Postern.Upstreams.Http1;

namespace Postern.Tests.Http1;

public sealed class HttpOriginTests : IDisposable
{
    private const string Answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

    private static readonly UpstreamRequest Post = new("POST", [new("Accept", "*/*")]);

    private static readonly UpstreamCredential Credential = new("Authorization", () => "Bearer lent");

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly SteppedClock _clock = new();
    private readonly HttpOrigin _origin;

    public HttpOriginTests()
    {
        _listener.Start();
        _origin = new HttpOrigin(new UpstreamTarget(new Uri($"http://{_listener.LocalEndpoint}/a?b=c")), _clock);
    }

    [Fact]
    public async Task A_request_says_what_it_should_and_nothing_else()
    {
        using var target = await ConnectedAsync();
        await target.SayAsync(Answer);
        await SendAsync(target.Wire, "body");

        Assert.Equal($"POST /a?b=c HTTP/1.1\r\nHost: {_listener.LocalEndpoint}\r\nAccept: */*\r\nAuthorization: Bearer lent\r\nContent-Length: 4\r\n\r\nbody", await target.HeardAsync());
        Assert.Equal("hello", await BodyAsync(target.Wire));
    }

    [Fact]
    public async Task A_body_that_is_larger_than_the_buffer_arrives_whole()
    {
        using var target = await ConnectedAsync();
        var body = string.Concat(Enumerable.Range(0, 20_000).Select(number => $"{number},"));
        var heard = target.HearAsync(body.Length);
        await target.SayAsync(Answer);
        await SendAsync(target.Wire, body);

        Assert.EndsWith("\r\n\r\n" + body, await heard, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Answer)]
    [InlineData("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nTrailer: x\r\n\r\n")]
    public async Task An_answer_is_the_same_however_it_is_cut_and_the_connection_serves_again(string answer)
    {
        using var target = await ConnectedAsync();
        foreach (var piece in (int[])[1, 2, 3, 7, 1_000])
        {
            var saying = target.SayAsync(answer, piece);
            await SendAsync(target.Wire, "body");
            Assert.Equal("hello", await BodyAsync(target.Wire));
            await saying;
            await target.HeardAsync();

            _origin.Return(target.Wire);
            Assert.Same(target.Wire, _origin.TryTake());
        }
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello")]
    [InlineData("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello")]
    [InlineData("HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 5\r\n\r\nhello")]
    [InlineData(Answer + "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother")] // an answer that nobody asked for would be the next caller's
    public async Task A_connection_serves_again_only_when_nothing_speaks_against_it(string answer)
    {
        using var target = await ConnectedAsync();
        await target.SayAsync(answer);
        await SendAsync(target.Wire, "body");
        Assert.Equal("hello", await BodyAsync(target.Wire));

        _origin.Return(target.Wire);

        Assert.Null(_origin.TryTake());
    }

    [Fact]
    public async Task A_body_that_was_not_read_to_its_end_closes_the_connection()
    {
        using var target = await ConnectedAsync();
        await target.SayAsync(Answer);
        await SendAsync(target.Wire, "body");
        Assert.Equal(2, await target.Wire.ReadAsync(new byte[2]));

        _origin.Return(target.Wire);

        Assert.Null(_origin.TryTake());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_target_that_closes_or_speaks_unasked_while_idle_is_not_used_again(bool speaks)
    {
        using var target = await ConnectedAsync();
        await target.SayAsync(Answer);
        await SendAsync(target.Wire, "body");
        await BodyAsync(target.Wire);
        _origin.Return(target.Wire);

        if (speaks) await target.SayAsync("HTTP/1.1 200 OK\r\n\r\n");
        else target.Close();
        SpinWait.SpinUntil(target.Wire.IsStale, TimeSpan.FromSeconds(10));

        Assert.Null(_origin.TryTake());
    }

    [Fact]
    public async Task An_idle_connection_is_closed_before_common_servers_would()
    {
        using var target = await ConnectedAsync();
        await target.SayAsync(Answer);
        await SendAsync(target.Wire, "body");
        await BodyAsync(target.Wire);
        _origin.Return(target.Wire);

        _clock.Advance(TimeSpan.FromSeconds(4));
        _origin.Sweep();

        Assert.Null(_origin.TryTake());
        await target.ClosedAsync();
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", "ended early")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", "inside a chunk")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "before its last chunk")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Le", "inside its head")]
    [InlineData("", "without an answer")]
    public async Task An_answer_that_breaks_off_is_none(string answer, string words)
    {
        using var target = await ConnectedAsync();
        await target.SayAsync(answer);
        target.Close();

        var fault = await Assert.ThrowsAsync<UpstreamException>(async () =>
        {
            await SendAsync(target.Wire, "body");
            await BodyAsync(target.Wire);
        });

        Assert.Equal(RefusalCode.UpstreamInvalid, fault.Code);
        Assert.Contains(words, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Interim_answers_do_not_go_on_for_ever()
    {
        using var target = await ConnectedAsync();
        await target.SayAsync(string.Concat(Enumerable.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 100)));

        await Assert.ThrowsAsync<UpstreamException>(async () => await SendAsync(target.Wire, "body"));
    }

    [Fact]
    public async Task A_head_that_never_ends_is_cut_off()
    {
        using var target = await ConnectedAsync();
        var saying = target.SayAsync("HTTP/1.1 200 OK\r\n" + string.Concat(Enumerable.Repeat("a: " + new string('b', 1_000) + "\r\n", 100)));

        await Assert.ThrowsAsync<UpstreamException>(async () => await SendAsync(target.Wire, "body"));
        target.Wire.Dispose();
        await Record.ExceptionAsync(() => saying);
    }

    [Theory]
    [InlineData("Na me", "value")]
    [InlineData("Name", "value\r\nInjected: header")]
    [InlineData("Name", "vàlue")]
    [InlineData("", "value")]
    public async Task A_header_that_would_be_something_else_on_the_wire_is_not_sent(string name, string value)
    {
        using var target = await ConnectedAsync();

        var fault = await Assert.ThrowsAsync<UpstreamException>(async () => await target.Wire.SendAsync(new UpstreamRequest("POST", [new(name, value)]), _origin, null, "body"u8.ToArray()));

        Assert.True(fault.NothingWasSent);
        Assert.False(target.Wire.HasSent);
    }

    public void Dispose()
    {
        _origin.Dispose();
        _listener.Stop();
    }

    private ValueTask SendAsync(HttpWire wire, string body) => wire.SendAsync(Post, _origin, Credential, Encoding.UTF8.GetBytes(body));

    private static async Task<string> BodyAsync(HttpWire wire)
    {
        var body = new MemoryStream();
        var piece = new byte[3];
        int read;
        while ((read = await wire.ReadAsync(piece)) > 0) body.Write(piece, 0, read);
        return Encoding.UTF8.GetString(body.ToArray());
    }

    private async Task<Target> ConnectedAsync()
    {
        var accepting = _listener.AcceptTcpClientAsync();
        var wire = await _origin.ConnectAsync(CancellationToken.None);
        return new Target(wire, await accepting);
    }

    /// <summary>One connection, both ends.</summary>
    private sealed class Target(HttpWire wire, TcpClient end) : IDisposable
    {
        public HttpWire Wire => wire;

        public async Task SayAsync(string text, int piece = int.MaxValue)
        {
            end.NoDelay = true;
            var bytes = Encoding.UTF8.GetBytes(text);
            for (var at = 0; at < bytes.Length; at += Math.Min(piece, bytes.Length - at)) await end.GetStream().WriteAsync(bytes.AsMemory(at, Math.Min(piece, bytes.Length - at)));
        }

        public async Task<string> HeardAsync()
        {
            var buffer = new byte[4_096];
            return Encoding.UTF8.GetString(buffer, 0, await end.GetStream().ReadAsync(buffer));
        }

        public async Task<string> HearAsync(int atLeast)
        {
            var text = "";
            while (text.Length < atLeast) text += await HeardAsync();
            return text;
        }

        public async Task ClosedAsync()
        {
            await HeardAsync();
            Assert.Equal(0, await end.GetStream().ReadAsync(new byte[1]).AsTask().WaitAsync(TimeSpan.FromSeconds(10)));
        }

        public void Close() => end.Close();

        public void Dispose()
        {
            wire.Dispose();
            end.Dispose();
        }
    }
}
