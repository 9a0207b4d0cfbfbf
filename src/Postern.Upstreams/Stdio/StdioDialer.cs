using Microsoft.Extensions.Logging;
using Postern.Core.Pipeline;
using Postern.Core.Recording;

namespace Postern.Upstreams.Stdio;

/// <summary>
/// Speaks to servers over stdio as if they were targets over HTTP: a request opens a stream, the child's messages that belong
/// to it come over that stream, a session is a child. Children start from the configuration and end with their session, when
/// nobody uses them, and with the gateway, however it ends.
/// </summary>
public sealed class StdioDialer : IUpstreamDialer, IAsyncDisposable
{
    /// <summary>How long a server is given to answer whether it speaks the era without sessions, and to answer the gateway itself.</summary>
    public static readonly TimeSpan OwnPatience = TimeSpan.FromSeconds(30);

    /// <summary>How long the head of a stream waits for an answer that would decide its status.</summary>
    private static readonly TimeSpan HeadPatience = TimeSpan.FromSeconds(1);

    private const int MethodNotFound = -32601;

    // 2026-07-28: header mismatch, missing capability, unsupported version.
    private const int HighestProtocolError = -32020;
    private const int LowestProtocolError = -32022;
    private const string Discover = "server/discover";
    private const string Initialized = "notifications/initialized";
    private static readonly TimeSpan SweepInterval = TimeSpan.FromSeconds(5);

    private readonly Func<string, StdioTarget?> _targets;
    private readonly EnvelopeReader _read;
    private readonly TimeProvider _clock;
    private readonly StdioChildren _children;
    private readonly ITimer _sweep;

    /// <summary>Takes the lookup of targets by connection name; null means there is none.</summary>
    public StdioDialer(Func<string, StdioTarget?> targets, StdioLimits limits, EnvelopeReader read, IRecorder recorder, TimeProvider clock, ILogger logger)
    {
        ArgumentNullException.ThrowIfNull(clock);
        _targets = targets;
        _read = read;
        _clock = clock;
        _children = new StdioChildren(targets, limits, read, recorder, clock, logger);
        _sweep = clock.CreateTimer(static state => ((StdioDialer)state!)._children.Sweep(), this, SweepInterval, SweepInterval);
    }

    /// <summary>Processes that run at this moment.</summary>
    public int Running => _children.Count;

    /// <inheritdoc/>
    public async ValueTask<UpstreamResponse> SendAsync(Clearance clearance, UpstreamRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(clearance);
        ArgumentNullException.ThrowIfNull(request);
        // INVARIANT: one clearance, one use. A second use would be an operation that nobody decided.
        if (!clearance.TryUse()) throw new InvalidOperationException("the clearance was used before");
        var connection = clearance.Operation.Connection.Name;
        var target = _targets(connection) ?? throw new UpstreamException(RefusalCode.UpstreamUnavailable, $"connection `{connection}` has no target");
        var caller = ChildOwner.Of(clearance.Identity, connection);
        var sessionId = SessionOf(request);
        switch (request.Method)
        {
            case "POST":
                return await PostAsync(target, caller, sessionId, request, request.Input ?? clearance.Operation.Request, cancellationToken).ConfigureAwait(false);
            case "GET":
                return _children.Find(sessionId, caller, isAnswer: false) is { } listening ? Listen(listening, cancellationToken) : StdioResponse.Of(404);
            case "DELETE":
                if (_children.Find(sessionId, caller, isAnswer: false) is not { } ended) return StdioResponse.Of(404);
                await _children.CloseAsync(ended).ConfigureAwait(false);
                return StdioResponse.Of(200);
            default:
                return StdioResponse.Of(405);
        }
    }

