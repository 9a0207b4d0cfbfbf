using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using Postern.Gateway.Listening;
using Postern.Tests.Doubles;

namespace Postern.Tests.Http;

/// <summary>One gateway over TLS for tests that change nothing but what they ask.</summary>
public sealed class SharedHttp2Bed : IAsyncLifetime
{
    internal HttpBed Bed { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Bed = await HttpBed.StartAsync(tls: true);

    public ValueTask DisposeAsync() => Bed.DisposeAsync();
}

/// <summary>Callers over HTTP/2, sound and hostile. What is malformed never reaches the target.</summary>
public sealed class Http2CallerTests(SharedHttp2Bed shared) : IClassFixture<SharedHttp2Bed>
{
    public static TheoryData<string, string[]> Malformed => new()
    {
        { "no path", [":method=GET", ":scheme=https", "{auth}"] },
        { "no method", [":scheme=https", ":path=/http/api/a", "{auth}"] },
        { "no scheme", [":method=GET", ":path=/http/api/a", "{auth}"] },
        { "two paths", [":method=GET", ":scheme=https", ":path=/http/api/a", ":path=/http/api/b", "{auth}"] },
        { "two methods", [":method=GET", ":method=PUT", ":scheme=https", ":path=/http/api/a", "{auth}"] },
        { "two authorities", [":method=GET", ":scheme=https", ":path=/http/api/a", ":authority=evil.test", "{auth}"] },
        { "pseudo-header behind a header", [":method=GET", ":scheme=https", "x-a=b", ":path=/http/api/a", "{auth}"] },
        { "unknown pseudo-header", [":method=GET", ":scheme=https", ":path=/http/api/a", ":who=root", "{auth}"] },
        { "pseudo-header of answers", [":method=GET", ":scheme=https", ":path=/http/api/a", ":status=200", "{auth}"] },
        { "another scheme", [":method=GET", ":scheme=http", ":path=/http/api/a", "{auth}"] },
        { "absolute target", [":method=GET", ":scheme=https", ":path=https://evil.test/http/api/a", "{auth}"] },
        { "asterisk", [":method=OPTIONS", ":scheme=https", ":path=*", "{auth}"] },
        { "line break in the path", [":method=GET", ":scheme=https", ":path=/http/api/a HTTP/1.1\r\nX-Identity: root", "{auth}"] },
        { "space in the path", [":method=GET", ":scheme=https", ":path=/http/api/a b", "{auth}"] },
        { "NUL in the path", [":method=GET", ":scheme=https", ":path=/http/api/a\0", "{auth}"] },
        { "line break in the method", [":method=GET /x HTTP/1.1\r\n", ":scheme=https", ":path=/http/api/a", "{auth}"] },
        { "lower-case method", [":method=get", ":scheme=https", ":path=/http/api/a", "{auth}"] },
        { "CONNECT", [":method=CONNECT", "{auth}"] },
        { "CONNECT to another protocol", [":method=CONNECT", ":protocol=connect-udp", ":scheme=https", ":path=/http/api/a", "{auth}"] },
        { "TRACE", [":method=TRACE", ":scheme=https", ":path=/http/api/a", "{auth}"] },
        { "line break in a value", [":method=GET", ":scheme=https", ":path=/http/api/a", "{auth}", "x-a=b\r\nx-identity: root"] },
        { "line feed in a value", [":method=GET", ":scheme=https", ":path=/http/api/a", "{auth}", "x-a=b\nx-identity: root"] },
        { "NUL in a value", [":method=GET", ":scheme=https", ":path=/http/api/a", "{auth}", "x-a=b\0"] },
        { "escape in a value", [":method=GET", ":scheme=https", ":path=/http/api/a", "{auth}", "x-a=b\x1b"] },
        { "upper-case name", [":method=GET", ":scheme=https", ":path=/http/api/a", "{auth}", "X-A=b"] },
        { "space in a name", [":method=GET", ":scheme=https", ":path=/http/api/a", "{auth}", "x a=b"] },
        { "colon in a name", [":method=GET", ":scheme=https", ":path=/http/api/a", "{auth}", "x:a=b"] },
        { "line break in a name", [":method=GET", ":scheme=https", ":path=/http/api/a", "{auth}", "x-a\r\nhost=b"] },
        { "empty name", [":method=GET", ":scheme=https", ":path=/http/api/a", "{auth}", "=b"] },
        { "connection", [":method=GET", ":scheme=https", ":path=/http/api/a", "{auth}", "connection=x-identity"] },
        { "keep-alive", [":method=GET", ":scheme=https", ":path=/http/api/a", "{auth}", "keep-alive=5"] },
        { "proxy-connection", [":method=GET", ":scheme=https", ":path=/http/api/a", "{auth}", "proxy-connection=close"] },
        { "transfer-encoding", [":method=PUT", ":scheme=https", ":path=/http/api/a", "{auth}", "transfer-encoding=chunked"] },
        { "upgrade", [":method=GET", ":scheme=https", ":path=/http/api/a", "{auth}", "upgrade=h2c"] },
        { "te", [":method=GET", ":scheme=https", ":path=/http/api/a", "{auth}", "te=gzip"] },
        { "a length without a body", [":method=PUT", ":scheme=https", ":path=/http/api/a", "{auth}", "content-length=5"] },
        { "two lengths", [":method=PUT", ":scheme=https", ":path=/http/api/a", "{auth}", "content-length=0", "content-length=5"] },
        { "two credentials", [":method=GET", ":scheme=https", ":path=/http/api/a", "{auth}", "authorization=Bearer other"] },
        { "another host", [":method=GET", ":scheme=https", ":path=/http/api/a", ":authority=evil.test", "{token}"] },
        { "userinfo", [":method=GET", ":scheme=https", ":path=/http/api/a", ":authority=root@{host}", "{token}"] },
        { "a path with two meanings", [":method=GET", ":scheme=https", ":path=/http/api/%2e%2e/%2e%2e/api/v1/holds", "{auth}"] },
    };

