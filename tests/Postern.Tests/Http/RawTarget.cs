using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Postern.Tests.Http;

/// <summary>One request as the target's socket saw it.</summary>
internal sealed record RawRequest(string Head, byte[] Body)
{
    /// <summary>What stood behind the last chunk, a line each.</summary>
    public string[] Trailers { get; init; } = [];

    public string Line => Head.Split("\r\n")[0];

    public string Target => Line.Split(' ')[1];

    public string BodyText => Encoding.UTF8.GetString(Body);

    /// <summary>Every value of a header, by any spelling of its name.</summary>
    public string[] Values(string name) => [.. Head.Split("\r\n").Skip(1).Where(line => line.StartsWith(name + ":", StringComparison.OrdinalIgnoreCase)).Select(line => line[(name.Length + 1)..].Trim())];
}

/// <summary>
/// A target that speaks in bytes: it keeps exactly what arrives, and answers with exactly what a test gives it, sound or hostile.
/// </summary>
internal sealed class RawTarget : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentBag<Socket> _sockets = [];
    private int _connections;

    public RawTarget()
    {
        _listener.Start();
        _ = AcceptAsync();
    }

    public string Url => $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    public ConcurrentQueue<RawRequest> Requests { get; } = new();

    /// <summary>Requests whose end never came.</summary>
    public ConcurrentQueue<string> Broken { get; } = new();

    public int Connections => Volatile.Read(ref _connections);

    /// <summary>What is written for a request; null closes the connection without a word.</summary>
    public Func<RawRequest, string?> Answer { get; set; } = _ => Reply("application/json", """{"ok":true}""");

    /// <summary>Takes over the socket once the head has arrived; true when it was.</summary>
    public Func<Socket, string, Task<bool>>? TakeOver { get; set; }

    /// <summary>Closes the connection behind each answer.</summary>
    public bool ClosesAfterwards { get; set; }

    public static string Reply(string type, string body, string more = "", string status = "200 OK") =>
        string.Create(CultureInfo.InvariantCulture, $"HTTP/1.1 {status}\r\nContent-Type: {type}\r\nContent-Length: {Encoding.Latin1.GetByteCount(body)}\r\n{more}\r\n{body}");

    /// <summary>Bytes as the text that <see cref="Answer"/> takes.</summary>
    public static string Bytes(byte[] bytes) => Encoding.Latin1.GetString(bytes);

    public static string Utf8(string text) => Bytes(Encoding.UTF8.GetBytes(text));

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        foreach (var socket in _sockets) socket.Dispose();
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var socket = await _listener.AcceptSocketAsync(_stop.Token);
                Interlocked.Increment(ref _connections);
                _sockets.Add(socket);
                _ = ServeAsync(socket);
            }
        }
        catch (Exception over) when (over is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        var kept = new List<byte>();
        var buffer = new byte[16 * 1024];
        try
        {
            while (true)
            {
                var end = await UntilAsync(() => Text(kept).IndexOf("\r\n\r\n", StringComparison.Ordinal), kept);
                if (end < 0) return;
                var head = Text(kept)[..(end + 2)];
                kept.RemoveRange(0, end + 4);
                if (TakeOver is { } takeOver && await takeOver(socket, head)) return;
                var trailers = new List<string>();
                if (await BodyAsync(head, kept, trailers) is not { } body)
                {
                    Broken.Enqueue(head);
                    return;
                }
                var request = new RawRequest(head, body) { Trailers = [.. trailers] };
                Requests.Enqueue(request);
                if (Answer(request) is not { } answer) return;
                await socket.SendAsync(Encoding.Latin1.GetBytes(answer));
                if (ClosesAfterwards) return;
            }
        }
        catch (Exception over) when (over is SocketException or ObjectDisposedException)
        {
            // The gateway is gone, or the test is over.
        }
        finally
        {
            if (TakeOver is null) socket.Dispose();
        }

        async Task<int> UntilAsync(Func<int> find, List<byte> into)
        {
            int at;
            while ((at = find()) < 0)
            {
                var read = await socket.ReceiveAsync(buffer);
                if (read == 0) return -1;
                into.AddRange(buffer.AsSpan(0, read).ToArray());
            }
            return at;
        }

        async Task<byte[]?> BodyAsync(string head, List<byte> into, List<string> trailers)
        {
            var lines = head.Split("\r\n");
            if (lines.FirstOrDefault(line => line.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase)) is { } said)
            {
                var length = int.Parse(said.Split(':')[1], CultureInfo.InvariantCulture);
                if (await UntilAsync(() => into.Count >= length ? length : -1, into) < 0) return null;
                var body = into.Take(length).ToArray();
                into.RemoveRange(0, length);
                return body;
            }
            if (!lines.Any(line => line.StartsWith("Transfer-Encoding:", StringComparison.OrdinalIgnoreCase))) return [];
            var whole = new List<byte>();
            while (true)
            {
                var end = await UntilAsync(() => Text(into).IndexOf("\r\n", StringComparison.Ordinal), into);
                if (end < 0) return null;
                var size = int.Parse(Text(into)[..end], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
                into.RemoveRange(0, end + 2);
                while (size == 0)
                {
                    if ((end = await UntilAsync(() => Text(into).IndexOf("\r\n", StringComparison.Ordinal), into)) < 0) return null;
                    var line = Text(into)[..end];
                    into.RemoveRange(0, end + 2);
                    if (line.Length == 0) return [.. whole];
                    trailers.Add(line);
                }
                if (await UntilAsync(() => into.Count >= size + 2 ? size : -1, into) < 0) return null;
                whole.AddRange(into.Take(size));
                into.RemoveRange(0, size + 2);
            }
        }
    }

    private static string Text(List<byte> bytes) => Encoding.Latin1.GetString([.. bytes]);
}
