using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;

namespace Postern.Tests.Http;

/// <summary>Bodies that come in pieces, and connections that are switched.</summary>
[SuppressMessage("Security", "CA5350", Justification = "the handshake of RFC 6455 is SHA-1; no secret hangs on it")]
public sealed class HttpStreamTests
{
    internal const string Sockets = """
        version: 1
        rules:
          - { id: reads, who: { groups: [support] }, on: { connection: api, methods: [GET], paths: ["/**"] }, then: allow }
          - { id: live, who: { groups: [support] }, on: { connection: api, upgrades: [websocket], paths: ["/live"] }, then: allow }
        """;

    [Theory]
    [InlineData("")]
    [InlineData("""masks: [ { id: pii, on: [ { connection: api } ], detect: [email], as: redact } ]""")]
    public async Task Each_event_reaches_the_caller_before_the_next_is_there(string masks)
    {
        await using var bed = await HttpBed.StartAsync(masks);
        var go = new SemaphoreSlim(0);
        bed.Target.TakeOver = async (socket, _) =>
        {
            await SendAsync(socket, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
            for (var i = 0; i < 3; i++)
            {
                await go.WaitAsync();
                await SendAsync(socket, $"data: {i}\n\n");
            }
            socket.Dispose();
            return true;
        };
        using var request = new HttpRequestMessage(HttpMethod.Get, bed.Url + "/events");
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + bed.Token);

        using var response = await bed.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        for (var i = 0; i < 3; i++)
        {
            go.Release();
            Assert.Equal($"data: {i}", await reader.ReadLineAsync());
            Assert.Equal("", await reader.ReadLineAsync());
        }
        Assert.Null(await reader.ReadLineAsync());
    }

    [Theory]
    [Row("F18")]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_large_upload_goes_on_in_pieces_and_is_recorded(bool hasLength)
    {
        await using var bed = await HttpBed.StartAsync();
        var bytes = RandomNumberGenerator.GetBytes(6 * 1024 * 1024);

        var got = await bed.SendAsync("PUT", "/files/a", change: request =>
        {
            request.Content = hasLength ? new ByteArrayContent(bytes) : new StreamContent(new Unseekable(bytes));
            request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/octet-stream");
            if (!hasLength) request.Headers.TransferEncodingChunked = true;
        });

        Assert.Equal(HttpStatusCode.OK, got.Status);
        var received = Assert.Single(bed.Target.Requests);
        Assert.Equal(SHA256.HashData(bytes), SHA256.HashData(received.Body));
        Assert.Equal(hasLength, received.Values("Content-Length").Length == 1);
    }

    [Fact]
    public async Task A_large_download_arrives_whole()
    {
        await using var bed = await HttpBed.StartAsync();
        var bytes = RandomNumberGenerator.GetBytes(8 * 1024 * 1024);
        bed.Target.Answer = _ => $"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {bytes.Length}\r\n\r\n" + RawTarget.Bytes(bytes);

        var got = await bed.GetAsync("/files/a");

        Assert.Equal(SHA256.HashData(bytes), SHA256.HashData(got.Bytes));
    }

    [Fact]
    public async Task Under_a_mask_the_record_of_bytes_that_no_mask_reads_is_their_digest()
    {
        await using var bed = await HttpBed.StartAsync("""masks: [ { id: pii, on: [ { connection: api } ], detect: [email], as: redact } ]""");

        var got = await bed.SendAsync("PUT", "/files/a", "of canary@example.org", "application/octet-stream");

        Assert.Equal(HttpStatusCode.OK, got.Status);
        Assert.Equal("of canary@example.org", Assert.Single(bed.Target.Requests).BodyText);
        Assert.DoesNotContain("canary", await bed.JournalAsync(), StringComparison.Ordinal);
    }

    [Fact]
    [Row("H13")]
    public async Task A_connection_is_switched_only_where_a_rule_names_it()
    {
        await using var bed = await HttpBed.StartAsync(policy: Sockets);
        bed.Target.TakeOver = EchoAsync;

        using var client = await ConnectAsync(bed, "/live");
        await client.SendAsync(Encoding.UTF8.GetBytes("hello"), WebSocketMessageType.Text, true, CancellationToken.None);
        Assert.Equal("hello", await ReceiveAsync(client));
        await client.CloseAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);

