using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Postern.Core.Operations;
using Postern.Protocols.Kubernetes.Rights;

namespace Postern.Protocols.Kubernetes;

/// <summary>The API of Kubernetes clusters, as kubectl and client-go speak it.</summary>
public sealed class KubernetesProtocol : IProtocol
{
    private CredentialCheck? _check;

    /// <inheritdoc/>
    public string Name => KubernetesVocabulary.ProtocolName;

    /// <inheritdoc/>
    public Vocabulary Vocabulary => KubernetesVocabulary.Instance;

    /// <inheritdoc/>
    public void Map(IEndpointRouteBuilder endpoints, ProtocolServices services)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(services);
        var endpoint = new KubernetesEndpoint(new KubernetesGateway(services));
        _check = new CredentialCheck(services);
        endpoints.Map(KubernetesEndpoint.Route, endpoint.HandleAsync);
        ProtectedResource.Map(endpoints, services, "/k8s/{connection}");
    }

    /// <inheritdoc/>
    public async ValueTask<CredentialReport?> CheckCredentialAsync(Connection connection, CancellationToken cancellationToken) =>
        await (_check ?? throw new InvalidOperationException("the protocol serves nothing yet")).RunAsync(connection, cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public async ValueTask<TargetAnswer?> AskTargetAsync(ProtocolServices services, Connection connection, CancellationToken cancellationToken) =>
        await KubernetesTarget.AskAsync(services, connection, cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public void EndSessions(string identityKey)
    {
        // No sessions are kept: what runs is cut by the leash.
    }
}
