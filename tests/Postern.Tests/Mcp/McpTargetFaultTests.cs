using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Postern.Core.Recording;
using Postern.Tests.Doubles;
using Postern.Upstreams;

namespace Postern.Tests.Mcp;

/// <summary>Targets that are down, hang, stall, trickle, break off or lie: each ends, in time, with an ending that claims no more than is known.</summary>
public sealed class McpTargetFaultTests
{
    private const string Call = """{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"list_orders"}}""";
    private const string JsonHead = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
    private const string StreamHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

    // The clock is moved without regard to how far the wire is; what is looked at must not be overtaken by the wait for the connection or the head.
    private static readonly UpstreamPatience Unhurried = new() { Connect = TimeSpan.FromDays(40), Head = TimeSpan.FromDays(365) };

    [Fact]
    [Row("F07")]
    public async Task A_target_that_is_down_was_not_reached()
    {
        using var free = new TcpListener(IPAddress.Loopback, 0);
        free.Start();
        var port = ((IPEndPoint)free.LocalEndpoint).Port;
        free.Stop();
        await using var down = await McpTestBed.StartAsync(front: _ => $"http://127.0.0.1:{port}/mcp");

        var answer = await down.CallAsync("list_orders");

        AssertRefused(answer, "upstream.unavailable", "Nothing was done");
        await AssertEndedAsync(down, Outcome.Failed, "upstream.unavailable");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Row("F07")]
    public async Task A_target_that_sends_no_head_is_given_up_after_a_minute_in_the_callers_own_era(bool isModern)
    {
        var clock = new SteppedClock();
        await using var wire = new FaultyWire((_, stop) => Task.Delay(Timeout.Infinite, stop));
        await using var bed = await McpTestBed.StartAsync(front: wire.Stand, clock: clock);
        var call = isModern ? bed.SendModernAsync("tools/call", "\"name\":\"list_orders\"", "list_orders") : bed.CallAsync("list_orders");
        await wire.Reached;

        clock.Advance(TimeSpan.FromSeconds(59));
        Assert.False(call.IsCompleted);
        clock.Advance(TimeSpan.FromSeconds(2));

        var answer = await call;
        AssertRefused(answer, "upstream.unavailable", "may have taken effect");
        Assert.Equal(isModern, answer.Result.TryGetProperty("resultType", out _));
        await AssertEndedAsync(bed, Outcome.Unknown, "upstream.unavailable");
        Assert.Equal(1, wire.Calls); // never tried again
    }

    [Theory]
    [InlineData(JsonHead + "Content-Length: 100\r\n\r\n{\"jsonrpc\":\"2.0\",")]
    [InlineData(JsonHead + "Content-Length: 100\r\n\r\n")]
    [InlineData(JsonHead + "Transfer-Encoding: chunked\r\n\r\n11\r\n{\"jsonrpc\":\"2.0\",\r\n")]
    [InlineData(StreamHead + "c\r\ndata: {\"json\r\n")]
    [Row("F07")]
    public async Task A_message_that_stalls_in_the_middle_is_given_up(string sent)
    {
        var clock = new SteppedClock();
        await using var wire = new FaultyWire(async (stream, stop) =>
        {
            await FaultyWire.WriteAsync(stream, sent);
            await Task.Delay(Timeout.Infinite, stop);
        });
        await using var bed = await McpTestBed.StartAsync(front: wire.Stand, clock: clock);
        bed.Patience = Unhurried;

        var answer = await EndedByAsync(clock, TimeSpan.FromSeconds(1), bed.SendAsync(Call));

        AssertRefused(answer, "upstream.unavailable", "may have taken effect");
        await AssertEndedAsync(bed, Outcome.Unknown, "upstream.unavailable");
    }

    [Fact]
    [Row("F07")]
    public async Task A_message_that_trickles_is_given_up_although_it_never_stalls()
    {
        var clock = new SteppedClock();
        await using var wire = new FaultyWire(async (stream, stop) =>
        {
            await FaultyWire.WriteAsync(stream, JsonHead + "Transfer-Encoding: chunked\r\n\r\n");
            while (!stop.IsCancellationRequested)
            {
                await FaultyWire.WriteAsync(stream, "1\r\n \r\n");
                await Task.Delay(1, stop);
            }
        });
        await using var bed = await McpTestBed.StartAsync(front: wire.Stand, clock: clock);
        bed.Patience = Unhurried;

        // A byte comes for every few seconds of the gateway's time; the limit on the whole is what ends it.
        var began = clock.GetUtcNow();
        var answer = await EndedByAsync(clock, TimeSpan.FromSeconds(1), bed.SendAsync(Call));

        Assert.True(clock.GetUtcNow() - began >= TimeSpan.FromMinutes(5));
        AssertRefused(answer, "upstream.unavailable", "may have taken effect");
        await AssertEndedAsync(bed, Outcome.Unknown, "upstream.unavailable");
    }

