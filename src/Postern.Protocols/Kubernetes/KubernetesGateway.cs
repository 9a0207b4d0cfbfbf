using Microsoft.Extensions.Logging;

namespace Postern.Protocols.Kubernetes;

/// <summary>What every request at the endpoint shares.</summary>
internal sealed class KubernetesGateway(ProtocolServices services)
{
    public ProtocolServices Services { get; } = services;

    /// <summary>Requests that never became operations.</summary>
    public RefusalNotes Notes { get; } = new(services.Recorder, services.Clock, services.Logs.CreateLogger("Postern.Kubernetes"));

    /// <summary>True when the gateway names the caller to this cluster.</summary>
    public bool Impersonates(string connection) => Services.Impersonating.Contains(connection);
}
