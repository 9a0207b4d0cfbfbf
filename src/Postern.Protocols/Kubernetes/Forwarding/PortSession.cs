using System.Globalization;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Protocols.Kubernetes.Wire;
using Postern.Protocols.Kubernetes.Wire.Spdy;

namespace Postern.Protocols.Kubernetes.Forwarding;

/// <summary>
/// One SPDY connection of one port-forward, which ends here: two streams, of one request and one port, are one forwarded connection and one
/// operation. What a client may say is a closed table; anything else, and whoever says too much, ends the connection (attack K15).
/// </summary>
internal sealed class PortSession(HttpContext http, KubernetesGateway gateway, KubernetesAsk ask, Identity identity, PortLink link) : IAsyncDisposable
{
    /// <summary>Forwarded connections at once.</summary>
    public const int MaxPairs = 128;

    /// <summary>Frames in one second that neither open nor carry anything.</summary>
    public const int MaxIdleFrames = 100;

    // After the end of the right: half of two seconds for what runs to end by itself and say why, a little for what is then cut.
    private static readonly TimeSpan Leave = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan Goodbye = TimeSpan.FromMilliseconds(500);

    private readonly SpdyReader _reader = new(link.Stream);
    private readonly SpdyWriter _writer = new(link.Stream);
    private readonly HeaderInflater _inflater = new();
    private readonly Dictionary<string, PortPair> _byRequest = new(StringComparer.Ordinal);
    private readonly Dictionary<int, PortPair> _byStream = [];
    private readonly List<PortPair> _pairs = [];
    private readonly Lock _sync = new();
    private readonly CancellationTokenSource _over = new();
    private Task _reading = Task.CompletedTask;
    private LastResort? _lastResort;
    private int _lastStream;
    private bool _isLeaving;
    private long _second;
    private int _idleFrames;

    /// <summary>The caller's end.</summary>
    public SpdyWriter Writer => _writer;

    /// <summary>All time.</summary>
    public TimeProvider Clock => gateway.Services.Clock;

