using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Postern.Core.Operations;
using Postern.Upstreams;

namespace Postern.Protocols.Mcp;

/// <summary>The Model Context Protocol over Streamable HTTP, revisions 2025-03-26 to 2026-07-28.</summary>
public sealed class McpProtocol : IProtocol
{
    /// <summary>The name in <c>connections.*.protocol</c>.</summary>
    public const string ProtocolName = "mcp";

    private McpSessions? _sessions;
    private IUpstreamDialer? _upstreams;

    /// <inheritdoc/>
    public string Name => ProtocolName;

    /// <inheritdoc/>
    public Vocabulary Vocabulary => McpVocabulary.Instance;

    /// <summary>What targets define and what of it is accepted; null until mapped.</summary>
    public McpDefinitions? Definitions { get; private set; }

    /// <inheritdoc/>
    public void EndSessions(string identityKey)
    {
        _sessions?.EndAll(identityKey);
        _upstreams?.End(identityKey);
    }

    /// <inheritdoc/>
    public async ValueTask<TargetAnswer?> AskTargetAsync(ProtocolServices services, Connection connection, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(connection);
        var reader = new McpDefinitionReader(services, connection);
        if (await reader.ReadAsync(cancellationToken).ConfigureAwait(false) is { } catalogue)
        {
            return new(TargetState.Good, $"it answers with {Count(catalogue.Tools.Count, "tool")} and {Count(catalogue.Prompts.Count, "prompt")}") { Tools = [.. catalogue.Tools.Select(tool => new OfferedTool(tool.Name, tool.Document))] };
        }
        return reader.Last switch
        {
            { Status: 401 or 403 } last => new(TargetState.Refused, $"it does not let the gateway in: status {last.Status}"),
            { Status: 0 } last => TargetErrand.Failed(last.Fault),
            { Fault: { } fault } => TargetErrand.Failed(fault),
            { Status: var status } => new(TargetState.Foreign, $"it does not answer as an MCP server: status {status}"),
            null => TargetErrand.Failed(null),
        };
    }

    private static string Count(int number, string what) => $"{number} {what}{(number == 1 ? "" : "s")}";

    /// <inheritdoc/>
    public void Map(IEndpointRouteBuilder endpoints, ProtocolServices services)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(services);
        var gateway = new McpGateway(services);
        Definitions = gateway.Definitions;
        _sessions = gateway.Sessions;
        _upstreams = services.Upstreams;
        endpoints.Map(McpEndpoint.Route, new McpEndpoint(gateway).HandleAsync);
        ProtectedResource.Map(endpoints, services, McpEndpoint.Route);
        foreach (var connection in services.Connections.All)
        {
            if (connection.Protocol == ProtocolName) gateway.Definitions.RefreshSoon(connection);
        }
    }
}
