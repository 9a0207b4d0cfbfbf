using Postern.Core.Approvals;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Protocols.Mcp.Wire;
using Postern.Upstreams;

namespace Postern.Protocols.Mcp;

/// <summary>
/// An operation of the gateway itself: it runs through the same six steps, is recorded like any other, and its only caller is
/// this process.
/// </summary>
internal sealed class GatewayExchange(ProtocolServices services, Operation operation, UpstreamRequest request) : IExchange, IReplySink
{
    /// <summary>The gateway's own identity; what it may do is a closed list.</summary>
    public static readonly Identity Self = Itself.Identity;

    /// <inheritdoc/>
    public Operation Operation => operation;

    /// <inheritdoc/>
    public TimeSpan Patience => TimeSpan.Zero;

    /// <inheritdoc/>
    public IReplySink Replies => this;

    /// <summary>The response as the target wrote it: what is pinned must be the bytes, not their masked form. Null when there was none.</summary>
    public ReadOnlyMemory<byte>? Response { get; private set; }

    /// <summary>The HTTP status; 0 when nothing was reached.</summary>
    public int Status { get; private set; }

    /// <summary>Why there was no answer; null when there was one.</summary>
    public UpstreamException? Fault { get; private set; }

    /// <summary>The target's session id, if it opened one.</summary>
    public string? SessionId { get; private set; }

    /// <inheritdoc/>
    public async ValueTask ForwardAsync(Clearance clearance, CancellationToken cancellationToken)
    {
        try
        {
            await SendAsync(clearance, cancellationToken).ConfigureAwait(false);
        }
        catch (UpstreamException fault)
        {
            Fault = fault;
            throw;
        }
    }

    /// <inheritdoc/>
    public ValueTask WriteAsync(Masked<ReadOnlyMemory<byte>> content, object? tag, CancellationToken cancellationToken) => default;

    /// <inheritdoc/>
    public ValueTask RefuseAsync(Refusal refusal, CancellationToken cancellationToken) => default;

    /// <inheritdoc/>
    public ValueTask PendAsync(Refusal refusal, Hold hold, CancellationToken cancellationToken) => default;

    private async ValueTask SendAsync(Clearance clearance, CancellationToken cancellationToken)
    {
        await using var response = await services.Upstreams.SendAsync(clearance, request, cancellationToken).ConfigureAwait(false);
        Status = response.Status;
        SessionId = response.Header(McpHeaders.SessionId);
        using var frames = UpstreamFrames.Of(response);
        if (frames is null) return;
        while (await frames.NextAsync().ConfigureAwait(false))
        {
            var data = frames.Current.Data;
            if (data.IsEmpty || JsonRpcReader.Read(data.Span).Kind is not (JsonRpcKind.Result or JsonRpcKind.Error)) continue;
            Response = data.ToArray();
            await clearance.Replies.ReleaseLastAsync(new ReplyFrame(Response.Value, McpShapes.List)).ConfigureAwait(false);
            return;
        }
    }
}
