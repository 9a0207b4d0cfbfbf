using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Postern.Protocols;

// A listener: connections are accepted here and nowhere else.
#pragma warning disable RS0030

namespace Postern.Gateway.Listening;

/// <summary>Accepts connections for a protocol that is not HTTP, and keeps them within bounds.</summary>
internal sealed partial class RawListener : IAsyncDisposable
{
    private static readonly TimeSpan _goodbye = TimeSpan.FromSeconds(2);

    private readonly BoundListener _bound;
    private readonly IRawProtocol _protocol;
    private readonly RawListenerLimits _limits;
    private readonly ServedCertificate? _certificate;
    private readonly bool _needsTls;
    private readonly TimeProvider _clock;
    private readonly ILogger _log;
    private readonly HashSet<SocketClient> _open = [];
    private readonly Lock _gate = new();
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _signingIn;
    private bool _isStopping;

    public RawListener(BoundListener bound, IRawProtocol protocol, RawListenerLimits limits, ServedCertificate? certificate, bool needsTls, TimeProvider clock, ILogger log)
    {
        (_bound, _protocol, _limits, _certificate, _needsTls, _clock, _log) = (bound, protocol, limits, certificate, needsTls, clock, log);
    }

    public void Start() => _ = AcceptAsync(_bound.Take());

    /// <summary>Takes no more connections, waits until those that are there have ended, and then closes them.</summary>
    public async Task StopAsync(TimeSpan patience)
    {
        bool isEmpty;
        lock (_gate)
        {
            _isStopping = true;
            isEmpty = _open.Count == 0;
        }
        _bound.Dispose();
        if (isEmpty) return;
        try
        {
            await _drained.Task.WaitAsync(patience, _clock).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            lock (_gate)
            {
                foreach (var client in _open) client.Abort();
            }
        }
    }

    public async ValueTask DisposeAsync() => await StopAsync(TimeSpan.Zero).ConfigureAwait(false);

    private async Task AcceptAsync(Socket listener)
    {
        while (true)
        {
            Socket socket;
            try
            {
                socket = await listener.AcceptAsync().ConfigureAwait(false);
            }
            catch (Exception fault) when (fault is ObjectDisposedException or SocketException { SocketErrorCode: SocketError.OperationAborted or SocketError.Interrupted or SocketError.InvalidArgument })
            {
                return;
            }
            catch (SocketException fault)
            {
                // Out of descriptors, or the client left before it was served.
                NotAccepted(_log, fault.SocketErrorCode.ToString());
                continue;
            }
            socket.NoDelay = true;
            var client = new SocketClient(socket, _certificate, _needsTls, SignedIn);
            lock (_gate)
            {
                if (_isStopping || _open.Count >= _limits.Connections || _signingIn >= _limits.SigningIn)
                {
                    client.Dispose();
                    continue;
                }
                _open.Add(client);
                _signingIn++;
            }
            _ = ServeAsync(client);
        }
    }

    private async Task ServeAsync(SocketClient client)
    {
        // Off the accepting thread: what a client does must not keep the next one waiting.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        try
        {
            await _protocol.ServeAsync(client).ConfigureAwait(false);
        }
        catch (Exception fault)
        {
            // The edge of last resort: the log learns type and place, never a value.
            Faulted(_log, fault.GetType().Name, fault.StackTrace?.Split('\n')[0].Trim() ?? "");
        }
        finally
        {
            client.SignedIn();
            await client.CloseAsync(_goodbye, _clock).ConfigureAwait(false);
            lock (_gate)
            {
                _open.Remove(client);
                if (_isStopping && _open.Count == 0) _drained.TrySetResult();
            }
        }
    }

    private void SignedIn()
    {
        lock (_gate) _signingIn--;
    }

    [LoggerMessage(EventId = 120, Level = LogLevel.Error, Message = "fault {Fault} in a session: {Place}")]
    private static partial void Faulted(ILogger log, string fault, string place);

    [LoggerMessage(EventId = 121, Level = LogLevel.Warning, Message = "a connection could not be accepted: {Reason}")]
    private static partial void NotAccepted(ILogger log, string reason);
}

/// <summary>What clients may take.</summary>
/// <param name="Connections">Open at once.</param>
/// <param name="SigningIn">Of them not signed in yet.</param>
internal sealed record RawListenerLimits(int Connections, int SigningIn);
