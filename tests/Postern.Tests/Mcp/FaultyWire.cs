using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Postern.Tests.Mcp;

/// <summary>
/// Stands before a target, on loopback, and passes whole exchanges on, one per connection. Tool calls it answers itself, byte
/// for byte as a test says, as no HTTP server would.
/// </summary>
internal sealed class FaultyWire : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Func<NetworkStream, CancellationToken, Task> _onCall;
    private Uri _behind = null!;
    private int _calls;

    public FaultyWire(Func<NetworkStream, CancellationToken, Task> onCall) => _onCall = onCall;

    /// <summary>Completes when the first tool call has arrived whole.</summary>
    public Task Reached => _reached.Task;

    /// <summary>How many tool calls arrived.</summary>
    public int Calls => Volatile.Read(ref _calls);

    public string Stand(string behind)
    {
        _behind = new Uri(behind);
        _listener.Start();
        _ = AcceptAsync();
        return $"http://{_listener.LocalEndpoint}/mcp";
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        _stop.Dispose();
    }

    public static Task WriteAsync(NetworkStream wire, string text) => wire.WriteAsync(Encoding.UTF8.GetBytes(text)).AsTask();

    private async Task AcceptAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            var client = await _listener.AcceptTcpClientAsync(_stop.Token);
            _ = ServeAsync(client);
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            var wire = client.GetStream();
            if (await ReadRequestAsync(wire) is not { } request) return;
            if (request.Contains("\"tools/call\"", StringComparison.Ordinal) || request.StartsWith("GET", StringComparison.Ordinal))
            {
                Interlocked.Increment(ref _calls);
                _reached.TrySetResult();
                await _onCall(wire, _stop.Token);
                return;
            }
            using var target = new TcpClient();
            await target.ConnectAsync(_behind.Host, _behind.Port, _stop.Token);
            var head = request.IndexOf("\r\n", StringComparison.Ordinal) + 2;
            await WriteAsync(target.GetStream(), request.Insert(head, "Connection: close\r\n"));
            await target.GetStream().CopyToAsync(wire, _stop.Token);
        }
    }

    private async Task<string?> ReadRequestAsync(NetworkStream wire)
    {
        var buffer = new byte[64 * 1024];
        var length = 0;
        while (true)
        {
            var read = await wire.ReadAsync(buffer.AsMemory(length), _stop.Token);
            if (read == 0) return null;
            length += read;
            var text = Encoding.Latin1.GetString(buffer, 0, length);
            var end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
            if (end < 0) continue;
            var size = text.Split("\r\n").FirstOrDefault(line => line.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase));
            if (length >= end + 4 + (size is null ? 0 : int.Parse(size.AsSpan("Content-Length:".Length), CultureInfo.InvariantCulture))) return text;
        }
    }
}
