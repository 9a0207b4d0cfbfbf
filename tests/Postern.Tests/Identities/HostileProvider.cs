using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace Postern.Tests.Identities;

/// <summary>An issuer on loopback that answers whatever bytes it is told to, over real sockets.</summary>
internal sealed class HostileProvider : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stopped = new();
    private readonly Task _accepting;

    public HostileProvider()
    {
        _listener.Start();
        Authority = $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";
        Forge = new TokenForge(Authority, keysOf: "loopback");
        _accepting = AcceptAsync();
    }

    public string Authority { get; }

    public TokenForge Forge { get; }

    /// <summary>Writes the answer to the key set's request; null for a good one.</summary>
    public Func<Stream, CancellationToken, Task>? Keys { get; set; }

    /// <summary>The same for the discovery document.</summary>
    public Func<Stream, CancellationToken, Task>? Discovery { get; set; }

    /// <summary>Asked first, with the path: what stands behind other paths than the two.</summary>
    public Func<string, Func<Stream, CancellationToken, Task>?>? Elsewhere { get; set; }

    public int Requests;

    public static byte[] Response(string body, string head = "HTTP/1.1 200 OK\r\nContent-Type: application/json") => Encoding.UTF8.GetBytes($"{head}\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\nConnection: close\r\n\r\n{body}");

    public static Func<Stream, CancellationToken, Task> Says(string raw) => (stream, cancellation) => stream.WriteAsync(Encoding.Latin1.GetBytes(raw), cancellation).AsTask();

    public static Func<Stream, CancellationToken, Task> Answers(string body) => (stream, cancellation) => stream.WriteAsync(Response(body), cancellation).AsTask();

    public string GoodKeys => Forge.KeySet().ToJsonString();

    private async Task AcceptAsync()
    {
        try
        {
            while (!_stopped.IsCancellationRequested)
            {
                var client = await _listener.AcceptTcpClientAsync(_stopped.Token);
                _ = ServeAsync(client);
            }
        }
        catch (Exception fault) when (fault is OperationCanceledException or SocketException or ObjectDisposedException)
        {
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var _ = client;
        try
        {
            await using var stream = client.GetStream();
            using var reader = new StreamReader(stream, Encoding.Latin1, leaveOpen: true);
            var line = await reader.ReadLineAsync(_stopped.Token) ?? "";
            while (await reader.ReadLineAsync(_stopped.Token) is { Length: > 0 })
            {
            }
            Interlocked.Increment(ref Requests);
            var isKeys = line.Contains(" /keys ", StringComparison.Ordinal);
            var answer = Elsewhere?.Invoke(line.Split(' ').ElementAtOrDefault(1) ?? "") ?? (isKeys ? Keys : Discovery) ?? Answers(isKeys ? GoodKeys : new JsonObject { ["issuer"] = Authority, ["jwks_uri"] = $"{Authority}/keys" }.ToJsonString());
            await answer(stream, _stopped.Token);
        }
        catch (Exception fault) when (fault is IOException or OperationCanceledException or SocketException)
        {
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stopped.CancelAsync();
        _listener.Stop();
        await _accepting;
        _stopped.Dispose();
        Forge.Dispose();
    }
}