    [Theory]
    [Row("H18")]
    [MemberData(nameof(Malformed))]
    public async Task A_malformed_head_never_reaches_the_target(string what, string[] fields)
    {
        var bed = shared.Bed;
        bed.Target.Requests.Clear();
        await using var caller = await H2Wire.ConnectAsync(bed.Host.Url);

        var outcome = await caller.AskAsync(1, H2Wire.Block([.. fields.SelectMany(field => Field(bed, field)).OrderBy(field => what is "pseudo-header behind a header" || !field.Name.StartsWith(':') ? 1 : 0)]));

        Assert.Contains(outcome, (string[])["reset", "closed", "400", "404", "421"]);
        Assert.Empty(bed.Target.Requests);
        // Others are served.
        await using var next = await H2Wire.ConnectAsync(bed.Host.Url);
        Assert.Equal("200", await next.AskAsync(1, Get(bed, "/http/api/a")));
    }

    [Fact]
    [Row("H18")]
    public async Task Two_requests_of_one_connection_are_two_operations_and_a_reset_one_is_none()
    {
        var bed = shared.Bed;
        bed.Target.Requests.Clear();
        await using var caller = await H2Wire.ConnectAsync(bed.Host.Url);

        await caller.SendAsync(H2Frame.Headers, H2Frame.EndHeaders, 1, H2Wire.Block([.. Head(bed, "PUT", "/http/api/a"), ("content-type", "application/octet-stream"), ("content-length", "4")]));
        Assert.Equal("200", await caller.AskAsync(3, Get(bed, "/http/api/b")));
        await caller.SendAsync(H2Frame.Reset, 0, 1, [0, 0, 0, 8]);
        Assert.Equal("200", await caller.AskAsync(5, Get(bed, "/http/api/c")));

        Assert.Equal(["/b", "/c"], bed.Target.Requests.Select(request => request.Target));
    }

