using System.Globalization;
using System.Text;
using System.Text.Json;
using Postern.Core.Approvals;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Protocols.Mcp.Wire;

namespace Postern.Protocols.Mcp;

/// <summary>
/// What a client sees of its call while people are asked: an event stream that stays open, progress if it asked for progress, and in
/// the stateless era the request to come back.
/// </summary>
internal sealed class HeldCall(McpGateway gateway, Identity identity, McpCall call, McpWire wire)
{
    private int _signs;

    /// <summary>Keeps the wire alive. The head goes out at once: clients that get none give up sooner.</summary>
    public ValueTask SignAsync(Refusal refusal, Waiting waiting, CancellationToken cancellationToken)
    {
        if (_signs++ == 0 && call is { Session: { } session, RawId: { } rawId } && session.FindOpen(rawId) is { } open) open.Waiting = waiting;
        return call.ProgressToken is { } token
            ? wire.NotifyOwnAsync(McpReplies.WaitingProgress(refusal, token, _signs), cancellationToken)
            : wire.KeepAliveAsync(cancellationToken);
    }

    /// <summary>The answer that makes the client come back by itself, or null where it would not, or no more.</summary>
    public ReadOnlyMemory<byte>? ComeBack(Refusal refusal, Operation operation, Hold hold)
    {
        var legs = call.LegsBehind + 1;
        if (call.Era != McpEra.Stateless || ClientPatience.Of(call, gateway.Services) == TimeSpan.Zero || legs >= ClientPatience.MaxLegs) return null;
        return McpReplies.ComeBack(refusal, gateway.States.SealWaiting(identity, operation, hold, legs), call);
    }

    /// <summary>True unless the target's progress would fall back behind what the client was told (the values of one token must rise).</summary>
    public bool IsBeyond(in JsonRpcMessage message, ReadOnlyMemory<byte> data)
    {
        if (_signs == 0 || call.ProgressToken is null) return true;
        using var parameters = JsonDocument.Parse(message.Params.Of(data));
        return parameters.RootElement.TryGetProperty("progress", out var progress) && progress.ValueKind == JsonValueKind.Number
            && progress.GetDouble() > (double)(_signs * McpReplies.ProgressStep);
    }
}
