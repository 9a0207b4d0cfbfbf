using System.Runtime.CompilerServices;
using System.Text;
using Microsoft.AspNetCore.Http;
using Postern.Core.Approvals;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Protocols.HttpData.Wire;
using Postern.Protocols.Mcp.Wire;
using Postern.Upstreams;

namespace Postern.Protocols.Mcp;

/// <summary>
/// One client message in flight: forwards the judged bytes, checks every message that comes back and passes it through the
/// reply gate, says no, says "held".
/// </summary>
internal sealed class McpExchange : IExchange, IDisposable
{
    private const int MaxDropped = 100;

    private readonly McpGateway _gateway;
    private readonly McpCall _call;
    private readonly McpOrigin _origin;
    private readonly McpWire _wire;
    private readonly Identity _identity;
    private HeldCall? _held;
    private ServerAskDesk? _asks;
    private ServerNotices? _notices;
    private int _dropped;
    private bool _canResume;

    public McpExchange(McpGateway gateway, HttpContext http, Identity identity, McpOrigin origin, Operation operation, McpCall call)
    {
        _gateway = gateway;
        _call = call;
        _origin = origin;
        _identity = identity;
        _wire = new McpWire(http, gateway.Services.Clock);
        Operation = operation;
    }

    /// <inheritdoc/>
    public Operation Operation { get; }

    /// <inheritdoc/>
    public TimeSpan Patience => ClientPatience.Of(_call, _gateway.Services);

    // Made on first use: few calls are held.
    private HeldCall Held => _held ??= new HeldCall(_gateway, _identity, _call, _wire);

    /// <inheritdoc/>
    public IReplySink Replies => _wire;

