using Postern.Core.Masking;

namespace Postern.Protocols.Mcp;

/// <summary>Where values stand in MCP messages, and what masks must leave alone so that the protocol goes on working.</summary>
internal static class McpShapes
{
    /// <summary>A client's message, for the record: <c>$</c> is the arguments.</summary>
    public static readonly FrameShape Request = new()
    {
        Form = FrameForm.Json,
        Roots = [["params", "arguments"], ["params", "inputResponses"], ["result"], ["error", "data"]],
        Structure = [["jsonrpc"], ["id"], ["method"], ["params", "name"], ["params", "protocolVersion"], ["params", "_meta", "progressToken"]],
    };

    /// <summary>
    /// A server's message of any kind. Results, errors and notifications share no path, so one shape serves every stream
    /// that mixes them. Roots that are not there cost nothing; text blocks often hold the structured result once more.
    /// </summary>
    public static readonly FrameShape Reply = new()
    {
        Form = FrameForm.Json,
        Roots =
        [
            ["result", "structuredContent"],
            ["result", "content", "[*]", "text"],
            ["result", "content", "[*]", "resource", "text"],
            ["result", "contents", "[*]", "text"],
            ["result", "messages", "[*]", "content", "text"],
            ["result", "messages", "[*]", "content", "resource", "text"],
            ["result", "completion", "values"],
            ["result", "inputRequests"],
            ["result", "_meta"],
            ["error", "data"],
            ["params", "data"],
            ["params", "_meta"],
        ],
        Structure =
        [
            ["jsonrpc"],
            ["id"],
            ["method"],
            ["result", "resultType"],
            ["result", "requestState"],
            ["result", "isError"],
            ["result", "nextCursor"],
            ["result", "ttlMs"],
            ["result", "cacheScope"],
            ["result", "protocolVersion"],
            ["result", "supportedVersions"],
            ["result", "content", "[*]", "type"],
            ["result", "content", "[*]", "mimeType"],
            ["result", "contents", "[*]", "mimeType"],
            ["result", "messages", "[*]", "role"],
            ["result", "messages", "[*]", "content", "type"],
            ["error", "code"],
            ["params", "progressToken"],
            ["params", "progress"],
            ["params", "total"],
            ["params", "level"],
            ["params", "requestId"],
        ],
    };

    /// <summary>What a server asks of the client: <c>$</c> is what it says.</summary>
    public static readonly FrameShape ServerAsk = new()
    {
        Form = FrameForm.Json,
        Roots = [["params"]],
        Structure = [["jsonrpc"], ["id"], ["method"], ["params", "mode"], ["params", "maxTokens"], ["params", "requestedSchema"]],
    };

    /// <summary>
    /// A list of definitions: detectors read its texts, but a mask's <c>$</c> never is the list, because a schema that
    /// describes a field is not the field.
    /// </summary>
    public static readonly FrameShape List = new()
    {
        Form = FrameForm.Json,
        Roots = [["error", "data"]],
        Structure =
        [
            ["jsonrpc"],
            ["id"],
            ["error", "code"],
            ["result", "resultType"],
            ["result", "nextCursor"],
            ["result", "ttlMs"],
            ["result", "cacheScope"],
            ["result", "tools", "[*]", "name"],
            ["result", "prompts", "[*]", "name"],
            ["result", "resources", "[*]", "uri"],
            ["result", "resourceTemplates", "[*]", "uriTemplate"],
        ],
    };
}
