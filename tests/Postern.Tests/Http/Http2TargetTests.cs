using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace Postern.Tests.Http;

/// <summary>Targets over HTTP/2: a real server, and one that speaks in frames and lies.</summary>
public sealed class Http2TargetTests
{
    [Fact]
    [Row("H18")]
    public async Task Heads_bodies_and_trailers_pass_a_real_server_under_masks()
    {
        await using var server = await ServerAsync(async http =>
        {
            using var body = new MemoryStream();
            await http.Request.Body.CopyToAsync(body);
            http.Response.ContentType = "application/json";
            http.Response.AppendTrailer("x-who", "canary@example.org");
            http.Response.AppendTrailer("x-sum", "7");
            http.Response.AppendTrailer("content-type", "text/html");
            await http.Response.WriteAsync($$"""{"protocol":"{{http.Request.Protocol}}","target":"{{http.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpRequestFeature>()!.RawTarget}}","credential":"{{http.Request.Headers.Authorization}}","te":"{{http.Request.Headers.TE}}","length":{{body.Length}},"email":"canary"}""");
        });
        await using var bed = await HttpBed.StartAsync("""masks: [ { id: pii, on: [ { connection: api } ], fields: ["$..email"], detect: [email], as: redact } ]""", tls: true, url: server.Urls.Single() + "/base", http2: true);

        using var request = Request(bed, HttpMethod.Put, "/files/caf%c3%a9?x=a+b", new ByteArrayContent(new byte[2_000_000]));
        request.Headers.TryAddWithoutValidation("te", "trailers");
        using var response = await bed.Client.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();

        Assert.Equal($$"""{"protocol":"HTTP/2","target":"/base/files/caf%C3%A9?x=a%20b","credential":"{{HttpBed.Credential}}","te":"trailers","length":2000000,"email":"[masked:pii]"}""", text);
        Assert.Equal(["x-sum=7", "x-who=[masked:pii]"], response.TrailingHeaders.Select(header => $"{header.Key.ToLowerInvariant()}={header.Value.Single()}").Order(StringComparer.Ordinal));
    }

    [Fact]
    [Row("H18")]
    public async Task Messages_go_both_ways_at_the_same_time()
    {
        // As gRPC streams do: each message is answered before the next one comes.
        await using var server = await ServerAsync(async http =>
        {
            http.Response.ContentType = "application/grpc";
            http.Response.AppendTrailer("grpc-status", "0");
            await http.Response.Body.FlushAsync();
            var buffer = new byte[1024];
            int read;
            while ((read = await http.Request.Body.ReadAsync(buffer)) > 0)
            {
                await http.Response.Body.WriteAsync(Encoding.ASCII.GetBytes($"<{Encoding.ASCII.GetString(buffer, 0, read)}>"));
                await http.Response.Body.FlushAsync();
            }
        });
        await using var bed = await HttpBed.StartAsync(tls: true, url: server.Urls.Single(), http2: true);
        await using var caller = await H2Wire.ConnectAsync(bed.Host.Url);

        await caller.SendAsync(H2Frame.Headers, H2Frame.EndHeaders, 1, H2Wire.Block((":method", "POST"), (":scheme", "https"), (":path", "/http/api/files/pkg.Service/Talk"), (":authority", bed.Authority), ("authorization", "Bearer " + bed.Token), ("content-type", "application/grpc"), ("te", "trailers")));
        Assert.Equal("200", await caller.OutcomeAsync(1));
        foreach (var message in (string[])["one", "two", "three"])
        {
            await caller.SendAsync(H2Frame.Data, 0, 1, Encoding.ASCII.GetBytes(message));
            var got = new StringBuilder();
            while (got.Length < message.Length + 2)
            {
                if (await caller.ReadAsync() is { Type: H2Frame.Data } data) got.Append(Encoding.ASCII.GetString(data.Payload));
            }
            Assert.Equal($"<{message}>", got.ToString());
        }
        await caller.SendAsync(H2Frame.Data, H2Frame.EndStream, 1, []);
        H2Frame? last;
        do last = await caller.ReadAsync(); while (last is { Type: not H2Frame.Headers });
        Assert.Contains("grpc-status", Encoding.Latin1.GetString(last!.Payload), StringComparison.Ordinal);
        Assert.NotEqual(0, last.Flags & H2Frame.EndStream);
    }

