using System.Net;
using System.Net.Sockets;

namespace Postern.Conformance.Faults;

/// <summary>A bad line: passes bytes on in small pieces, late, and breaks off where it is told to.</summary>
internal sealed class ShapingProxy : IAsyncDisposable
{
    private readonly int _target;
    private CancellationTokenSource _stopping = new();
    private TcpListener? _listener;
    private Task _accepting = Task.CompletedTask;

    public ShapingProxy(int target)
    {
        _target = target;
        Open();
    }

    /// <summary>Where it listens.</summary>
    public int Port { get; private set; }

    /// <summary>Bytes of one write.</summary>
    public int Piece { get; set; } = 16 * 1024;

    /// <summary>How long the first bytes of each direction of a connection are kept back.</summary>
    public TimeSpan Latency { get; set; }

    /// <summary>After how many bytes towards the caller a connection is reset; null for never.</summary>
    public Func<int?>? BreaksAfter { get; set; }

    /// <summary>Nobody listens any more, and what was open is reset.</summary>
    public async Task CloseAsync()
    {
        await _stopping.CancelAsync();
        _listener?.Stop();
        await _accepting;
        _stopping.Dispose();
        _stopping = new CancellationTokenSource();
    }

    /// <summary>Somebody listens again, at the same place.</summary>
    public void Open()
    {
        _listener = new TcpListener(IPAddress.Loopback, Port);
        _listener.Start();
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        _accepting = AcceptAsync(_listener);
    }

    public async ValueTask DisposeAsync()
    {
        await CloseAsync();
        _stopping.Dispose();
    }

    private async Task AcceptAsync(TcpListener listener)
    {
        try
        {
            var stopping = _stopping.Token;
            while (true) _ = PassAsync(await listener.AcceptSocketAsync(stopping), stopping);
        }
        catch (Exception closed) when (closed is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // Closed.
        }
    }

    private async Task PassAsync(Socket caller, CancellationToken stopping)
    {
        using var own = caller;
        using var target = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        caller.NoDelay = true;
        try
        {
            await target.ConnectAsync(IPAddress.Loopback, _target, stopping);
            Task[] ways = [PassAsync(caller, target, null, stopping), PassAsync(target, caller, BreaksAfter?.Invoke(), stopping)];
            // Whichever breaks takes the other with it.
            await await Task.WhenAny(ways);
            await Task.WhenAll(ways);
        }
        catch (Exception broken) when (broken is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // RST, not FIN: what was on its way is lost.
            caller.LingerState = target.LingerState = new LingerOption(enable: true, seconds: 0);
        }
    }

    private async Task PassAsync(Socket from, Socket to, int? breaksAfter, CancellationToken stopping)
    {
        var buffer = new byte[16 * 1024];
        var passed = 0;
        if (Latency > TimeSpan.Zero) await Task.Delay(Latency, stopping);
        int count;
        while ((count = await from.ReceiveAsync(buffer, stopping)) > 0)
        {
            for (var at = 0; at < count; at += Piece)
            {
                var piece = Math.Min(Piece, count - at);
                if (breaksAfter is { } most && passed + piece > most) throw new SocketException((int)SocketError.ConnectionReset);
                await to.SendAsync(buffer.AsMemory(at, piece), stopping);
                passed += piece;
            }
        }
        to.Shutdown(SocketShutdown.Send);
    }
}
