using System.Collections.Immutable;

namespace Postern.Protocols;

/// <summary>Every protocol that Postern speaks; one line each.</summary>
public static class ProtocolCatalog
{
    /// <summary>New instances, one of each protocol, for one gateway.</summary>
    public static ImmutableArray<IProtocol> Create() =>
    [
        new Http.HttpProtocol(),
        new Kubernetes.KubernetesProtocol(),
        new Mcp.McpProtocol(),
        new Postgres.PostgresProtocol(),
    ];
}