    [Fact]
    [Row("F07")]
    public async Task A_stream_that_answers_a_call_is_given_up_when_it_is_silent_for_ten_minutes()
    {
        var clock = new SteppedClock();
        await using var wire = new FaultyWire(async (stream, stop) =>
        {
            await FaultyWire.WriteAsync(stream, StreamHead);
            await Task.Delay(Timeout.Infinite, stop);
        });
        await using var bed = await McpTestBed.StartAsync(front: wire.Stand, clock: clock);
        bed.Patience = Unhurried;
        var began = clock.GetUtcNow();

        var answer = await EndedByAsync(clock, TimeSpan.FromSeconds(20), bed.SendAsync(Call));

        Assert.True(clock.GetUtcNow() - began >= TimeSpan.FromMinutes(10));
        Assert.True(answer.IsError);
        await AssertEndedAsync(bed, Outcome.Unknown, "upstream.unavailable");
    }

    [Fact]
    [Row("F07")]
    public async Task A_stream_that_only_listens_may_be_silent_for_hours()
    {
        var clock = new SteppedClock();
        var go = new TaskCompletionSource();
        await using var wire = new FaultyWire(async (stream, stop) =>
        {
            await go.Task;
            await FaultyWire.WriteAsync(stream, StreamHead + "45\r\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}\n\n\r\n0\r\n\r\n");
        });
        await using var bed = await McpTestBed.StartAsync(front: wire.Stand, clock: clock);
        var session = await bed.InitializeAsync();

        var listening = McpSessionTests.TransportAsync(bed, HttpMethod.Get, session);
        await wire.Reached;
        clock.Advance(TimeSpan.FromHours(5));
        go.SetResult();

        var heard = await (await listening).Content.ReadAsStringAsync();
        Assert.Contains("list_changed", heard, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(JsonHead + "Content-Length: 100\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":5,\"result\":{\"content\":[]}}")] // promises more than it sends
    [InlineData(JsonHead + "Content-Length: 20\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":5,\"result\":{\"content\":[]}}")] // sends more than it promises
    [InlineData(JsonHead + "Content-Length: 999999999\r\n\r\n{")]
    [InlineData(JsonHead + "Content-Length: -1\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":5,\"result\":{\"content\":[]}}")]
    [InlineData(JsonHead + "Content-Length: 48\r\nContent-Length: 46\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":5,\"result\":{\"content\":[]}}")]
    [InlineData(JsonHead + "Transfer-Encoding: chunked\r\n\r\nffffffffff\r\n{\"jsonrpc\"")]
    [InlineData(JsonHead + "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"jso")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Ty")]
    [InlineData("nonsense\r\n\r\n")]
    [InlineData("")]
    [Row("F07")]
    public async Task A_target_that_lies_about_its_answer_or_breaks_off_gets_nothing_through(string sent)
    {
        await using var wire = new FaultyWire((stream, _) => FaultyWire.WriteAsync(stream, sent));
        await using var bed = await McpTestBed.StartAsync(front: wire.Stand);

        var answer = await bed.SendAsync(Call);

        AssertRefused(answer, "upstream.invalid", "may have taken effect");
        await AssertEndedAsync(bed, Outcome.Unknown, "upstream.invalid");
        Assert.Equal(1, wire.Calls);
    }

    [Theory]
    [InlineData("")]
    [InlineData(JsonHead + "Content-Length: 100\r\n\r\n{\"jsonrpc\":\"2.0\",")]
    [InlineData(StreamHead)]
    [Row("F07")]
    public async Task A_reset_of_the_connection_ends_the_call(string sent)
    {
        await using var wire = new FaultyWire(async (stream, _) =>
        {
            await FaultyWire.WriteAsync(stream, sent);
            stream.Socket.LingerState = new LingerOption(true, 0); // closing now sends RST
        });
        await using var bed = await McpTestBed.StartAsync(front: wire.Stand);

        var answer = await bed.SendAsync(Call);

        Assert.True(answer.IsError);
        Assert.StartsWith("upstream.", answer.Envelope.GetProperty("code").GetString(), StringComparison.Ordinal);
        await AssertEndedAsync(bed, Outcome.Unknown, answer.Envelope.GetProperty("code").GetString()!);
        Assert.Equal(1, wire.Calls);
    }

    [Theory]
    [InlineData(JsonHead + "Transfer-Encoding: chunked\r\n\r\n")]
    [InlineData(StreamHead + "6\r\ndata: \r\n")]
    [Row("F07")]
    public async Task A_message_that_never_ends_is_given_up_when_it_is_too_large(string head)
    {
        var piece = "10000\r\n" + new string(' ', 0x10000) + "\r\n";
        await using var wire = new FaultyWire(async (stream, stop) =>
        {
            await FaultyWire.WriteAsync(stream, head);
            while (!stop.IsCancellationRequested) await FaultyWire.WriteAsync(stream, piece);
        });
        await using var bed = await McpTestBed.StartAsync(front: wire.Stand);

        var answer = await bed.SendAsync(Call);

        Assert.Equal("upstream.invalid", answer.Envelope.GetProperty("code").GetString());
        await AssertEndedAsync(bed, Outcome.Unknown, "upstream.invalid");
    }

    [Fact]
    [Row("F07")]
    public async Task A_target_whose_certificate_is_over_hears_nothing()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var now = DateTimeOffset.UtcNow;
        using var certificate = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256).CreateSelfSigned(now.AddDays(-2), now.AddDays(-1));
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var (connected, heard) = (0, 0);
        using var stop = new CancellationTokenSource();
        var serving = Task.Run(async () =>
        {
            while (true)
            {
                using var client = await listener.AcceptTcpClientAsync(stop.Token);
                connected++;
                await using var tls = new SslStream(client.GetStream());
                try
                {
                    await tls.AuthenticateAsServerAsync(certificate);
                    heard += await tls.ReadAsync(new byte[1]);
                }
                catch (Exception fault) when (fault is IOException or System.Security.Authentication.AuthenticationException)
                {
                    // The gateway hung up, as it should.
                }
            }
        });
        await using var bed = await McpTestBed.StartAsync(front: _ => $"https://localhost:{((IPEndPoint)listener.LocalEndpoint).Port}/mcp");