        var fault = await Assert.ThrowsAsync<WebSocketException>(() => ConnectAsync(bed, "/other"));
        Assert.Contains("403", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    [Row("M01"), Row("H13")]
    public async Task Messages_are_masked_and_bytes_under_a_mask_end_the_connection()
    {
        await using var bed = await HttpBed.StartAsync("""masks: [ { id: pii, on: [ { connection: api } ], fields: ["$..email"], detect: [email], as: redact } ]""", Sockets);
        bed.Target.TakeOver = EchoAsync;
        using var client = await ConnectAsync(bed, "/live");

        await client.SendAsync(Encoding.UTF8.GetBytes("""{"email":"canary"}"""), WebSocketMessageType.Text, true, CancellationToken.None);
        Assert.Equal("""{"email":"[masked:pii]"}""", await ReceiveAsync(client));
        // A value over two frames of one message.
        await client.SendAsync(Encoding.UTF8.GetBytes("see canary@exa"), WebSocketMessageType.Text, false, CancellationToken.None);
        await client.SendAsync(Encoding.UTF8.GetBytes("mple.org"), WebSocketMessageType.Text, true, CancellationToken.None);
        Assert.Equal("see [masked:pii]", await ReceiveAsync(client));
        await client.SendAsync(new byte[] { 1, 2, 3 }, WebSocketMessageType.Binary, true, CancellationToken.None);
        await Assert.ThrowsAnyAsync<WebSocketException>(() => ReceiveAsync(client));

        Assert.DoesNotContain("canary", await bed.JournalAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [Row("H12"), Row("K05")]
    [InlineData("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "403")]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: d3Jvbmc=\r\n\r\n", "502")]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", "502")]
    public async Task Nothing_is_relayed_before_the_target_has_truly_switched(string answer, string status)
    {
        await using var bed = await HttpBed.StartAsync(policy: Sockets);
        bed.Target.Answer = _ => answer;

        var fault = await Assert.ThrowsAsync<WebSocketException>(() => ConnectAsync(bed, "/live"));

        Assert.Contains(status, fault.Message, StringComparison.Ordinal);
    }

    internal static async Task<ClientWebSocket> ConnectAsync(HttpBed bed, string path)
    {
        var client = new ClientWebSocket();
        client.Options.SetRequestHeader("Authorization", "Bearer " + bed.Token);
        client.Options.DangerousDeflateOptions = new WebSocketDeflateOptions();
        await client.ConnectAsync(new Uri(bed.Url.Replace("http://", "ws://", StringComparison.Ordinal) + path), CancellationToken.None);
        return client;
    }

    private static async Task<string> ReceiveAsync(WebSocket socket)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        var buffer = new byte[4096];
        var result = await socket.ReceiveAsync(buffer, patience.Token);
        return result.MessageType == WebSocketMessageType.Close ? throw new WebSocketException("closed") : Encoding.UTF8.GetString(buffer, 0, result.Count);
    }

    internal static string AcceptOf(string head)
    {
        var key = head.Split("\r\n").First(line => line.StartsWith("Sec-WebSocket-Key:", StringComparison.OrdinalIgnoreCase))[18..].Trim();
        return Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
    }

    internal static async Task<bool> EchoAsync(Socket raw, string head)
    {
        var accept = AcceptOf(head);
        await SendAsync(raw, $"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n");
        using var socket = WebSocket.CreateFromStream(new NetworkStream(raw, ownsSocket: true), new WebSocketCreationOptions { IsServer = true });
        var buffer = new byte[4096];
        try
        {
            while (true)
            {
                var result = await socket.ReceiveAsync(buffer, CancellationToken.None);
                if (result.MessageType == WebSocketMessageType.Close)
                {
                    await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
                    return true;
                }
                await socket.SendAsync(buffer.AsMemory(0, result.Count), result.MessageType, result.EndOfMessage, CancellationToken.None);
            }
        }
        catch (Exception over) when (over is WebSocketException or IOException or SocketException)
        {
            return true;
        }
    }

    private static async Task SendAsync(Socket socket, string text) => await socket.SendAsync(Encoding.ASCII.GetBytes(text));

    private sealed class Unseekable(byte[] bytes) : MemoryStream(bytes)
    {
        public override bool CanSeek => false;
    }
}