    /// <inheritdoc/>
    public void End(string identityKey) => _children.EndAll(identityKey);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _sweep.DisposeAsync().ConfigureAwait(false);
        await _children.CloseAllAsync().ConfigureAwait(false);
    }

    private static string? SessionOf(UpstreamRequest request)
    {
        for (var i = 0; i < request.Headers.Count; i++)
        {
            if (request.Headers[i].Key == StdioResponse.SessionHeader) return request.Headers[i].Value;
        }
        return null;
    }

    private async ValueTask<UpstreamResponse> PostAsync(StdioTarget target, ChildOwner caller, string? sessionId, UpstreamRequest request, ReadOnlyMemory<byte> body, CancellationToken cancellationToken)
    {
        var envelope = _read(body.Span);
        // Nobody is there to lose patience for the gateway's own requests, nor for a probe of a server that ignores it.
        var silence = request.OnlyListens ? Timeout.InfiniteTimeSpan : caller.IsGateway || envelope.Method == Discover ? OwnPatience : target.Silence;
        if (envelope.Kind == LineKind.Request)
        {
            if (sessionId is null && envelope.Method == Switchboard.Initialize) return await InitializeAsync(target, caller, silence, body, envelope, cancellationToken).ConfigureAwait(false);
            if (envelope.StandsAlone)
            {
                var child = _children.Standing(target, caller);
                await _children.StartAsync(child).ConfigureAwait(false);
                var answer = await AskAsync(child, "", body, envelope, silence, cancellationToken).ConfigureAwait(false);
                return await StatusOfAsync(child, answer, isProbe: envelope.Method == Discover || caller.IsGateway).ConfigureAwait(false);
            }
        }
        if (sessionId is null) return StdioResponse.Of(400);
        if (_children.Find(sessionId, caller, envelope.Kind == LineKind.Response) is not { } session) return StdioResponse.Of(404);
        switch (envelope.Kind)
        {
            case LineKind.Request:
                return await AskAsync(session.Child, session.Id, body, envelope, silence, cancellationToken).ConfigureAwait(false);
            case LineKind.Response:
                return await TellAsync(session.Child, session.Child.Board.Answer(body.Span, envelope), 400, cancellationToken).ConfigureAwait(false);
            case LineKind.Notification when envelope.Method == Switchboard.Cancelled:
                // Nothing open under that id: it was answered meanwhile, and there is nothing to cancel.
                return await TellAsync(session.Child, session.Child.Board.Cancel(session.Id, body.Span, envelope), 202, cancellationToken).ConfigureAwait(false);
            case LineKind.Notification when envelope.Method == Initialized && session.Child.Owner.IsShared && session.Child.IsReady:
                return StdioResponse.Of(202); // the shared child was told by whoever came first
            case LineKind.Notification:
                if (envelope.Method == Initialized) session.Child.IsReady = true;
                return await TellAsync(session.Child, Splice.Line(body.Span, default, default), 202, cancellationToken).ConfigureAwait(false);
            default:
                return StdioResponse.Of(400);
        }
    }

    private static async ValueTask<UpstreamResponse> TellAsync(StdioChild child, byte[]? line, int otherwise, CancellationToken cancellationToken)
    {
        if (line is null) return StdioResponse.Of(otherwise);
        await child.WriteAsync(line, cancellationToken).ConfigureAwait(false);
        return StdioResponse.Of(202);
    }

    private StdioStreamResponse Listen(StdioSession session, CancellationToken cancellationToken)
    {
        var child = session.Child;
        var stream = child.NewStream();
        child.Board.AddListener(stream);
        return new StdioStreamResponse(stream, Timeout.InfiniteTimeSpan, _clock, OverAsync, cancellationToken);

        ValueTask OverAsync()
        {
            child.LastUsed = _clock.GetUtcNow();
            return child.WriteOwnAsync(child.Board.RemoveListener(stream));
        }
    }

    private async ValueTask<StdioStreamResponse> AskAsync(StdioChild child, string session, ReadOnlyMemory<byte> body, LineEnvelope envelope, TimeSpan silence, CancellationToken cancellationToken)
    {
        var isInitialize = envelope.Method == Switchboard.Initialize;
        var stream = child.NewStream();
        var (id, line) = child.Board.Open(session, body.Span, envelope, stream);
        var response = new StdioStreamResponse(stream, silence, _clock, OverAsync, cancellationToken) { Session = isInitialize ? session : null };
        try
        {
            await child.WriteAsync(line, cancellationToken).ConfigureAwait(false);
            return response;
        }
        catch
        {
            await response.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        async ValueTask OverAsync()
        {
            child.LastUsed = _clock.GetUtcNow();
            var left = child.Board.Abandon(id);
            // "The client MUST NOT attempt to cancel its initialize request": a session that nobody waits for is no session.
            if (left.Count > 0 && isInitialize && !child.Owner.IsShared) _ = _children.EndAsync(child, "its client left before it was ready");
            else await child.WriteOwnAsync(left).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// The answer in the status that HTTP has for it, which is how clients of the stateless era learn what a server does not speak.
    /// What is not answered at once is a stream, whose status is sent before its messages.
    /// </summary>
    private async ValueTask<StdioResponse> StatusOfAsync(StdioChild child, StdioStreamResponse answer, bool isProbe)
    {
        var isThere = await answer.FirstAsync(isProbe ? OwnPatience : HeadPatience).ConfigureAwait(false);
        var code = answer.Stream.ErrorCode;
        int? status = code switch
        {
            MethodNotFound => 404,
            >= LowestProtocolError and <= HighestProtocolError => 400,
            null => isProbe && !isThere ? 404 : null,
            _ => isProbe ? 400 : null,
        };
        // Notifications came first: the head of a stream is due before them.
        var said = isThere && status is not null ? answer.Stream.TryTakeOnly() : null;
        if (status is null || (isThere && said is null)) return answer;
        await answer.DisposeAsync().ConfigureAwait(false);
        if (isProbe && child.Board.IsIdle) _ = _children.EndAsync(child, "it does not speak the revision that it was asked in");
        return said is not null ? StdioResponse.Of(status.Value, "application/json", Splice.Unframe(said)) : StdioResponse.Of(status.Value);
    }

    private async ValueTask<UpstreamResponse> InitializeAsync(StdioTarget target, ChildOwner caller, TimeSpan silence, ReadOnlyMemory<byte> body, LineEnvelope envelope, CancellationToken cancellationToken)
    {
        var session = _children.OpenSession(target, caller, out var isFirst);
        await _children.StartAsync(session.Child).ConfigureAwait(false);
        return isFirst
            ? await AskAsync(session.Child, session.Id, body, envelope, silence, cancellationToken).ConfigureAwait(false)
            : await JoinAsync(session, body, envelope, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>A shared child is initialized once; whoever comes later is answered with what it said then.</summary>
    private async ValueTask<StdioResponse> JoinAsync(StdioSession session, ReadOnlyMemory<byte> body, LineEnvelope envelope, CancellationToken cancellationToken)
    {
        try
        {
            var welcome = await session.Child.Board.Welcomed.WaitAsync(OwnPatience, _clock, cancellationToken).ConfigureAwait(false);
            var framed = Splice.Event(welcome.Line, welcome.Id, envelope.Id.Of(body.Span));
            return StdioResponse.Of(200, "text/event-stream", framed, session.Id);
        }
        catch (Exception fault) when (fault is TimeoutException or UpstreamException)
        {
            _ = _children.EndAsync(session.Child, "it did not initialize");
            throw new UpstreamException(RefusalCode.UpstreamUnavailable, "the shared target did not initialize", fault);
        }
    }
}
