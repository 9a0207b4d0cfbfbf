using Microsoft.Extensions.Logging;
using Postern.Protocols.Mcp.Wire;

namespace Postern.Protocols.Mcp;

/// <summary>What the parts of the MCP protocol share within one gateway.</summary>
internal sealed class McpGateway
{
    public McpGateway(ProtocolServices services)
    {
        Services = services;
        Sessions = new McpSessions(services.Clock);
        Notes = new RefusalNotes(services.Recorder, services.Clock, services.Logs.CreateLogger("Postern.Mcp"));
        Definitions = new McpDefinitions(services);
        Cursors = new McpCursors();
        Lists = new McpListFilter(services, Definitions, Cursors);
        States = new RequestStates(services);
        Tasks = new OwnedTasks(this);
    }

    public ProtocolServices Services { get; }

    public McpSessions Sessions { get; }

    public RefusalNotes Notes { get; }

    public McpDefinitions Definitions { get; }

    public McpCursors Cursors { get; }

    public McpListFilter Lists { get; }

    public RequestStates States { get; }

    public OwnedTasks Tasks { get; }
}

/// <summary>One message of a client as it came over HTTP, checked and read.</summary>
internal sealed class McpCall
{
    /// <summary>POST, GET or DELETE.</summary>
    public required string HttpMethod { get; init; }

    public required McpEra Era { get; init; }

    /// <summary>The version header as sent, or null.</summary>
    public string? Version { get; init; }

    /// <summary>The method of the message, or null for GET and DELETE.</summary>
    public string? Method { get; init; }

    /// <summary>What the client calls itself in this message, or null.</summary>
    public string? ClientName { get; init; }

    /// <summary>The request id's raw token; null when nothing is to be answered.</summary>
    public string? RawId { get; init; }

    /// <summary>The raw progress token of the request, or null.</summary>
    public string? ProgressToken { get; init; }

    public McpSession? Session { get; init; }

    /// <summary>The session's entry of this request; null without a session.</summary>
    public OpenRequest? Open { get; init; }

    /// <summary>The target's own event id from which a stream goes on, or null.</summary>
    public string? ResumeAfter { get; init; }

    /// <summary>The requests that a resumed stream may still answer.</summary>
    public OpenRequest[] Resumable { get; init; } = [];

    /// <summary>How many legs of waiting for people lie behind this call (stateless era).</summary>
    public int LegsBehind { get; init; }

    /// <summary>The verified <c>Mcp-Method</c> as sent, or null.</summary>
    public string? MethodHeader { get; init; }

    /// <summary>The verified <c>Mcp-Name</c> as sent, or null.</summary>
    public string? NameHeader { get; init; }

    /// <summary>The verified <c>Mcp-Param-*</c> headers as sent.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> ParamHeaders { get; init; } = [];

    /// <summary>True when the message wants an answer.</summary>
    public bool IsRequest => RawId is not null;
}
