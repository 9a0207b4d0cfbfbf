namespace Postern.Protocols.Mcp;

/// <summary>The actions of MCP operations, as records and approvals name them.</summary>
internal static class McpActions
{
    public const string CallTool = "mcp.tools.call";
    public const string GetPrompt = "mcp.prompts.get";
    public const string ReadResource = "mcp.resources.read";
    public const string Subscribe = "mcp.resources.subscribe";
    public const string Unsubscribe = "mcp.resources.unsubscribe";
    public const string Complete = "mcp.completion.complete";
    public const string ListTools = "mcp.tools.list";
    public const string ListPrompts = "mcp.prompts.list";
    public const string ListResources = "mcp.resources.list";
    public const string ListTemplates = "mcp.resources.templates.list";
    public const string Initialize = "mcp.initialize";
    public const string Discover = "mcp.server.discover";
    public const string Ping = "mcp.ping";
    public const string SetLevel = "mcp.logging.set_level";
    public const string Notify = "mcp.notify";
    public const string Listen = "mcp.stream.listen";
    public const string OpenStream = "mcp.stream.open";
    public const string ResumeStream = "mcp.stream.resume";
    public const string EndSession = "mcp.session.end";
    public const string Extension = "mcp.extension";
    public const string ServerAsk = "mcp.server.ask";

    /// <summary>The gateway's own: reading what a target defines.</summary>
    public const string ReadDefinitions = "mcp.definitions.read";

    /// <summary>The gateway's own: telling a target that what it asked of the client is refused.</summary>
    public const string RefuseServerAsk = "mcp.server_ask.refuse";
}