    /// <inheritdoc/>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask ForwardAsync(Clearance clearance, CancellationToken cancellationToken)
    {
        if (_call is { HttpMethod: "POST", Session.Opening: { IsPending: true } opening }) await opening.WaitAsync(cancellationToken).ConfigureAwait(false);
        if (_call.Open?.TryForward() == false) throw new UpstreamException(RefusalCode.GatewayUnavailable, "the client cancelled the request before it was forwarded");
        await using var response = await _gateway.Services.Upstreams.SendAsync(clearance, UpstreamHeaders.Traced(UpstreamHeaders.For(_call)), cancellationToken).ConfigureAwait(false);
        if (_call.HttpMethod == "GET") _call.Session?.Opening?.Finish();
        if (response.Status is < 200 or > 299)
        {
            await PassRefusalAsync(clearance, response, cancellationToken).ConfigureAwait(false);
            return;
        }
        if (_call.HttpMethod == "DELETE")
        {
            if (_call.Session is { } ended)
            {
                _gateway.Sessions.Forget(ended);
                _gateway.Services.Pipeline.EndRun(_identity, _origin.Connection, ended.Run);
            }
            _wire.Status(StatusCodes.Status200OK);
            return;
        }
        if (_call.HttpMethod == "POST" && !_call.IsRequest)
        {
            _wire.Status(StatusCodes.Status202Accepted);
            return;
        }
        using var frames = UpstreamFrames.Of(response) ?? throw Invalid("the target answered with neither JSON nor an event stream");
        if (_call is { IsRequest: true, Method: McpMethods.Initialize }) OpenSession(response);
        if (frames.IsStream) await StreamAsync(clearance, frames, cancellationToken).ConfigureAwait(false);
        else await AnswerAsync(clearance, frames, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask RefuseAsync(Refusal refusal, CancellationToken cancellationToken)
    {
        Close();
        if (_wire.IsWhole) return;
        if (_wire.IsStream && _call.RawId is null)
        {
            _wire.Abort();
            return;
        }
        await _wire.AnswerOwnAsync(McpReplies.StatusFor(refusal, _call), McpReplies.Refusal(refusal, _call), cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public ValueTask WaitAsync(Refusal refusal, Waiting waiting, CancellationToken cancellationToken) => Held.SignAsync(refusal, waiting, cancellationToken);

    /// <inheritdoc/>
    public ValueTask PendAsync(Refusal refusal, Hold hold, CancellationToken cancellationToken) =>
        Held.ComeBack(refusal, Operation, hold) is { } message ? _wire.AnswerOwnAsync(StatusCodes.Status200OK, message, cancellationToken) : RefuseAsync(refusal, cancellationToken);

    /// <inheritdoc/>
    public void Dispose()
    {
        // Whoever left a stream without ids can never come back for its answer; the id is free again.
        if (!_canResume) Close();
        if (_call.Open is { } open) open.IsDetached = true; // only a resumed stream can still answer it
        _asks?.Dispose();
        _wire.Dispose();
    }

    private static UpstreamException Invalid(string message) => new(RefusalCode.UpstreamInvalid, message);

    private void Close()
    {
        if (_call is { Session: { } session, RawId: { } rawId }) session.Close(rawId);
    }

    private void OpenSession(UpstreamResponse response)
    {
        if (response.Header(McpHeaders.SessionId) is not { } upstreamId) return;
        if (upstreamId.Length is 0 or > 1024 || !McpHeaders.IsPlain(upstreamId)) throw Invalid("the target's session id is not visible ASCII");
        var session = _gateway.Sessions.Open(_identity, _origin.Connection, upstreamId, Operation.Id, _call.ClientName);
        _wire.Header(McpHeaders.SessionId, session.Id);
    }

    /// <summary>The one message of a JSON body.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask AnswerAsync(Clearance clearance, UpstreamFrames frames, CancellationToken cancellationToken)
    {
        if (!await frames.NextAsync().ConfigureAwait(false)) throw Invalid("the target's answer is empty");
        var data = frames.Current.Data;
        var verdict = await JudgeAsync(clearance, data, cancellationToken).ConfigureAwait(false);
        if (!verdict.IsLast) throw Invalid(verdict.Dropped ?? "the target answered with something else than the response");
        Close();
        await clearance.Replies.ReleaseLastAsync(new ReplyFrame(verdict.Content, verdict.Shape, McpWire.Json)).ConfigureAwait(false);
    }

    private async ValueTask StreamAsync(Clearance clearance, UpstreamFrames frames, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                var next = frames.NextAsync();
                // Only when the target is silent: the head goes out, so that clients which wait for headers do not give up.
                if (!next.IsCompleted) await _wire.BeginStreamAsync(cancellationToken).ConfigureAwait(false);
                if (!await next.ConfigureAwait(false)) break;
                var sse = frames.Current;
                if (sse.IsComment)
                {
                    await _wire.KeepAliveAsync(cancellationToken).ConfigureAwait(false);
                    continue;
                }
                if (sse.Name is not null and not "message")
                {
                    await DropAsync("an event with a name that MCP does not know").ConfigureAwait(false);
                    continue;
                }
                _canResume |= sse.Id is not null && _call.Session is not null;
                var tag = TagOf(sse);
                if (sse.Data.IsEmpty)
                {
                    await clearance.Replies.ReleaseAsync(new ReplyFrame(default, FrameShape.Text, tag)).ConfigureAwait(false);
                    continue;
                }
                var verdict = await JudgeAsync(clearance, sse.Data, cancellationToken).ConfigureAwait(false);
                if (verdict.Dropped is { } reason)
                {
                    await DropAsync(reason).ConfigureAwait(false);
                    continue;
                }
                if (verdict.IsAsk) continue;
                var frame = new ReplyFrame(verdict.Content, verdict.Shape, tag);
                if (verdict.IsLast)
                {
                    if (_asks is not null) await _asks.CancelAsync().ConfigureAwait(false);
                    Close();
                    await clearance.Replies.ReleaseLastAsync(frame).ConfigureAwait(false);
                    return;
                }
                await clearance.Replies.ReleaseAsync(frame).ConfigureAwait(false);
            }
        }
        finally
        {
            if (_asks is not null) await _asks.CancelAsync().ConfigureAwait(false);
        }
        // 2025-11-25, "Resumability": a server may end a stream that gave ids; the client comes back for the response.
        if (_call.RawId is not null && !_canResume) throw Invalid("the target ended the stream without the response");
        await _wire.BeginStreamAsync(cancellationToken).ConfigureAwait(false);
    }

    private SseTag TagOf(in SseEvent sse)
    {
        if (_call.Era == McpEra.Stateless) return SseTag.Plain;
        var id = sse.Id is not null && _call.Session is { } session ? _gateway.Sessions.EventIds.Seal(session, sse.Id) : null;
        return id is null && sse.RetryMilliseconds is null && sse.Name is null && sse.HasData
            ? SseTag.Plain
            : new SseTag { Id = id, RetryMilliseconds = sse.RetryMilliseconds, HasName = sse.Name is not null, HasData = sse.HasData };
    }

    /// <summary>What one message of the target is, whether it may go on, and what of it.</summary>
    private ValueTask<FrameVerdict> JudgeAsync(Clearance clearance, ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        var message = JsonRpcReader.Read(data.Span);
        switch (message.Kind)
        {
            case JsonRpcKind.Result or JsonRpcKind.Error:
                return JudgeResponseAsync(clearance, data, message, cancellationToken);
            case JsonRpcKind.Notification:
                return new(JudgeNotification(data, message));
            case JsonRpcKind.Request when _call.Era == McpEra.Sessions:
                _asks ??= new ServerAskDesk(_gateway, _identity, _origin, _call, _wire, Operation.Id);
                return new(_asks.Take(data, message, clearance.Ended));
            case JsonRpcKind.Request:
                return new(FrameVerdict.Drop("a request of the server, which this revision does not have"));
            default:
                return new(FrameVerdict.Drop(message.Fault ?? "not a JSON-RPC message"));
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<FrameVerdict> JudgeResponseAsync(Clearance clearance, ReadOnlyMemory<byte> data, JsonRpcMessage message, CancellationToken cancellationToken)
    {
        var method = _call.Method;
        Fact? fact = null;
        var isLast = _call.RawId is not null && IsRaw(message.Id.Of(data.Span), _call.RawId);
        if (!isLast)
        {
            // A resumed stream carries the answers that the broken one still owed, and no others.
            var rawId = Encoding.UTF8.GetString(message.Id.Of(data.Span));
            var owed = Array.Find(_call.Resumable, open => string.Equals(open.RawId, rawId, StringComparison.Ordinal));
            if (owed is null) return FrameVerdict.Drop("a response to no open request of this stream");
            _call.Session?.Close(rawId);
            method = owed.Method;
            fact = owed.Fact;
        }
        if (message.Kind == JsonRpcKind.Error)
        {
            if (McpReplies.CodeOf(message.Error.Of(data)) == Elicitation.LinksRequired)
            {
                _asks ??= new ServerAskDesk(_gateway, _identity, _origin, _call, _wire, Operation.Id);
                await _asks.RequireLinksAsync(message.Error.Of(data), cancellationToken).ConfigureAwait(false);
            }
            return new FrameVerdict(data, McpShapes.Reply, isLast);
        }
        if (method is McpMethods.Subscribe or McpMethods.Unsubscribe) Watch(method, isLast ? Operation.Parts[0].FactOrEmpty(McpVocabulary.Uri) : fact);
        if (!message.InputRequests.IsEmpty)
        {
            if (_call.Era != McpEra.Stateless || !McpMethods.MayAskForInput(method!)) throw Invalid("the target asks for input where the revision has none");
            _asks ??= new ServerAskDesk(_gateway, _identity, _origin, _call, _wire, Operation.Id);
            await _asks.RequireAsync(message.InputRequests.Of(data), cancellationToken).ConfigureAwait(false);
        }
        if (isLast) _gateway.Tasks.Keep(_identity, Operation, message, data);
        var content = await _gateway.Lists.RewriteAsync(_identity, _origin, method!, message, data, cancellationToken).ConfigureAwait(false);
        if (_call.Era == McpEra.Stateless && (!message.RequestState.IsEmpty || !message.InputRequests.IsEmpty)) content = _gateway.States.Seal(clearance, content);
        return new FrameVerdict(content, McpShapes.OfResult(method!, _call.Era), isLast);
    }

    /// <summary>Keeps in mind what the session subscribed to, once the target agreed.</summary>
    private void Watch(string method, Fact? fact)
    {
        if (fact?.Values is not [{ } one]) return;
        if (method == McpMethods.Subscribe) _call.Session?.Watched.Add(one);
        else _call.Session?.Watched.Remove(one);
    }

    private FrameVerdict JudgeNotification(ReadOnlyMemory<byte> data, in JsonRpcMessage message)
    {
        if (message.Method is McpMethods.ToolsChanged or McpMethods.PromptsChanged) _gateway.Definitions.RefreshSoon(_origin.Connection);
        _notices ??= new ServerNotices(_gateway, _identity, _origin, _call, Operation);
        if (_notices.FaultOf(message, data) is { } fault) return FrameVerdict.Drop(fault);
        if (message.Method == McpMethods.Progress && _held?.IsBeyond(message, data) == false) return FrameVerdict.Drop("progress that does not go beyond what the client was told while it waited");
        return new FrameVerdict(data, McpMethods.IsServerNotification(message.Method!, _call.Era) ? McpShapes.Reply : McpShapes.ExtensionNotice, IsLast: false);
    }

    private static bool IsRaw(ReadOnlySpan<byte> token, string raw) => token.Length == raw.Length && Ascii.Equals(token, raw) || Encoding.UTF8.GetString(token) == raw;

    private async ValueTask DropAsync(string reason)
    {
        if (++_dropped > MaxDropped) throw Invalid("the target sent too much that cannot be passed on");
        await _gateway.Notes.NoteAsync("reply.dropped", reason, _origin.Connection.Name, _identity.Key, Operation.Id.ToString()).ConfigureAwait(false);
    }

    /// <summary>Statuses that are part of the protocol go on, with the body if it is a JSON-RPC error; the rest is trouble.</summary>
    private async ValueTask PassRefusalAsync(Clearance clearance, UpstreamResponse response, CancellationToken cancellationToken)
    {
        if (response.Status is not (400 or 404 or 405 or 406 or 409 or 415))
        {
            // 401 and 403 speak of the gateway's credential, not of the caller's, who would sign in again in vain.
            throw new UpstreamException(
                response.Status is 429 or >= 500 ? RefusalCode.UpstreamUnavailable : RefusalCode.UpstreamInvalid, $"the target answered with status {response.Status}");
        }
        Close();
        if (response.Status == 404 && _call is { Session: { } session, Era: McpEra.Sessions }) _gateway.Sessions.Forget(session);
        using var frames = UpstreamFrames.Of(response);
        if (frames is { IsStream: false } && await frames.NextAsync().ConfigureAwait(false))
        {
            var data = frames.Current.Data;
            var message = JsonRpcReader.Read(data.Span);
            if (message.Kind == JsonRpcKind.Error && (message.IdKind is JsonRpcIdKind.Absent or JsonRpcIdKind.Null || (_call.RawId is { } rawId && IsRaw(message.Id.Of(data.Span), rawId))))
            {
                _wire.Status(response.Status);
                await clearance.Replies.ReleaseLastAsync(new ReplyFrame(data, McpShapes.Reply, McpWire.Json)).ConfigureAwait(false);
                return;
            }
        }
        if (_call.IsRequest)
            await _wire.AnswerOwnAsync(response.Status, McpReplies.Error(_call.RawId, JsonRpcCodes.Unavailable, $"the target answered with status {response.Status}"), cancellationToken).ConfigureAwait(false);
        else
            _wire.Status(response.Status);
    }
}

/// <summary>What becomes of one message of the target.</summary>
[System.Runtime.InteropServices.StructLayout(System.Runtime.InteropServices.LayoutKind.Auto)]
internal readonly record struct FrameVerdict(ReadOnlyMemory<byte> Content, FrameShape Shape, bool IsLast)
{
    /// <summary>Why it is not passed on, or null.</summary>
    public string? Dropped { get; private init; }

    /// <summary>It is a question of the server; it goes its own way.</summary>
    public bool IsAsk { get; private init; }

    public static FrameVerdict Drop(string reason) => new(default, FrameShape.Text, false) { Dropped = reason };

    public static FrameVerdict Ask() => new(default, FrameShape.Text, false) { IsAsk = true };
}
