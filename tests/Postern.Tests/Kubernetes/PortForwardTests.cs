using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using Postern.Protocols.Kubernetes.Wire.Spdy;

namespace Postern.Tests.Kubernetes;

/// <summary>Port-forward through the gateway as no kubectl would ask for it, before an API server that says exactly what a test wants.</summary>
public sealed class PortForwardTests
{
    private const string Forward = "/api/v1/namespaces/a/pods/p/portforward";
    private const string V4 = "v4.channel.k8s.io";

    private const string Rules =
        """
        version: 1
        rules:
          - { id: forwards, who: { groups: [support] }, on: { connection: prod, verbs: [portforward], resources: [pods/portforward], namespaces: [a] }, then: allow }
          - { id: held, who: { groups: [support] }, on: { connection: prod, verbs: [portforward], resources: [pods/portforward], namespaces: [a] }, when: request.port == 22, then: guard, hold: { approvers: { groups: [on-call] } } }
        """;

    private static readonly byte[] s_error = Stream(1, "error", "80", "0", isFirst: true);
    private static readonly byte[] s_data = Stream(3, "data", "80", "0");

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    public static TheoryData<string, byte[][]> Attacks => new()
    {
        { "requestID", [s_error, Stream(3, "error", "80", "0")] },
        { "data stream does not follow", [Stream(1, "data", "80", "0", isFirst: true)] },
        { "data stream does not follow", [s_error, s_data, Stream(5, "data", "80", "0")] },
        { "different ports", [s_error, Stream(3, "data", "5432", "0")] },
        { "no port", [Stream(1, "error", "0", "0", isFirst: true)] },
        { "no port", [Stream(1, "error", "080", "0", isFirst: true)] },
        { "no port", [Stream(1, "error", "65536", "0", isFirst: true)] },
        { "other headers", [SpdyTests.Open(1, SpdyBlock.Of("streamtype", "error", "port", "80"), isFirst: true)] },
        { "other headers", [SpdyTests.Open(1, SpdyBlock.Of("streamtype", "error", "port", "80", "requestid", "0", "more", "x"), isFirst: true)] },
        { "neither", [Stream(1, "resize", "80", "0", isFirst: true)] },
        { "not odd", [Stream(2, "error", "80", "0", isFirst: true)] },
        { "larger than the last", [Stream(int.MaxValue, "error", "80", "0", isFirst: true), Stream(3, "data", "80", "0")] },
        { "not odd", [Stream(0, "error", "80", "0", isFirst: true)] },
        { "never opened", [s_error, SpdyTests.Data(5, "x")] },
        { "never opened", [SpdyTests.Control(3, 0, 1, 5)] },
        { "writes to an error stream", [s_error, SpdyTests.Data(1, "x")] },
        { "says twice", [SpdyTests.Control(7, 0, 0, 0), SpdyTests.Control(7, 0, 0, 0)] },
        { "goes opens", [SpdyTests.Control(7, 0, 0, 0), s_error] },
        { "carry nothing", [.. Enumerable.Repeat(SpdyTests.Control(6, 0, 1), 250)] },
        { "carry nothing", [.. Enumerable.Repeat(SpdyTests.Control(4, 0, 0), 250)] },
        { "carry nothing", [s_error, s_data, .. Enumerable.Repeat(SpdyTests.Data(3, ""), 250)] },
        { "nobody sent", [SpdyTests.Control(6, 0, 2)] },
        { "only answers", [[0x80, 3, 0, 2, 0, 0, 0, 4, 0, 0, 0, 1]] },
        { "only answers", [[0x80, 3, 0, 8, 0, 0, 0, 4, 0, 0, 0, 1]] },
        { "not of SPDY/3", ["GET / HTTP/1.1\r\n"u8.ToArray().Prepend((byte)0x80).ToArray()] },
        { "longer than 16 KiB", [SpdyTests.Open(1, [0x78, 0xbb, 0xe3, 0xc6, 0xa7, 0xc2, .. Bomb()], isCompressed: true)] },
        { "within a frame", [s_error[..^3]] },
    };

    [Theory]
    [Row("K15"), Row("K02")]
    [MemberData(nameof(Attacks))]
    public async Task A_client_that_says_what_no_kubectl_does_is_ended_and_reaches_nothing_by_it(string expected, byte[][] frames)
    {
        await using var bed = await KubernetesBed.StartAsync(Rules);
        _ = new ScriptedStreams(bed.Target, [V4], async streams => await streams.HearAsync());
        using var client = await ConnectAsync(bed);

        try
        {
            foreach (var frame in frames) await client.SendAsync(frame, WebSocketMessageType.Binary, true, Test);
            if (expected == "within a frame") await client.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, Test);
        }
        catch (WebSocketException)
        {
            // It was ended before it had said everything.
        }
        await ReadToEndAsync(client);

