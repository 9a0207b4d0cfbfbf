using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Security.Authentication;
using Postern.Core.Pipeline;
using Postern.Upstreams.Http1;
using Postern.Upstreams.Http2;

namespace Postern.Upstreams;

/// <summary>
/// Speaks HTTP/1.1, or HTTP/2 where that is configured, to targets at the URLs that the administrator configured, and to nothing else: no redirects, no cookies,
/// no proxy from the environment, no decompression, and no request is ever sent twice. Connections are kept by target; they carry no
/// caller's state.
/// </summary>
public sealed class HttpUpstreamDialer : IUpstreamDialer, IDisposable
{
    private static readonly TimeSpan SweepInterval = TimeSpan.FromSeconds(1);

    private readonly Func<string, UpstreamTarget?> _targets;
    private readonly ConditionalWeakTable<UpstreamTarget, HttpOrigin> _origins = [];
    private readonly ConditionalWeakTable<UpstreamTarget, HttpOrigin>.CreateValueCallback _makeOrigin;
    private readonly ConditionalWeakTable<UpstreamTarget, Http2Origin> _laterOrigins = [];
    private readonly DeadlineWatch _deadlines;
    private readonly ITimer _sweep;

    /// <summary>Takes the lookup of targets by connection name (null means there is none; the same object for the same target), and the clock of all deadlines.</summary>
    public HttpUpstreamDialer(Func<string, UpstreamTarget?> targets, TimeProvider clock)
    {
        _targets = targets;
        _makeOrigin = target => new HttpOrigin(target, clock);
        _deadlines = new DeadlineWatch(clock);
        _sweep = clock.CreateTimer(static state => ((HttpUpstreamDialer)state!).Sweep(), this, SweepInterval, SweepInterval);
    }

    /// <inheritdoc/>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<UpstreamResponse> SendAsync(Clearance clearance, UpstreamRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(clearance);
        ArgumentNullException.ThrowIfNull(request);
        // INVARIANT: one clearance, one use. A second use would be an operation that nobody decided.
        if (!clearance.TryUse()) throw new InvalidOperationException("the clearance was used before");
        var connection = clearance.Operation.Connection.Name;
        var target = _targets(connection) ?? throw NotSent($"connection `{connection}` has no target");
        ReadOnlyMemory<byte>? body = request.Body switch
        {
            UpstreamBody.Whole whole => whole.Bytes,
            null when request.Method is not ("GET" or "DELETE" or "HEAD") => request.Input ?? clearance.Operation.Request,
            _ => null,
        };

        // A connection that is switched is one of its own, over HTTP/1.1.
        if (target.IsHttp2 && request.Upgrade is null) return await _laterOrigins.GetValue(target, static one => new Http2Origin(one)).SendAsync(connection, request, body, _deadlines, cancellationToken).ConfigureAwait(false);
        var origin = _origins.GetValue(target, _makeOrigin);
        var wire = origin.TryTake() ?? await ConnectAsync(connection, target, origin, cancellationToken).ConfigureAwait(false);
        var deadline = _deadlines.Take(cancellationToken);
        if (!request.OnlyListens && request.Body is not UpstreamBody.Streamed) deadline.Set(_deadlines.Clock.GetTimestamp(), target.Patience.Head);
        var abort = deadline.Token.UnsafeRegister(static state => ((HttpWire)state!).Abort(), wire);
        try
        {
            if (request.Body is UpstreamBody.Streamed upload) await UploadAsync(wire, request, origin, target, upload, deadline).ConfigureAwait(false);
            else await wire.SendAsync(request, origin, target.Credential, body).ConfigureAwait(false);
            deadline.Clear();
            return new Response(wire, origin, abort, _deadlines, deadline, target.Patience, request.OnlyListens || wire.Head.IsSwitched);
        }
        catch (Exception fault)
        {
            var hasPassed = deadline.HasPassed;
            abort.Unregister();
            _deadlines.Return(deadline);
            wire.Dispose();
            cancellationToken.ThrowIfCancellationRequested();
            if (fault is UploadException { InnerException: { } caller }) System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(caller);
            throw fault switch
            {
                // The connection was closed under whatever waited on it; why is known here.
                _ when hasPassed => new UpstreamException(RefusalCode.UpstreamUnavailable, $"the target of `{connection}` sent no response head within {target.Patience.Head.TotalSeconds} s", fault),
                UpstreamException => fault,
                _ => new UpstreamException(RefusalCode.UpstreamUnavailable, $"the request to the target of `{connection}` broke off: {NameOf(fault)}", fault) { NothingWasSent = !wire.HasSent },
            };
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _sweep.Dispose();
        _deadlines.Dispose();
        foreach (var (_, origin) in _origins) origin.Dispose();
        foreach (var (_, origin) in _laterOrigins) origin.Dispose();
    }

    /// <summary>Sends head, body and end as they come. A target that answers early and closes is heard nevertheless.</summary>
    private async ValueTask UploadAsync(HttpWire wire, UpstreamRequest request, HttpOrigin origin, UpstreamTarget target, UpstreamBody.Streamed upload, Deadline deadline)
    {
        var sink = new WireSink(wire, upload.Length, deadline, _deadlines.Clock, target.Patience.Idle);
        var wasCut = false;
        try
        {
            deadline.Set(_deadlines.Clock.GetTimestamp(), target.Patience.Idle);
            await wire.BeginAsync(request, origin, target.Credential, upload.Length).ConfigureAwait(false);
            deadline.Clear();
            try
            {
                await upload.Pump(sink).ConfigureAwait(false);
            }
            catch (Exception fault) when (!sink.IsBroken)
            {
                throw new UploadException(fault);
            }
            if (upload.Length is { } length && sink.Sent != length) throw new UploadException(new UpstreamException(RefusalCode.InvalidRequest, "the body is shorter than it said"));
            if (upload.Length is null) await sink.EndAsync().ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is IOException or SocketException && !deadline.Token.IsCancellationRequested)
        {
            wasCut = true;
        }
        deadline.Set(_deadlines.Clock.GetTimestamp(), target.Patience.Head);
        await wire.ReadResponseAsync(request, wasCut).ConfigureAwait(false);
    }

