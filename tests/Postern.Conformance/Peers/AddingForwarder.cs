using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Postern.Conformance.Peers;

/// <summary>
/// For clients that cannot send a token of their own: passes bytes between them and a server, and adds one header to each
/// request. Host and Origin, where they name this forwarder, come to name the server; nothing else changes, in either
/// direction. Requests carry a length or no body, as those clients' do; anything else ends the connection.
/// </summary>
internal sealed class AddingForwarder : IAsyncDisposable
{
    private const int LongestHead = 64 * 1024;

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Uri _target;
    private readonly string _header;
    private readonly Task _accepting;

    /// <summary>Starts it in front of this URL; the header is one line without its end.</summary>
    public AddingForwarder(string target, string header)
    {
        _target = new Uri(target);
        _header = header;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    /// <summary>The same URL, through the forwarder.</summary>
    public string Url => $"http://127.0.0.1:{Port}{_target.PathAndQuery}";

    private int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting;
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        var connections = new List<Task>();
        try
        {
            while (true) connections.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_stop.Token)));
        }
        catch (Exception fault) when (fault is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // Stopped.
        }
        await Task.WhenAll(connections);
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var server = new TcpClient();
        using var over = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        using (client)
        {
            try
            {
                client.NoDelay = server.NoDelay = true;
                await server.ConnectAsync(IPAddress.Loopback, _target.Port, over.Token);
                var up = PassRequestsAsync(client.GetStream(), server.GetStream(), over.Token);
                var down = server.GetStream().CopyToAsync(client.GetStream(), over.Token);
                await Task.WhenAny(up, down);
                await over.CancelAsync();
                await Task.WhenAll(up, down);
            }
            catch (Exception fault) when (fault is OperationCanceledException or IOException or SocketException or InvalidDataException)
            {
                // One side left; the other learns it as its own connection closing.
            }
        }
    }

    private async Task PassRequestsAsync(NetworkStream from, NetworkStream to, CancellationToken cancellationToken)
    {
        var buffer = new byte[LongestHead];
        var held = 0;
        while (true)
        {
            int end;
            while ((end = buffer.AsSpan(0, held).IndexOf("\r\n\r\n"u8)) < 0)
            {
                if (held == buffer.Length) throw new InvalidDataException("the head of a request is too long");
                var read = await from.ReadAsync(buffer.AsMemory(held), cancellationToken);
                if (read == 0) return;
                held += read;
            }
            var lines = Encoding.Latin1.GetString(buffer, 0, end).Split("\r\n");
            long body = 0;
            for (var index = 1; index < lines.Length; index++)
            {
                var name = lines[index].AsSpan(0, Math.Max(lines[index].IndexOf(':', StringComparison.Ordinal), 0));
                if (name.Equals("content-length", StringComparison.OrdinalIgnoreCase)) body = long.Parse(lines[index].AsSpan(name.Length + 1));
                if (name.Equals("transfer-encoding", StringComparison.OrdinalIgnoreCase)) throw new InvalidDataException("a request without a length");
                if (name.Equals("host", StringComparison.OrdinalIgnoreCase) || name.Equals("origin", StringComparison.OrdinalIgnoreCase))
                {
                    lines[index] = lines[index].Replace($":{Port}", $":{_target.Port}", StringComparison.Ordinal);
                }
            }
            lines[0] += $"\r\n{_header}";
            await to.WriteAsync(Encoding.Latin1.GetBytes(string.Join("\r\n", lines) + "\r\n\r\n"), cancellationToken);

            var start = end + 4;
            var here = (int)Math.Min(body, held - start);
            await to.WriteAsync(buffer.AsMemory(start, here), cancellationToken);
            buffer.AsSpan(start + here, held - start - here).CopyTo(buffer);
            held -= start + here;
            for (body -= here; body > 0;)
            {
                // Nothing of a next request is held while a body is still arriving, so that the buffer is free.
                var read = await from.ReadAsync(buffer.AsMemory(0, (int)Math.Min(body, buffer.Length)), cancellationToken);
                if (read == 0) return;
                await to.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
                body -= read;
            }
        }
    }
}