        Assert.Contains(expected, await bed.JournalAsync(), StringComparison.Ordinal);
        Assert.InRange(bed.Target.Connections, 0, 1);
    }

    [Fact]
    [Row("K02"), Row("K05"), Guarantee("G1")]
    public async Task A_connection_is_carried_both_ways_by_a_websocket_of_its_own_and_ends_when_the_target_does()
    {
        await using var bed = await KubernetesBed.StartAsync(Rules);
        var target = new ScriptedStreams(bed.Target, [V4], async streams =>
        {
            await streams.SayAsync(0, [80, 0]);
            await streams.SayAsync(1, [80, 0]);
            var heard = await streams.HearAsync();
            await streams.SayAsync(0, [.. "heard "u8, .. heard!.Value.Content]);
        });
        using var client = await ConnectAsync(bed);
        await SendAsync(client, [s_error, SpdyTests.Data(1, "", isLast: true), s_data, SpdyTests.Data(3, "GET /"), SpdyTests.Control(6, 0, 41)]);

        var told = await ToldAsync(client, frames => frames.Count(frame => frame.IsLast) == 2);

        Assert.Equal([SpdyKind.SynReply, SpdyKind.SynReply], told.Where(frame => frame.Kind is SpdyKind.SynReply).Select(frame => frame.Kind));
        Assert.Contains(told, frame => frame is { Kind: SpdyKind.Ping, Id: 41 });
        Assert.Equal("heard GET /", string.Concat(told.Where(frame => frame is { Kind: SpdyKind.Data, Id: 3 }).Select(frame => Encoding.UTF8.GetString(frame.Content.Span))));
        Assert.Equal([1, 3], told.Where(frame => frame.IsLast).Select(frame => frame.Id).Order());
        var head = Assert.Single(target.Heads);
        Assert.StartsWith($"GET {Forward}?ports=80 HTTP/1.1", head, StringComparison.Ordinal);
        Assert.Contains(KubernetesBed.Credential, head, StringComparison.Ordinal);
        await client.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, Test);
        var journal = await bed.JournalAsync();
        Assert.Contains("\"stream\":\"sent\",\"text\":\"GET /\"}", journal, StringComparison.Ordinal);
        Assert.Contains("\"stream\":\"received\",\"text\":\"heard GET /\"}", journal, StringComparison.Ordinal);
    }

    [Fact]
    [Row("K05")]
    public async Task What_the_cluster_did_not_switch_or_switched_to_another_port_is_told_and_not_carried()
    {
        foreach (var (ports, answer, expected) in new[]
        {
            (new byte[] { 81, 0 }, null, "another port"), ([80], null, "another port"),
            ((byte[])[], "HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nContent-Length: 46\r\n\r\n{\"status\":\"Failure\",\"message\":\"pods not here\"}", "pods not here"),
            ([], "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "did not open the port (HTTP 200)"),
            ([], "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: d3Jvbmc=\r\nSec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n", "nobody refused it"),
        })
        {
            await using var bed = await KubernetesBed.StartAsync(Rules);
            if (answer is not null)
            {
                bed.Target.Answer = _ => answer;
            }
            else
            {
                _ = new ScriptedStreams(bed.Target, [V4], async streams =>
                {
                    await streams.SayAsync(0, ports);
                    await streams.SayAsync(0, "canary-of-another-port");
                    await streams.HearAsync();
                });
            }
            using var client = await ConnectAsync(bed);
            await SendAsync(client, [s_error, s_data]);

            var told = await ToldAsync(client, frames => frames.Any(frame => frame is { Id: 1, IsLast: true }));

            Assert.Contains(expected, string.Concat(told.Where(frame => frame is { Kind: SpdyKind.Data, Id: 1 }).Select(frame => Encoding.UTF8.GetString(frame.Content.Span))), StringComparison.Ordinal);
            Assert.DoesNotContain(told, frame => frame is { Kind: SpdyKind.Data, Id: 3, Content.IsEmpty: false });
        }
    }

    [Fact]
    [Row("K02")]
    public async Task A_held_port_says_so_on_its_error_stream_and_the_others_go_on()
    {
        await using var bed = await KubernetesBed.StartAsync(Rules);
        _ = new ScriptedStreams(bed.Target, [V4], async streams =>
        {
            await streams.SayAsync(0, [80, 0]);
            await streams.SayAsync(0, "open");
        });
        using var client = await ConnectAsync(bed);
        await SendAsync(client, [Stream(1, "error", "22", "0", isFirst: true), Stream(3, "data", "22", "0"), Stream(5, "error", "80", "1"), Stream(7, "data", "80", "1")]);

        var told = await ToldAsync(client, frames => frames.Count(frame => frame.IsLast) >= 3 && frames.Any(frame => frame.Kind == SpdyKind.Reset));

        Assert.Contains("Postern holds this request until people agree", string.Concat(told.Where(frame => frame is { Kind: SpdyKind.Data, Id: 1 }).Select(frame => Encoding.UTF8.GetString(frame.Content.Span))), StringComparison.Ordinal);
        Assert.Contains(told, frame => frame is { Kind: SpdyKind.Reset, Id: 3 });
        Assert.Equal("open", string.Concat(told.Where(frame => frame is { Kind: SpdyKind.Data, Id: 7 }).Select(frame => Encoding.UTF8.GetString(frame.Content.Span))));
        Assert.Equal(1, bed.Target.Connections);
    }

    [Fact]
    [Row("K15"), Guarantee("G16")]
    public async Task No_more_connections_than_the_cap_are_open_at_once()
    {
        await using var bed = await KubernetesBed.StartAsync(Rules);
        using var client = await ConnectAsync(bed);
        for (var i = 0; i < 130; i++) await client.SendAsync(Stream((i * 2) + 1, "error", "80", $"{i}", isFirst: i == 0), WebSocketMessageType.Binary, true, Test);

        var told = await ToldAsync(client, frames => frames.Count >= 130);

        Assert.Equal(128, told.Count(frame => frame.Kind == SpdyKind.SynReply));
        Assert.Equal([257, 259], told.Where(frame => frame.Kind == SpdyKind.Reset).Select(frame => frame.Id));
    }

    [Theory]
    [Row("K15"), Guarantee("G10"), Guarantee("G16")]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Everything_ends_within_two_seconds_of_a_stop_whether_or_not_its_caller_reads(bool isDeaf)
    {
        await using var bed = await KubernetesBed.StartAsync(Rules);
        var target = new ScriptedStreams(bed.Target, [V4], async streams =>
        {
            await streams.SayAsync(0, [80, 0]);
            await streams.SayAsync(0, "begun");
            var much = new byte[1024 * 1024];
            while (isDeaf) await streams.SayAsync(0, much);
            await streams.HearAsync();
        });
        using var client = await ConnectAsync(bed);
        await SendAsync(client, [s_error, s_data]);
        var link = new Link(client);
        await link.UntilAsync(frames => frames.Any(frame => frame.Kind == SpdyKind.Data));

        var watch = Stopwatch.StartNew();
        await bed.Host.StopAsync();
        await target.IsOver.Task.WaitAsync(TimeSpan.FromSeconds(10), Test);

        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(4));
        if (isDeaf) return;
        var told = await link.UntilAsync(frames => frames.Any(frame => frame is { Id: 1, IsLast: true }));
        Assert.Contains("Postern could not carry this out", string.Concat(told.Where(frame => frame is { Kind: SpdyKind.Data, Id: 1 }).Select(frame => Encoding.UTF8.GetString(frame.Content.Span))), StringComparison.Ordinal);
    }

    [Fact]
    [Guarantee("G11")]
    public async Task A_mask_that_comes_while_a_port_is_open_blocks_what_comes_back()
    {
        await using var bed = await KubernetesBed.StartAsync(Rules);
        var masked = new TaskCompletionSource();
        _ = new ScriptedStreams(bed.Target, [V4], async streams =>
        {
            await streams.SayAsync(0, [80, 0]);
            await streams.SayAsync(0, "before");
            await masked.Task;
            for (var i = 0; i < 100; i++)
            {
                await streams.SayAsync(0, $"after {i} ");
                await Task.Delay(100, Test);
            }
        });
        using var client = await ConnectAsync(bed);
        await SendAsync(client, [s_error, s_data]);
        var link = new Link(client);
        await link.UntilAsync(frames => frames.Any(frame => frame is { Kind: SpdyKind.Data, Id: 3 }));

        bed.Edit(Rules + "\nmasks:\n  - { id: pii, on: [ { connection: prod } ], detect: [credit-card], as: redact }\n");
        masked.SetResult();

        var told = await link.UntilAsync(frames => frames.Any(frame => frame is { Kind: SpdyKind.Data, Id: 1, IsLast: true }));
        Assert.DoesNotContain("after 99", string.Concat(told.Where(frame => frame is { Kind: SpdyKind.Data, Id: 3 }).Select(frame => Encoding.UTF8.GetString(frame.Content.Span))), StringComparison.Ordinal);
    }

    [Theory]
    [Row("K02")]
    [InlineData("GET", "websocket", "v4.channel.k8s.io", "", "does not offer")]
    [InlineData("GET", "websocket", "SPDY/3.1+portforward.k8s.io", "?ports=80", "without a query")]
    [InlineData("GET", "SPDY/3.1", "", "", "with POST")]
    [InlineData("POST", "SPDY/3.0", "", "", "SPDY/3.1")]
    [InlineData("POST", "SPDY/3.1", "", "", "X-Stream-Protocol-Version")]
    [InlineData("POST", null, "", "", "switches the connection")]
    [InlineData("GET", null, "", "", "switches the connection")]
    public async Task An_opening_that_cannot_be_read_is_refused_before_anything(string method, string? upgrade, string protocol, string query, string expected)
    {
        await using var bed = await KubernetesBed.StartAsync(Rules);

        var answer = await bed.SendAsync(method, Forward + query, change: request =>
        {
            if (upgrade is null) return;
            request.Headers.TryAddWithoutValidation("Connection", "Upgrade");
            request.Headers.TryAddWithoutValidation("Upgrade", upgrade);
            request.Headers.TryAddWithoutValidation("Sec-WebSocket-Version", "13");
            request.Headers.TryAddWithoutValidation("Sec-WebSocket-Key", Convert.ToBase64String(RandomNumberGenerator.GetBytes(16)));
            if (protocol.Length > 0) request.Headers.TryAddWithoutValidation("Sec-WebSocket-Protocol", protocol);
        });

        Assert.Equal(HttpStatusCode.BadRequest, answer.Status);
        Assert.Contains(expected, answer.Body, StringComparison.Ordinal);
        Assert.Equal(0, bed.Target.Connections);
    }

    private static byte[] Stream(int id, string type, string port, string request, bool isFirst = false) => SpdyTests.Open(id, SpdyBlock.Of("streamtype", type, "port", port, "requestid", request), isFirst);

    private static byte[] Bomb()
    {
        using var output = new MemoryStream();
        using (var deflate = new System.IO.Compression.DeflateStream(output, System.IO.Compression.CompressionLevel.SmallestSize, leaveOpen: true))
        {
            deflate.Write(new byte[10_000_000]);
            deflate.Flush();
            return output.ToArray();
        }
    }

    /// <summary>A WebSocket written by hand: the platform's client refuses a protocol with a slash in its name.</summary>
    private static async Task<WebSocket> ConnectAsync(KubernetesBed bed)
    {
        var socket = new TcpClient { NoDelay = true, ReceiveBufferSize = 64 * 1024 };
        var url = new Uri(bed.Host.Url);
        await socket.ConnectAsync(url.Host, url.Port, Test);
        var stream = socket.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(
            $"GET /k8s/prod{Forward} HTTP/1.1\r\nHost: {url.Authority}\r\nAuthorization: Bearer {bed.TokenOf("alice")}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            + $"Sec-WebSocket-Key: {Convert.ToBase64String(RandomNumberGenerator.GetBytes(16))}\r\nSec-WebSocket-Protocol: SPDY/3.1+portforward.k8s.io\r\n\r\n"), Test);
        var head = new List<byte>();
        var one = new byte[1];
        while (!Encoding.ASCII.GetString([.. head]).EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            if (await stream.ReadAsync(one, Test) == 0) break;
            head.Add(one[0]);
        }
        var text = Encoding.ASCII.GetString([.. head]);
        Assert.StartsWith("HTTP/1.1 101 ", text, StringComparison.Ordinal);
        Assert.Contains("Sec-WebSocket-Protocol: SPDY/3.1+portforward.k8s.io\r\n", text, StringComparison.Ordinal);
        return WebSocket.CreateFromStream(stream, new WebSocketCreationOptions { IsServer = false });
    }

    private static async Task SendAsync(WebSocket client, byte[][] frames)
    {
        foreach (var frame in frames) await client.SendAsync(frame, WebSocketMessageType.Binary, true, Test);
    }

    private static Task<List<SpdyFrame>> ToldAsync(WebSocket client, Func<List<SpdyFrame>, bool> isEnough) => new Link(client).UntilAsync(isEnough);

    private static async Task ReadToEndAsync(WebSocket client)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Test);
        patience.CancelAfter(TimeSpan.FromSeconds(15));
        var buffer = new byte[4096];
        try
        {
            while ((await client.ReceiveAsync(buffer, patience.Token)).MessageType != WebSocketMessageType.Close)
            {
                // Only its end matters.
            }
        }
        catch (WebSocketException)
        {
            // An end as well.
        }
    }

    /// <summary>The client's end: what was told so far.</summary>
    private sealed class Link(WebSocket client)
    {
        private readonly SpdyReader _reader = new(WebSocketStream.Create(client, WebSocketMessageType.Binary, ownsWebSocket: false));
        private readonly List<SpdyFrame> _frames = [];

        public async Task<List<SpdyFrame>> UntilAsync(Func<List<SpdyFrame>, bool> isEnough)
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(Test);
            patience.CancelAfter(TimeSpan.FromSeconds(15));
            while (!isEnough(_frames) && await _reader.ReadAsync(patience.Token) is { } frame) _frames.Add(frame with { Content = frame.Content.ToArray() });
            return _frames;
        }
    }
}