    [Theory]
    [Row("H18"), Row("H05")]
    [InlineData("5", "four")]
    [InlineData("3", "four")]
    public async Task A_length_that_is_not_that_of_the_data_never_looks_whole_to_the_target(string length, string data)
    {
        var bed = shared.Bed;
        bed.Target.Requests.Clear();
        await using var caller = await H2Wire.ConnectAsync(bed.Host.Url);

        var outcome = await caller.AskAsync(1, H2Wire.Block([.. Head(bed, "PUT", "/http/api/files/a"), ("content-type", "application/octet-stream"), ("content-length", length)]), Encoding.ASCII.GetBytes(data));

        Assert.Contains(outcome, (string[])["reset", "400", "closed"]);
        Assert.Empty(bed.Target.Requests);
    }

    [Fact]
    [Row("H18")]
    public async Task Trailers_go_on_but_for_those_that_claim_something()
    {
        var bed = shared.Bed;
        foreach (var type in (string[])["application/octet-stream", "application/json"])
        {
            bed.Target.Requests.Clear();
            await using var caller = await H2Wire.ConnectAsync(bed.Host.Url);

            var outcome = await caller.AskAsync(1, H2Wire.Block([.. Head(bed, "PUT", "/http/api/files/a"), ("content-type", type)]), "\"x\""u8.ToArray(),
                H2Wire.Block(("x-checksum", "7"), ("content-length", "9"), ("content-type", "text/html"), ("host", "evil.test"), ("authorization", "Bearer root"), ("x-forwarded-for", "1.1.1.1"), ("x_user", "root"), ("if-match", "*")));

            Assert.Equal("200", outcome);
            var received = Assert.Single(bed.Target.Requests);
            Assert.Equal("\"x\"", received.BodyText);
            Assert.Equal(["x-checksum: 7"], received.Trailers);
        }
    }

    [Theory]
    [Row("H18")]
    [InlineData(":path", "/http/api/b")]
    [InlineData("X-A", "b")]
    [InlineData("x-a", "b\r\nx-identity: root")]
    public async Task Malformed_trailers_never_look_whole_to_the_target(string name, string value)
    {
        var bed = shared.Bed;
        bed.Target.Requests.Clear();
        await using var caller = await H2Wire.ConnectAsync(bed.Host.Url);

        var outcome = await caller.AskAsync(1, H2Wire.Block([.. Head(bed, "PUT", "/http/api/files/a"), ("content-type", "application/octet-stream")]), "x"u8.ToArray(), H2Wire.Block((name, value)));

        Assert.Contains(outcome, (string[])["reset", "400", "closed"]);
        Assert.Empty(bed.Target.Requests);
    }

    [Theory]
    [Row("H18"), Row("D05")]
    [InlineData(H2Frame.Ping, 8)]
    [InlineData(H2Frame.Settings, 0)]
    [InlineData(H2Frame.Priority, 5)]
    [InlineData(0x42, 0)]
    public async Task A_flood_of_frames_that_carry_nothing_ends_the_connection(byte type, int length)
    {
        await using var caller = await H2Wire.ConnectAsync(shared.Bed.Host.Url);
        var frame = H2Wire.Bytes(type, 0, type == H2Frame.Priority ? 1 : 0, new byte[length]);

        await FloodAsync(caller, [.. Enumerable.Repeat(frame, 4 * FrameWatch.Burst)]);

        Assert.Equal("closed", await caller.OutcomeAsync(99));
    }

    [Fact]
    [Row("H18"), Row("D05")]
    public async Task Streams_that_are_opened_and_reset_at_once_end_the_connection()
    {
        await using var caller = await H2Wire.ConnectAsync(shared.Bed.Host.Url);

        await FloodAsync(caller, [.. Enumerable.Range(0, 4 * FrameWatch.Burst).SelectMany(i => (byte[][])[H2Wire.Bytes(H2Frame.Headers, H2Frame.EndHeaders | H2Frame.EndStream, (2 * i) + 1, Get(shared.Bed, "/http/api/a")), H2Wire.Bytes(H2Frame.Reset, 0, (2 * i) + 1, [0, 0, 0, 8])])]);

        Assert.Equal("closed", await caller.OutcomeAsync(int.MaxValue));
    }

