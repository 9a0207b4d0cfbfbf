using Microsoft.AspNetCore.Http;
using Postern.Core.Approvals;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Pipeline;

namespace Postern.Protocols.Kubernetes.Forwarding;

/// <summary>
/// A port-forward: who may open one to this pod. Nothing is sent or received under it, because each connection within asks by itself; it ends with its
/// own right, and they end with it.
/// </summary>
internal sealed class PortExchange(HttpContext http, KubernetesGateway gateway, KubernetesAsk ask, Identity identity, PortOpening opening) : IExchange, IReplySink, IAsyncDisposable
{
    private PortLink? _link;
    private PortSession? _session;

    /// <inheritdoc/>
    public Operation Operation => ask.Operation;

    /// <inheritdoc/>
    public TimeSpan Patience => gateway.Services.LongestWait;

    /// <inheritdoc/>
    public IReplySink Replies => this;

    /// <inheritdoc/>
    public async ValueTask ForwardAsync(Clearance clearance, CancellationToken cancellationToken)
    {
        _link = await opening.SwitchAsync(http).ConfigureAwait(false);
        _session = new PortSession(http, gateway, ask, identity, _link);
        await _session.RunAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask RefuseAsync(Refusal refusal, CancellationToken cancellationToken)
    {
        if (_session is not null) await _session.EndAsync(isFault: true).ConfigureAwait(false);
        else if (!http.Response.HasStarted) await KubernetesStatus.WriteAsync(http, refusal, cancellationToken).ConfigureAwait(false);
        else http.Abort();
    }

    /// <inheritdoc/>
    public ValueTask PendAsync(Refusal refusal, Hold hold, CancellationToken cancellationToken) => RefuseAsync(refusal, cancellationToken);

    /// <inheritdoc/>
    public ValueTask WriteAsync(Masked<ReadOnlyMemory<byte>> content, object? tag, CancellationToken cancellationToken) =>
        throw new InvalidOperationException("nothing is received under the opening of a port-forward");

    public async ValueTask DisposeAsync()
    {
        if (_session is not null) await _session.DisposeAsync().ConfigureAwait(false);
        if (_link is not null) await _link.DisposeAsync().ConfigureAwait(false);
    }
}
