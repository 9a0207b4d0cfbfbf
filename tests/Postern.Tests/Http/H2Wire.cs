using System.Buffers.Binary;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace Postern.Tests.Http;

/// <summary>One frame (RFC 9113 section 4.1).</summary>
internal sealed record H2Frame(byte Type, byte Flags, int Stream, byte[] Payload)
{
    public const byte Data = 0, Headers = 1, Priority = 2, Reset = 3, Settings = 4, Ping = 6, GoAway = 7, WindowUpdate = 8, Continuation = 9;

    public const byte EndStream = 1, EndHeaders = 4, Ack = 1;
}

/// <summary>HTTP/2 in frames, sound or not, over any stream; either side of it.</summary>
internal sealed class H2Wire(Stream stream) : IAsyncDisposable
{
    public static readonly byte[] Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray();

    /// <summary>Opens a connection to the gateway as a caller does, up to the exchange of settings.</summary>
    public static async Task<H2Wire> ConnectAsync(string url, string name = "")
    {
        var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", new Uri(url).Port);
        var tls = new SslStream(client.GetStream());
        await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = name, ApplicationProtocols = [SslApplicationProtocol.Http2], RemoteCertificateValidationCallback = static (_, certificate, _, _) => certificate!.Subject == "CN=gateway" });
        Assert.Equal(SslApplicationProtocol.Http2, tls.NegotiatedApplicationProtocol);
        await tls.WriteAsync(Preface);
        var wire = new H2Wire(tls);
        await wire.SendAsync(H2Frame.Settings, 0, 0, []);
        return wire;
    }

    /// <summary>Header fields as literals without a table (RFC 7541 section 6.2.2).</summary>
    public static byte[] Block(params (string Name, string Value)[] fields)
    {
        var block = new List<byte>();
        foreach (var (name, value) in fields)
        {
            block.Add(0);
            Text(name);
            Text(value);
        }
        return [.. block];

        void Text(string text)
        {
            var bytes = Encoding.Latin1.GetBytes(text);
            if (bytes.Length < 127)
            {
                block.Add((byte)bytes.Length);
            }
            else
            {
                block.Add(127);
                var rest = bytes.Length - 127;
                for (; rest >= 128; rest >>= 7) block.Add((byte)(128 | (rest & 127)));
                block.Add((byte)rest);
            }
            block.AddRange(bytes);
        }
    }

    public async Task SendAsync(byte type, byte flags, int id, byte[] payload) => await stream.WriteAsync(Bytes(type, flags, id, payload));

    public async Task SendAsync(params byte[][] frames) => await stream.WriteAsync(frames.SelectMany(frame => frame).ToArray());

    public static byte[] Bytes(byte type, byte flags, int id, byte[] payload)
    {
        var frame = new byte[9 + payload.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame, payload.Length << 8);
        frame[3] = type;
        frame[4] = flags;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), id);
        payload.CopyTo(frame, 9);
        return frame;
    }

    /// <summary>The next frame; null when the connection is over.</summary>
    public async Task<H2Frame?> ReadAsync()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var head = new byte[9];
        try
        {
            await stream.ReadExactlyAsync(head, patience.Token);
            var payload = new byte[(head[0] << 16) | (head[1] << 8) | head[2]];
            await stream.ReadExactlyAsync(payload, patience.Token);
            return new H2Frame(head[3], head[4], BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(5)), payload);
        }
        catch (Exception over) when (over is IOException or ObjectDisposedException)
        {
            return null;
        }
    }

    /// <summary>What becomes of a stream: its status, <c>reset</c>, or <c>closed</c> for the whole connection.</summary>
    public async Task<string> OutcomeAsync(int id)
    {
        while (await ReadAsync() is { } frame)
        {
            if (frame.Type == H2Frame.GoAway) return "closed";
            if (frame.Stream != id) continue;
            if (frame.Type == H2Frame.Reset) return "reset";
            if (frame.Type == H2Frame.Headers) return StatusOf(frame.Payload);
        }
        return "closed";
    }

    public async Task<string> AskAsync(int id, byte[] block, byte[]? body = null, byte[]? trailers = null)
    {
        await SendAsync(H2Frame.Headers, (byte)(H2Frame.EndHeaders | (body is null && trailers is null ? H2Frame.EndStream : 0)), id, block);
        if (body is not null) await SendAsync(H2Frame.Data, trailers is null ? H2Frame.EndStream : (byte)0, id, body);
        if (trailers is not null) await SendAsync(H2Frame.Headers, H2Frame.EndHeaders | H2Frame.EndStream, id, trailers);
        return await OutcomeAsync(id);
    }

    public ValueTask DisposeAsync() => stream.DisposeAsync();

    // RFC 7541 appendix A: 8 to 14 are the common values of `:status`.
    private static string StatusOf(byte[] block)
    {
        var at = 0;
        while ((block[at] & 0xe0) == 0x20) at++;
        if ((block[at] & 0x80) != 0) return (block[at] & 0x7f) switch { 8 => "200", 9 => "204", 10 => "206", 11 => "304", 12 => "400", 13 => "404", 14 => "500", var other => $"index {other}" };
        return Encoding.ASCII.GetString(block, at + 2, 3);
    }
}
