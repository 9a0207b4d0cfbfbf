using Postern.Core.Approvals;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Protocols.Mcp.Wire;

namespace Postern.Protocols.Mcp;

/// <summary>
/// One question of a target in flight: shown to the client on the stream of the call that provoked it; the client's answer,
/// which comes as a request of its own, goes to the target through the input gate of the same clearance. The end of that call
/// (<c>over</c>) ends the waiting, but not the sending of an answer that was given.
/// </summary>
internal sealed class ServerAskExchange(McpGateway gateway, McpCall call, McpWire wire, Operation operation, string word, string rawId, CancellationToken over) : IExchange
{
    private string? _fault;

    /// <inheritdoc/>
    public Operation Operation => operation;

    /// <inheritdoc/>
    public TimeSpan Patience => TimeSpan.Zero;

    /// <inheritdoc/>
    public IReplySink Replies => wire;

    /// <inheritdoc/>
    public async ValueTask ForwardAsync(Clearance clearance, CancellationToken cancellationToken)
    {
        _fault = Elicitation.FaultOf(word, operation.Request, out var elicitationId);
        if (_fault is not null) throw new UpstreamException(RefusalCode.UpstreamInvalid, _fault);
        var ask = new ServerAsk(rawId);
        var asks = call.Session!.Asks;
        if (!asks.TryAdd(ask)) throw new UpstreamException(RefusalCode.UpstreamInvalid, "the target asks twice under one id, or too much at once");
        try
        {
            if (elicitationId is not null) asks.Opened(elicitationId);
            await clearance.Replies.ReleaseLastAsync(new ReplyFrame(operation.Request, McpShapes.ServerAsk, SseTag.Plain)).ConfigureAwait(false);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, over);
            ReadOnlyMemory<byte> answer;
            try
            {
                answer = await ask.Answer.WaitAsync(either.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (over.IsCancellationRequested || ask.Answer.IsCanceled)
            {
                return; // the target went on without an answer, or took the question back
            }
            await clearance.Inputs.SendAsync(answer, McpShapes.Request, new AnswerSink(gateway, call, clearance)).ConfigureAwait(false);
            ask.Finish(isSent: true);
        }
        finally
        {
            asks.Withdraw(ask);
            ask.Finish(isSent: false);
        }
    }

    /// <summary>The client never hears of it; the target is told no, by an operation of the gateway's own.</summary>
    public async ValueTask RefuseAsync(Refusal refusal, CancellationToken cancellationToken)
    {
        var body = _fault is not null
            ? McpReplies.Error(rawId, JsonRpcCodes.InvalidParams, $"the gateway does not pass on {_fault}")
            : refusal.Code == RefusalCode.NotPermitted
            ? McpReplies.Error(rawId, JsonRpcCodes.Denied, "not permitted by the gateway's policy")
            : McpReplies.Error(rawId, JsonRpcCodes.Unavailable, "the client could not be asked, or its answer could not be passed on");
        var own = McpOperations.OfGateway(operation.Connection, McpActions.RefuseServerAsk, body, operation.Id, gateway.Services.Clock.GetUtcNow());
        var exchange = new GatewayExchange(gateway.Services, own, UpstreamHeaders.ForAnswer(call, body));
        await gateway.Services.Pipeline.RunAsync(exchange, GatewayExchange.Self, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public ValueTask PendAsync(Refusal refusal, Hold hold, CancellationToken cancellationToken) => RefuseAsync(refusal, cancellationToken);

    private sealed class AnswerSink(McpGateway gateway, McpCall call, Clearance clearance) : IInputSink
    {
        public async ValueTask WriteAsync(ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
        {
            await using var response = await gateway.Services.Upstreams.SendAsync(clearance, UpstreamHeaders.ForAnswer(call, content), cancellationToken).ConfigureAwait(false);
            if (response.Status is < 200 or > 299) throw new UpstreamException(RefusalCode.UpstreamInvalid, $"the target answered with status {response.Status}");
        }
    }
}
