using Microsoft.AspNetCore.Routing;
using Postern.Core.Operations;

namespace Postern.Protocols.Mcp;

/// <summary>The Model Context Protocol over Streamable HTTP, revisions 2025-03-26 to 2026-07-28.</summary>
public sealed class McpProtocol : IProtocol
{
    /// <summary>The name in <c>connections.*.protocol</c>.</summary>
    public const string ProtocolName = "mcp";

    /// <inheritdoc/>
    public string Name => ProtocolName;

    /// <inheritdoc/>
    public Vocabulary Vocabulary => McpVocabulary.Instance;

    /// <inheritdoc/>
    public void Map(IEndpointRouteBuilder endpoints, ProtocolServices services)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(services);
    }
}