    [Fact]
    [Row("H18"), Row("D05")]
    public async Task A_header_block_without_end_ends_the_connection()
    {
        await using var caller = await H2Wire.ConnectAsync(shared.Bed.Host.Url);

        await FloodAsync(caller, [H2Wire.Bytes(H2Frame.Headers, 0, 1, Get(shared.Bed, "/http/api/a")), .. Enumerable.Repeat(H2Wire.Bytes(H2Frame.Continuation, 0, 1, []), 1000)]);

        Assert.Equal("closed", await caller.OutcomeAsync(1));
    }

    [Fact]
    public void Frames_are_counted_in_any_chunking_and_the_count_comes_back_with_time()
    {
        var ping = H2Wire.Bytes(H2Frame.Ping, 0, 0, new byte[8]);
        var data = H2Wire.Bytes(H2Frame.Data, 0, 1, new byte[100]);
        foreach (var piece in (int[])[1, 7, 9, 1000])
        {
            var clock = new SteppedClock();
            var watch = new FrameWatch(clock);
            Feed(watch, H2Wire.Preface, piece);
            for (var i = 0; i < FrameWatch.Burst; i++)
            {
                Feed(watch, ping, piece);
                Feed(watch, data, piece);
            }
            Assert.Null(watch.Fault);
            clock.Advance(TimeSpan.FromSeconds(1));
            for (var i = 0; i < FrameWatch.PerSecond; i++) Feed(watch, ping, piece);
            Assert.Null(watch.Fault);
            Feed(watch, ping, piece);
            Assert.NotNull(watch.Fault);
        }

        static void Feed(FrameWatch watch, byte[] bytes, int piece)
        {
            for (var at = 0; at < bytes.Length; at += piece) watch.Read(bytes.AsSpan(at, Math.Min(piece, bytes.Length - at)));
        }
    }

