using Postern.Core.Pipeline;

namespace Postern.Upstreams;

/// <summary>Which dialer a connection's target needs; whoever asks does not know.</summary>
/// <param name="isStdio">True for the name of a connection whose target is started by the gateway.</param>
/// <param name="stdio">Speaks to those.</param>
/// <param name="http">Speaks to all others.</param>
public sealed class UpstreamDialers(Func<string, bool> isStdio, IUpstreamDialer stdio, IUpstreamDialer http) : IUpstreamDialer
{
    /// <inheritdoc/>
    public ValueTask<UpstreamResponse> SendAsync(Clearance clearance, UpstreamRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(clearance);
        return (isStdio(clearance.Operation.Connection.Name) ? stdio : http).SendAsync(clearance, request, cancellationToken);
    }

    /// <inheritdoc/>
    public void End(string identityKey)
    {
        stdio.End(identityKey);
        http.End(identityKey);
    }
}