    [Fact]
    [Row("H05")]
    public async Task An_upload_that_breaks_off_never_looks_whole_to_the_target()
    {
        var ends = new ConcurrentQueue<string>();
        var begun = new TaskCompletionSource();
        await using var server = await ServerAsync(async http =>
        {
            try
            {
                await http.Request.Body.ReadExactlyAsync(new byte[3]);
                begun.SetResult();
                await http.Request.Body.CopyToAsync(Stream.Null);
                ends.Enqueue("whole");
            }
            catch (Exception broken) when (broken is IOException or OperationCanceledException)
            {
                ends.Enqueue("broken");
            }
        });
        await using var bed = await HttpBed.StartAsync(tls: true, url: server.Urls.Single(), http2: true);
        await using var caller = await H2Wire.ConnectAsync(bed.Host.Url);

        await caller.SendAsync(H2Frame.Headers, H2Frame.EndHeaders, 1, H2Wire.Block((":method", "PUT"), (":scheme", "https"), (":path", "/http/api/files/a"), (":authority", bed.Authority), ("authorization", "Bearer " + bed.Token), ("content-type", "application/octet-stream")));
        await caller.SendAsync(H2Frame.Data, 0, 1, "abc"u8.ToArray());
        await begun.Task.WaitAsync(TimeSpan.FromSeconds(10));
        await caller.SendAsync(H2Frame.Reset, 0, 1, [0, 0, 0, 8]);

        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        string? end;
        while (!ends.TryDequeue(out end) && !patience.IsCancellationRequested) await Task.Yield();
        Assert.Equal("broken", end);
    }

    [Theory]
    [Row("H18"), Row("H11"), Row("H12")]
    [InlineData("connection=close")]
    [InlineData("transfer-encoding=chunked")]
    [InlineData("upgrade=h2c")]
    [InlineData("x-split=a\r\nset-cookie: x=y")]
    [InlineData("x-split=a\nset-cookie: x=y")]
    [InlineData("x-nul=a\0b")]
    [InlineData("bad name=a")]
    [InlineData("content-length=5")]
    [InlineData("content-length=1")]
    [InlineData("content-length=+2")]
    [InlineData("content-length=2,content-length=3")]
    [InlineData("content-type=text/plain,content-type=text/html")]
    [InlineData(":path=/x")]
    public async Task An_answer_with_two_readings_is_a_502(string fields)
    {
        await using var target = new FrameTarget();
        target.Answer = id => [H2Wire.Bytes(H2Frame.Headers, H2Frame.EndHeaders, id, H2Wire.Block([(":status", "200"), .. fields.Split(',').Select(field => (field.Split('=', 2)[0], field.Split('=', 2)[1]))])), H2Wire.Bytes(H2Frame.Data, H2Frame.EndStream, id, "ok"u8.ToArray())];
        await using var bed = await HttpBed.StartAsync(url: target.Url, http2: true);

        try
        {
            var got = await bed.GetAsync("/a");
            Assert.Equal(HttpStatusCode.BadGateway, got.Status);
            Assert.DoesNotContain("x=y", got.Everything, StringComparison.Ordinal);
        }
        catch (HttpRequestException cut)
        {
            // A length that turns out to be a lie when the head has gone out: cut, and never whole.
            Assert.StartsWith("content-length=", fields, StringComparison.Ordinal);
            Assert.NotNull(cut);
        }
        Assert.Equal(1, target.Streams);
    }

