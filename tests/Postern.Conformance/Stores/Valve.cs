using System.Net;
using System.Net.Sockets;

namespace Postern.Conformance.Stores;

/// <summary>A TCP relay on loopback in front of a server; shut, it takes connections and drops them, those that are open too.</summary>
internal sealed class Valve : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _gate = new();
    private readonly List<TcpClient> _open = [];
    private readonly int _target;
    private readonly Task _running;
    private bool _isShut;

    public Valve(int target)
    {
        _target = target;
        _listener.Start();
        _running = RunAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public void Shut()
    {
        lock (_gate)
        {
            _isShut = true;
            foreach (var client in _open) client.Dispose();
            _open.Clear();
        }
    }

    public void Open()
    {
        lock (_gate) _isShut = false;
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        _listener.Stop();
        Shut();
        await _running;
        _stopping.Dispose();
    }

    private async Task RunAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            TcpClient client;
            try
            {
                client = await _listener.AcceptTcpClientAsync(_stopping.Token);
            }
            catch (Exception) when (_stopping.IsCancellationRequested)
            {
                return;
            }
            lock (_gate)
            {
                if (_isShut) client.Dispose();
                else _open.Add(client);
            }
            _ = RelayAsync(client);
        }
    }

    private async Task RelayAsync(TcpClient client)
    {
        try
        {
            using var server = new TcpClient();
            await server.ConnectAsync(IPAddress.Loopback, _target, _stopping.Token);
            await Task.WhenAny(client.GetStream().CopyToAsync(server.GetStream(), _stopping.Token), server.GetStream().CopyToAsync(client.GetStream(), _stopping.Token));
        }
        catch (Exception broken) when (broken is IOException or SocketException or ObjectDisposedException or InvalidOperationException or OperationCanceledException)
        {
            // As connections break.
        }
        finally
        {
            client.Dispose();
        }
    }
}
