using System.Globalization;
using Microsoft.Extensions.Logging;
using Postern.Core.Operations;

namespace Postern.Protocols.Kubernetes;

/// <summary>What every request at the endpoint shares.</summary>
internal sealed class KubernetesGateway(ProtocolServices services)
{
    public ProtocolServices Services { get; } = services;

    /// <summary>Requests that never became operations.</summary>
    public RefusalNotes Notes { get; } = new(services.Recorder, services.Clock, services.Logs.CreateLogger("Postern.Kubernetes"));

    /// <summary>
    /// Names the person to the cluster, where the operator wants it, so that its audit log and its own rights do too. Every name is below
    /// <c>postern:</c>: no group of an issuer can become one of the cluster's own, <c>system:masters</c> least of all.
    /// </summary>
    public void Identify(List<KeyValuePair<string, string>> headers, string connection, Identity identity)
    {
        if (!Services.Impersonating.Contains(connection)) return;
        headers.Add(new("Impersonate-User", "postern:" + identity.Key));
        foreach (var group in identity.Groups) headers.Add(new("Impersonate-Group", string.Create(CultureInfo.InvariantCulture, $"postern:{identity.Issuer}:{group}")));
    }
}