    [Theory]
    [Row("F07"), Row("F08"), Row("H18")]
    [InlineData("GET")]
    [InlineData("PUT")]
    public async Task What_a_target_says_that_it_did_not_do_is_not_sent_again(string method)
    {
        foreach (var lie in new Func<int, byte[][]>[]
        {
            id => [H2Wire.Bytes(H2Frame.Reset, 0, id, [0, 0, 0, 7])],
            _ => [H2Wire.Bytes(H2Frame.GoAway, 0, 0, new byte[8])],
            _ => [],
        })
        {
            await using var target = new FrameTarget { Answer = lie, ClosesAfterwards = true };
            await using var bed = await HttpBed.StartAsync(url: target.Url, http2: true);

            var got = await bed.SendAsync(method, "/files/a", method == "PUT" ? "x" : null, "application/octet-stream");

            Assert.Equal(HttpStatusCode.BadGateway, got.Status);
            Assert.Equal(1, target.Streams);
        }
    }

    [Fact]
    public async Task A_target_that_does_not_speak_it_is_a_502_and_nothing_was_sent()
    {
        await using var bed = await HttpBed.StartAsync(http2: true);

        Assert.Equal(HttpStatusCode.BadGateway, (await bed.GetAsync("/a")).Status);
        Assert.DoesNotContain(bed.Target.Requests, request => request.Line.Contains("/a", StringComparison.Ordinal));
    }

    private static HttpRequestMessage Request(HttpBed bed, HttpMethod method, string path, HttpContent? content = null)
    {
        var request = new HttpRequestMessage(method, new Uri(bed.Url + path, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true })) { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact, Content = content };
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + bed.Token);
        content?.Headers.TryAddWithoutValidation("Content-Type", "application/octet-stream");
        return request;
    }

    private static async Task<WebApplication> ServerAsync(RequestDelegate serve)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2));
        var app = builder.Build();
        app.Run(serve);
        await app.StartAsync();
        return app;
    }

    /// <summary>A target that answers each request with the frames that a test gives it.</summary>
    private sealed class FrameTarget : IAsyncDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly ConcurrentBag<TcpClient> _clients = [];
        private int _streams;

        public FrameTarget()
        {
            _listener.Start();
            _ = AcceptAsync();
        }

        public string Url => $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

        public Func<int, byte[][]> Answer { get; set; } = _ => [];

        public bool ClosesAfterwards { get; init; }

        /// <summary>Requests that were begun.</summary>
        public int Streams => Volatile.Read(ref _streams);

        public ValueTask DisposeAsync()
        {
            _listener.Stop();
            foreach (var client in _clients) client.Dispose();
            return ValueTask.CompletedTask;
        }

        private async Task AcceptAsync()
        {
            try
            {
                while (true)
                {
                    var client = await _listener.AcceptTcpClientAsync();
                    _clients.Add(client);
                    _ = ServeAsync(client);
                }
            }
            catch (Exception over) when (over is SocketException or ObjectDisposedException)
            {
            }
        }

        private async Task ServeAsync(TcpClient client)
        {
            try
            {
                var stream = client.GetStream();
                await stream.ReadExactlyAsync(new byte[H2Wire.Preface.Length]);
                var wire = new H2Wire(stream);
                await wire.SendAsync(H2Frame.Settings, 0, 0, []);
                while (await wire.ReadAsync() is { } frame)
                {
                    if (frame is { Type: H2Frame.Settings, Flags: 0 }) await wire.SendAsync(H2Frame.Settings, H2Frame.Ack, 0, []);
                    if (frame.Type != H2Frame.Headers) continue;
                    Interlocked.Increment(ref _streams);
                    foreach (var answer in Answer(frame.Stream)) await wire.SendAsync(answer);
                    if (!ClosesAfterwards) continue;
                    client.Dispose();
                    return;
                }
            }
            catch (Exception over) when (over is IOException or ObjectDisposedException or SocketException)
            {
            }
        }
    }
}