    /// <summary>Runs until the caller is done or its right ends.</summary>
    /// <exception cref="UpstreamException">The caller says what cannot be read.</exception>
    public async ValueTask RunAsync(CancellationToken cancellationToken)
    {
        var cut = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = cancellationToken.UnsafeRegister(static state => ((TaskCompletionSource)state!).TrySetResult(), cut).ConfigureAwait(false);
        _lastResort = new LastResort(Clock, Cut);
        await using var resort = _lastResort.At(cancellationToken).ConfigureAwait(false);
        var reading = _reading = ReadAllAsync();
        // Each connection hangs on the same right, ends with it and says so; only what does not is ended here.
        if (await Task.WhenAny(reading, cut.Task).ConfigureAwait(false) != reading && await PairsAsync(Leave).ConfigureAwait(false) && _lastStream > 0)
        {
            // kubectl prints what its connections were told only if it is not told at once that all of it is over.
            await reading.WaitAsync(Moment, Clock, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        await _over.CancelAsync().ConfigureAwait(false);
        foreach (var pair in Pairs()) pair.Leave();
        if (!await PairsAsync(Goodbye).ConfigureAwait(false))
        {
            Cut();
            await PairsAsync(Timeout.InfiniteTimeSpan).ConfigureAwait(false);
        }
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            await reading.ConfigureAwait(false);
        }
        catch (FormatException fault)
        {
            throw new UpstreamException(RefusalCode.InvalidRequest, fault.Message, fault) { NothingWasSent = true };
        }
        await EndAsync(isFault: false).ConfigureAwait(false);
    }

    /// <summary>Says that nothing more comes; why, the connections have heard. Never throws.</summary>
    public async ValueTask EndAsync(bool isFault)
    {
        try
        {
            await SayGoodbyeAsync(isFault).WaitAsync(Goodbye, Clock).ConfigureAwait(false);
        }
        catch (Exception)
        {
            // The caller is gone, or takes nothing: there is nobody left to tell.
        }
        await _reading.WaitAsync(Goodbye, Clock, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Cut();
    }

    /// <summary>Lets go of a caller that takes nothing.</summary>
    public void Cut()
    {
        link.Abort();
        http.Abort();
    }

    public async ValueTask DisposeAsync()
    {
        // What still reads ends with the connection.
        if (!_reading.IsCompleted) Cut();
        await _reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        foreach (var pair in Pairs()) pair.Dispose();
        _reader.Dispose();
        _writer.Dispose();
        _over.Dispose();
        _lastResort?.Dispose();
    }

    private async Task ReadAllAsync()
    {
        try
        {
            while (await _reader.ReadAsync(CancellationToken.None).ConfigureAwait(false) is { } frame)
            {
                // Closed with something unread, the connection would be reset, and the caller might never see what was said.
                if (_over.IsCancellationRequested) continue;
                await TakeAsync(frame).ConfigureAwait(false);
            }
        }
        catch (Exception over) when (over is WebSocketException or IOException or OperationCanceledException or ConnectionAbortedException or ObjectDisposedException)
        {
            // The caller went, with or without a word; what it had open ends with that.
        }
    }

    private async ValueTask TakeAsync(SpdyFrame frame)
    {
        switch (frame.Kind)
        {
            case SpdyKind.Data:
                await TakeDataAsync(frame).ConfigureAwait(false);
                break;
            case SpdyKind.SynStream:
                await OpenAsync(frame).ConfigureAwait(false);
                break;
            case SpdyKind.Reset:
                if (frame.Id > _lastStream) throw new FormatException("a stream is reset that was never opened");
                CountIdle();
                if (Find(frame.Id) is { } reset && (reset.DataStream == frame.Id || reset.DataStream == 0)) reset.Leave();
                break;
            case SpdyKind.Ping:
                CountIdle();
                // We never ask, so that only the client's own numbers, which are odd, can come.
                if ((frame.Id & 1) == 0) throw new FormatException("a ping is answered that nobody sent");
                await _writer.PingAsync(frame.Id).ConfigureAwait(false);
                break;
            case SpdyKind.GoAway:
                if (_isLeaving) throw new FormatException("a client says twice that it goes");
                _isLeaving = true;
                break;
            case SpdyKind.Settings or SpdyKind.WindowUpdate:
                // Neither client-go nor a kubelet has windows: how much may be on its way is bounded by what is read.
                CountIdle();
                break;
            default:
                throw new FormatException("a client sends what only answers a server");
        }
    }

    private async ValueTask OpenAsync(SpdyFrame frame)
    {
        if (_isLeaving) throw new FormatException("a client that goes opens a stream");
        if ((frame.Id & 1) == 0 || frame.Id <= _lastStream) throw new FormatException("a stream's number is not odd, or not larger than the last");
        _lastStream = frame.Id;
        var headers = SpdyHeaders.Read(_inflater.Read(frame.Content.Span));
        if (headers.Count != 3 || !headers.TryGetValue("streamtype", out var type) || !headers.TryGetValue("port", out var said) || !headers.TryGetValue("requestid", out var request) || request.Length is 0 or > 20)
            throw new FormatException("a stream has other headers than `streamType`, `port` and `requestID`");
        var port = PortOpening.PortOf(said);
        if (port == 0) throw new FormatException("a stream names no port from 1 to 65535");
        Sweep();
        _byRequest.TryGetValue(request, out var pair);
        switch (type)
        {
            case "error":
                if (pair is not null) throw new FormatException("two connections have the same `requestID`");
                if (_pairs.Count >= MaxPairs && !EndOneThatWaits())
                {
                    await _writer.ResetAsync(frame.Id, SpdyNumbers.RefusedStream).ConfigureAwait(false);
                    return;
                }
                pair = new PortPair(gateway, this, request, port, frame.Id);
                lock (_sync) _pairs.Add(pair);
                _byRequest.Add(request, pair);
                _byStream.Add(frame.Id, pair);
                await _writer.ReplyAsync(frame.Id).ConfigureAwait(false);
                break;
            case "data":
                if (pair is null || pair.DataStream != 0) throw new FormatException("a data stream does not follow the one error stream of its `requestID`");
                if (pair.Port != port) throw new FormatException("the two streams of a connection name different ports");
                _byStream.Add(frame.Id, pair);
                await _writer.ReplyAsync(frame.Id).ConfigureAwait(false);
                pair.Start(frame.Id, OperationOf(port), identity);
                if (frame.IsLast) pair.EndInput();
                break;
            default:
                throw new FormatException("a stream is neither `data` nor `error`");
        }
    }

    private async ValueTask TakeDataAsync(SpdyFrame frame)
    {
        if (frame.Id <= 0 || frame.Id > _lastStream) throw new FormatException("data comes on a stream that was never opened");
        if (frame.Content.IsEmpty && !frame.IsLast) CountIdle();
        // Of what is over already, the rest may be on its way.
        if (Find(frame.Id) is not { } pair) return;
        if (frame.Id == pair.ErrorStream)
        {
            if (!frame.Content.IsEmpty) throw new FormatException("a client writes to an error stream");
            return;
        }
        if (!frame.Content.IsEmpty) await pair.TakeAsync(frame.Content, _over.Token).ConfigureAwait(false);
        if (frame.IsLast) pair.EndInput();
    }

    /// <summary>What one connection asks of the API server: the same request with its port.</summary>
    private KubernetesAsk OperationOf(int port)
    {
        var parent = ask.Operation;
        var origin = new KubernetesOrigin(parent.Connection, parent.ClientRun, parent.ClientName) { Parent = parent.Id };
        var request = ask.Request with { Target = string.Create(CultureInfo.InvariantCulture, $"{ask.Request.Target}?ports={port}") };
        return KubernetesOperations.TryRead(origin, request, Clock.GetUtcNow(), out var read, out var fault) ? read : throw new FormatException(fault.Message);
    }

    private PortPair? Find(int stream) => _byStream.TryGetValue(stream, out var pair) && !pair.IsOver ? pair : null;

    private void Sweep()
    {
        lock (_sync)
        {
            for (var i = _pairs.Count - 1; i >= 0; i--)
            {
                var pair = _pairs[i];
                if (!pair.IsOver) continue;
                _pairs.RemoveAt(i);
                _byRequest.Remove(pair.Request);
                _byStream.Remove(pair.ErrorStream);
                _byStream.Remove(pair.DataStream);
                pair.Dispose();
            }
        }
    }

    // A connection whose client is done, and which is kept only in case its target has a last word, makes room for a new one.
    private bool EndOneThatWaits()
    {
        foreach (var pair in _pairs)
        {
            if (pair.TryEndWaiting()) return true;
        }
        return false;
    }

    private void CountIdle()
    {
        var second = Clock.GetTimestamp() / Clock.TimestampFrequency;
        if (second != _second) (_second, _idleFrames) = (second, 0);
        if (++_idleFrames > MaxIdleFrames) throw new FormatException("a client sends more frames that carry nothing than any use of them could explain");
    }

    private PortPair[] Pairs()
    {
        lock (_sync) return [.. _pairs];
    }

    /// <summary>True when every connection is over.</summary>
    private async ValueTask<bool> PairsAsync(TimeSpan patience)
    {
        var all = Task.WhenAll(Pairs().Select(pair => pair.Running));
        await all.WaitAsync(patience, Clock, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return all.IsCompleted;
    }

    private async Task SayGoodbyeAsync(bool isFault)
    {
        await _writer.GoAwayAsync(_lastStream, isFault).ConfigureAwait(false);
        await link.CloseAsync().ConfigureAwait(false);
    }
}