    [Fact]
    [Row("H13")]
    public async Task HTTP_2_is_not_spoken_in_the_clear()
    {
        await using var bed = await HttpBed.StartAsync();

        // A GOAWAY that says so: 8 bytes of type 7.
        Assert.StartsWith("\0\0\u0008\u0007", await bed.RawAsync("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 400 ", await bed.RawAsync("GET /http/api/a HTTP/1.1\r\n{auth}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"), StringComparison.Ordinal);
        Assert.Empty(bed.Target.Requests);
    }

    [Fact]
    public async Task Everything_that_goes_over_HTTP_1_goes_over_HTTP_2()
    {
        await using var bed = await HttpBed.StartAsync("""masks: [ { id: pii, on: [ { connection: api } ], fields: ["$..email"], detect: [email], as: redact } ]""", tls: true);
        bed.Target.Answer = request => request.Line.StartsWith("PUT", StringComparison.Ordinal) ? RawTarget.Reply("text/plain", $"{request.Body.Length} bytes")
            : request.Target == "/trailing" ? "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Checksum: canary@example.org\r\nX-Sum: 7\r\nContent-Length: 9\r\nSet-Cookie: a=b\r\n\r\n"
            : RawTarget.Reply("application/json", """{"email":"canary","n":1}""");

        var read = await SendAsync(HttpMethod.Get, "/a");
        Assert.Equal("""{"email":"[masked:pii]","n":1}""", await read.Content.ReadAsStringAsync());
        var put = await SendAsync(HttpMethod.Put, "/files/a", new ByteArrayContent(new byte[3_000_000]));
        Assert.Equal("3000000 bytes", await put.Content.ReadAsStringAsync());
        var trailing = await SendAsync(HttpMethod.Get, "/trailing");
        Assert.Equal("ok", await trailing.Content.ReadAsStringAsync());
        Assert.Equal(["x-checksum=[masked:pii]", "x-sum=7"], trailing.TrailingHeaders.Select(header => $"{header.Key.ToLowerInvariant()}={header.Value.Single()}").Order(StringComparer.Ordinal));
        var refused = await SendAsync(HttpMethod.Get, "/admin");
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);

        async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, HttpContent? content = null)
        {
            using var request = new HttpRequestMessage(method, bed.Url + path) { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact, Content = content };
            request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + bed.Token);
            if (content is not null) content.Headers.TryAddWithoutValidation("Content-Type", "application/octet-stream");
            return await bed.Client.SendAsync(request);
        }
    }

    [Fact]
    [Row("H13"), Row("M01")]
    public async Task A_WebSocket_over_HTTP_2_is_judged_and_masked_like_one_over_HTTP_1()
    {
        await using var bed = await HttpBed.StartAsync("""masks: [ { id: pii, on: [ { connection: api } ], detect: [email], as: redact } ]""", HttpStreamTests.Sockets, tls: true);
        bed.Target.TakeOver = HttpStreamTests.EchoAsync;
        using var invoker = new HttpMessageInvoker(new SocketsHttpHandler { SslOptions = new System.Net.Security.SslClientAuthenticationOptions { RemoteCertificateValidationCallback = static (_, _, _, _) => true } });
        using var client = new ClientWebSocket();
        client.Options.HttpVersion = HttpVersion.Version20;
        client.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        client.Options.SetRequestHeader("Authorization", "Bearer " + bed.Token);
        client.Options.DangerousDeflateOptions = new WebSocketDeflateOptions();

        await client.ConnectAsync(new Uri(bed.Url.Replace("https://", "wss://", StringComparison.Ordinal) + "/live"), invoker, CancellationToken.None);
        await client.SendAsync(Encoding.UTF8.GetBytes("of canary@example.org"), WebSocketMessageType.Text, true, CancellationToken.None);
        var buffer = new byte[1024];
        var got = await client.ReceiveAsync(buffer, CancellationToken.None);

        Assert.Equal("of [masked:pii]", Encoding.UTF8.GetString(buffer, 0, got.Count));
        await client.CloseAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
        using var other = new ClientWebSocket();
        other.Options.HttpVersion = HttpVersion.Version20;
        other.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        other.Options.SetRequestHeader("Authorization", "Bearer " + bed.Token);
        await Assert.ThrowsAsync<WebSocketException>(() => other.ConnectAsync(new Uri(bed.Url.Replace("https://", "wss://", StringComparison.Ordinal) + "/other"), invoker, CancellationToken.None));
    }

    // The connection is closed while the flood is still being written.
    private static async Task FloodAsync(H2Wire caller, byte[][] frames)
    {
        try
        {
            foreach (var some in frames.Chunk(200)) await caller.SendAsync(some);
        }
        catch (Exception closed) when (closed is IOException or SocketException)
        {
        }
    }

    private static (string Name, string Value)[] Head(HttpBed bed, string method, string path) => [(":method", method), (":scheme", "https"), (":path", path), (":authority", bed.Authority), ("authorization", "Bearer " + bed.Token)];

    private static byte[] Get(HttpBed bed, string path) => H2Wire.Block(Head(bed, "GET", path));

    private static IEnumerable<(string Name, string Value)> Field(HttpBed bed, string field)
    {
        if (field is "{auth}" or "{token}")
        {
            if (field == "{auth}") yield return (":authority", bed.Authority);
            yield return ("authorization", "Bearer " + bed.Token);
            yield break;
        }
        var equals = field.IndexOf('=', StringComparison.Ordinal);
        yield return (field[..equals], field[(equals + 1)..].Replace("{host}", bed.Authority, StringComparison.Ordinal));
    }
}