    private async ValueTask<HttpWire> ConnectAsync(string connection, UpstreamTarget target, HttpOrigin origin, CancellationToken cancellationToken)
    {
        using var patience = new CancellationTokenSource(target.Patience.Connect, _deadlines.Clock);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
        try
        {
            return await origin.ConnectAsync(both.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException fault) when (!cancellationToken.IsCancellationRequested)
        {
            throw NotSent($"the target of `{connection}` did not accept a connection within {target.Patience.Connect.TotalSeconds} s", fault);
        }
        catch (Exception fault) when (fault is SocketException or IOException or AuthenticationException)
        {
            throw NotSent($"the target of `{connection}` cannot be reached: {NameOf(fault)}", fault);
        }
    }

    private void Sweep()
    {
        foreach (var (_, origin) in _origins) origin.Sweep();
    }

    // Names only: messages of the system hold addresses.
    private static string NameOf(Exception fault) => fault switch
    {
        SocketException socket => socket.SocketErrorCode.ToString(),
        AuthenticationException => "its certificate is not trusted, or TLS failed",
        { InnerException: SocketException inner } => inner.SocketErrorCode.ToString(),
        _ => fault.GetType().Name,
    };

    private static UpstreamException NotSent(string message, Exception? fault = null) => new(RefusalCode.UpstreamUnavailable, message, fault) { NothingWasSent = true };

    /// <summary>The body could not be had from the caller, or not be recorded; the target is not to blame.</summary>
    private sealed class UploadException(Exception cause) : Exception(cause.Message, cause);

    private sealed class WireSink(HttpWire wire, long? length, Deadline deadline, TimeProvider clock, TimeSpan idle) : UploadSink
    {
        public long Sent { get; private set; }

        /// <summary>The target's end of the wire failed.</summary>
        public bool IsBroken { get; private set; }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
        {
            Sent += content.Length;
            // More than was announced would be the beginning of another request (request smuggling).
            if (Sent > length) throw new UpstreamException(RefusalCode.InvalidRequest, "the body is longer than it said");
            return TimedAsync(wire.SendPieceAsync(content, length is null));
        }

        public ValueTask EndAsync() => TimedAsync(wire.EndBodyAsync(Trailers));

        private async ValueTask TimedAsync(ValueTask write)
        {
            deadline.Set(clock.GetTimestamp(), idle);
            try
            {
                await write.ConfigureAwait(false);
            }
            catch
            {
                IsBroken = true;
                throw;
            }
            deadline.Clear();
        }
    }

    private sealed class Response(
        HttpWire wire, HttpOrigin origin, CancellationTokenRegistration abort, DeadlineWatch deadlines, Deadline deadline, UpstreamPatience patience, bool onlyListens) : UpstreamResponse
    {
        private ReplyPatience _waiting = new(deadlines.Clock, deadline, patience, onlyListens);
        private bool _isDisposed;

        public override int Status => wire.Head.Status;

        public override string? Header(string name)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            return wire.Header(name);
        }

        public override IReadOnlyList<KeyValuePair<string, string>> Headers
        {
            get
            {
                ObjectDisposedException.ThrowIf(_isDisposed, this);
                return wire.Headers();
            }
        }

        public override IReadOnlyList<KeyValuePair<string, string>> Trailers => wire.Trailers;

        public override bool MayTrail => wire.Head.Framing == BodyFraming.Chunked;

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            try
            {
                await wire.WriteSwitchedAsync(bytes).ConfigureAwait(false);
            }
            catch (Exception fault) when (fault is IOException or SocketException or ObjectDisposedException)
            {
                deadline.Token.ThrowIfCancellationRequested();
                throw new UpstreamException(RefusalCode.UpstreamUnavailable, "the connection to the target broke off", fault);
            }
        }

        [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
        public override async ValueTask<int> ReadAsync(Memory<byte> into, bool isMidMessage)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            var read = wire.ReadAsync(into);
            // What has arrived already is not waited for.
            if (read.IsCompletedSuccessfully) return read.Result;
            _waiting.Begin(isMidMessage);
            try
            {
                return await read.ConfigureAwait(false);
            }
            catch (Exception fault) when (deadline.HasPassed)
            {
                throw ReplyPatience.Passed(isMidMessage, fault);
            }
            catch (Exception) when (deadline.Token.IsCancellationRequested)
            {
                throw new OperationCanceledException(deadline.Token);
            }
            catch (Exception fault) when (fault is IOException or SocketException or ObjectDisposedException)
            {
                throw new UpstreamException(RefusalCode.UpstreamInvalid, "the target's body broke off", fault);
            }
            finally
            {
                // What follows is the gateway's own time and the caller's, not the target's.
                deadline.Clear();
            }
        }

        public override ValueTask DisposeAsync()
        {
            if (_isDisposed) return ValueTask.CompletedTask;
            _isDisposed = true;
            // What can no longer be unregistered is closing the connection at this moment.
            if (abort.Unregister()) origin.Return(wire);
            else wire.Dispose();
            deadlines.Return(deadline);
            return ValueTask.CompletedTask;
        }
    }
}
