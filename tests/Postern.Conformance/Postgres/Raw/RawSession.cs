using System.Buffers.Binary;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace Postern.Conformance.Postgres.Raw;

/// <summary>One message of the protocol.</summary>
/// <param name="Type">Its letter.</param>
/// <param name="Body">What follows its length.</param>
internal sealed record RawMessage(char Type, byte[] Body)
{
    /// <summary>The body as text, for looking.</summary>
    public string Text => Encoding.UTF8.GetString(Body);

    /// <summary>A field of an ErrorResponse or NoticeResponse; empty when it is not there.</summary>
    public string Field(char name) => Text.Split('\0').FirstOrDefault(field => field.StartsWith(name))?[1..] ?? string.Empty;
}

/// <summary>A client of the least kind: bytes over TLS, as a test wants them.</summary>
internal sealed class RawSession : IAsyncDisposable
{
    /// <summary>SSLRequest.</summary>
    public static readonly byte[] SslRequest = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

    /// <summary>GSSENCRequest.</summary>
    public static readonly byte[] GssRequest = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30];

    private readonly Socket _socket;
    private readonly byte[] _head = new byte[5];

    private RawSession(Socket socket)
    {
        _socket = socket;
        Stream = new NetworkStream(socket, ownsSocket: true);
    }

    /// <summary>What is read and written; TLS after <see cref="StartTlsAsync"/>.</summary>
    public Stream Stream { get; private set; }

    /// <summary>Process id and secret key that the gateway gave, for a CancelRequest.</summary>
    public byte[] Key { get; private set; } = [];

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    /// <summary>Connects, and says nothing.</summary>
    public static async Task<RawSession> ConnectAsync(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(IPAddress.Loopback, port, Test);
        return new RawSession(socket);
    }

    /// <summary>Connects and signs in; the session is ready for queries.</summary>
    public static async Task<RawSession> OpenAsync(int port, string token, params (string Name, string Value)[] parameters)
    {
        var session = await ConnectAsync(port);
        await session.RequestTlsAsync();
        await session.SendAsync(Startup([("user", "alice"), ("database", Gateways.TestGateway.Connection), .. parameters]));
        var asked = await session.ReadAsync();
        if (asked is { Type: 'R' }) await session.SendAsync(Message('p', Text(token)));
        else throw new InvalidOperationException($"no password was asked for: {asked?.Type} {asked?.Text}");
        foreach (var message in await session.UntilReadyAsync())
        {
            if (message.Type == 'K') session.Key = message.Body;
            if (message.Type == 'E') throw new InvalidOperationException($"refused: {message.Text}");
        }
        return session;
    }

    /// <summary>SSLRequest, its answer, TLS.</summary>
    public async Task RequestTlsAsync()
    {
        await SendAsync(SslRequest);
        var answer = new byte[1];
        await Stream.ReadExactlyAsync(answer, Test);
        Assert.Equal((byte)'S', answer[0]);
        await StartTlsAsync(null);
    }

    /// <summary>TLS, with this application protocol or none.</summary>
    public async Task StartTlsAsync(string? protocol)
    {
        // Whose certificate it is, is other tests' matter.
        var tls = new SslStream(Stream, leaveInnerStreamOpen: false, (_, _, _, _) => true);
        await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "localhost", ApplicationProtocols = protocol is null ? null : [new SslApplicationProtocol(protocol)] }, Test);
        Stream = tls;
    }

    public async Task SendAsync(params byte[][] pieces)
    {
        foreach (var piece in pieces)
        {
            // Each piece is a TLS record of its own, so it arrives as a read of its own.
            await Stream.WriteAsync(piece, Test);
            await Stream.FlushAsync(Test);
        }
    }

    /// <summary>The next message; null when the gateway closed.</summary>
    public async Task<RawMessage?> ReadAsync()
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Test);
        patience.CancelAfter(TimeSpan.FromSeconds(30));
        try
        {
            await Stream.ReadExactlyAsync(_head, patience.Token);
            var body = new byte[BinaryPrimitives.ReadInt32BigEndian(_head.AsSpan(1)) - 4];
            await Stream.ReadExactlyAsync(body, patience.Token);
            return new RawMessage((char)_head[0], body);
        }
        catch (Exception closed) when (closed is IOException or EndOfStreamException)
        {
            return null;
        }
    }

    /// <summary>Everything up to ReadyForQuery, which is the last; or up to the close.</summary>
    public async Task<List<RawMessage>> UntilReadyAsync()
    {
        var messages = new List<RawMessage>();
        while (await ReadAsync() is { } message)
        {
            messages.Add(message);
            if (message.Type == 'Z') break;
        }
        return messages;
    }

    /// <summary>A query, and all of its answer.</summary>
    public async Task<List<RawMessage>> QueryAsync(string sql)
    {
        await SendAsync(Query(sql));
        return await UntilReadyAsync();
    }

    public static byte[] Startup(IEnumerable<(string Name, string Value)> parameters, int version = 0x0003_0000)
    {
        byte[] body = [.. Number(version), .. parameters.SelectMany(pair => (byte[])[.. Text(pair.Name), .. Text(pair.Value)]), 0];
        return [.. Number(body.Length + 4), .. body];
    }

    public static byte[] Message(char type, params byte[][] parts)
    {
        var length = parts.Sum(part => part.Length) + 4;
        return [(byte)type, .. Number(length), .. parts.SelectMany(part => part)];
    }

    public static byte[] Query(string sql) => Message('Q', Text(sql));

    public static byte[] Parse(string name, string sql) => Message('P', Text(name), Text(sql), [0, 0]);

    public static byte[] Bind(string portal, string statement, params string[] values) => Message(
        'B', Text(portal), Text(statement), [0, 0], [(byte)(values.Length >> 8), (byte)values.Length], [.. values.SelectMany(value => (byte[])[.. Number(Encoding.UTF8.GetByteCount(value)), .. Encoding.UTF8.GetBytes(value)])], [0, 0]);

    public static byte[] Execute(string portal, int limit = 0) => Message('E', Text(portal), Number(limit));

    public static byte[] Close(char kind, string name) => Message('C', [(byte)kind], Text(name));

    public static byte[] Describe(char kind, string name) => Message('D', [(byte)kind], Text(name));

    public static byte[] Sync => Message('S');

    /// <summary>Text and the NUL that ends it.</summary>
    public static byte[] Text(string text) => [.. Encoding.UTF8.GetBytes(text), 0];

    public static byte[] Number(int value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        return bytes;
    }

    public ValueTask DisposeAsync()
    {
        _socket.Dispose();
        return ValueTask.CompletedTask;
    }
}