        var answer = await bed.CallAsync("list_orders");

        AssertRefused(answer, "upstream.unavailable", "Nothing was done");
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => serving);
        Assert.True(connected > 0);
        Assert.Equal(0, heard);
        await AssertEndedAsync(bed, Outcome.Failed, "upstream.unavailable");
    }

    [Fact]
    [Row("F07")]
    [Row("F17")]
    public async Task A_caller_that_leaves_ends_the_wait_and_the_next_call_is_not_disturbed()
    {
        var isFirst = true;
        await using var wire = new FaultyWire(async (stream, stop) =>
        {
            if (isFirst)
            {
                isFirst = false;
                await Task.Delay(Timeout.Infinite, stop);
            }
            await FaultyWire.WriteAsync(stream, JsonHead + "Content-Length: 48\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":5,\"result\":{\"content\":[]}}");
        });
        await using var bed = await McpTestBed.StartAsync(front: wire.Stand);
        using var gone = new CancellationTokenSource();
        using var request = new HttpRequestMessage(HttpMethod.Post, bed.Url) { Content = new StringContent(Call, System.Text.Encoding.UTF8, "application/json") };
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer alice");
        var leaving = bed.Client.SendAsync(request, gone.Token);
        await wire.Reached;

        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => leaving);
        for (var i = 0; i < 20; i++) Assert.False((await bed.SendAsync(Call)).IsError);

        while (!bed.Recorder.Endings.Any(ending => ending is { Outcome: Outcome.Unknown })) await Task.Delay(5, TestContext.Current.CancellationToken);
    }

    /// <summary>Moves the clock until the gateway gave up, however its reads and our steps interleave.</summary>
    private static async Task<Answer> EndedByAsync(SteppedClock clock, TimeSpan step, Task<Answer> call)
    {
        while (!call.IsCompleted)
        {
            clock.Advance(step);
            await Task.WhenAny(call, Task.Delay(2));
        }
        return await call;
    }

    private static void AssertRefused(Answer answer, string code, string words)
    {
        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.True(answer.IsError);
        Assert.Equal(code, answer.Envelope.GetProperty("code").GetString());
        Assert.Contains(words, answer.Result.GetProperty("content")[0].GetProperty("text").GetString(), StringComparison.Ordinal);
    }

    // The ending is written after the caller was told.
    private static async Task AssertEndedAsync(McpTestBed bed, Outcome outcome, string code)
    {
        for (var i = 0; i < 2_000 && !Ended(); i++) await Task.Delay(5, TestContext.Current.CancellationToken);
        Assert.True(Ended(), string.Join('\n', bed.Recorder.Endings));
        bool Ended() => bed.Recorder.Endings.Any(ending => ending.Outcome == outcome && ending.Code == code);
    }
}
