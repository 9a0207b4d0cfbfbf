using System.Collections.Immutable;
using Postern.Core.Masking;
using Postern.Protocols.Mcp.Wire;

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
        IsRead = true, // JsonRpcReader
        Roots =
        [
            ["result", "structuredContent"],
            ["result", "toolResult"], // the first revision's name of it
            .. Content("result", "content", "[*]"),
            .. Resource("result", "contents", "[*]"),
            .. Content("result", "messages", "[*]", "content"),
            ["result", "completion", "values"],
            ["result", "inputRequests", "{*}", "params"],
            ["result", "_meta"],
            ["error", "message"],
            ["error", "data"],
            ["params", "message"],
            ["params", "data"],
            ["params", "_meta"],
        ],
        Blobs = [.. Blobs("result", "content", "[*]"), ["result", "contents", "[*]", "blob"], .. Blobs("result", "messages", "[*]", "content")],
        Descriptions = [["result", "inputRequests", "{*}", "params", "requestedSchema"], ["result", "inputRequests", "{*}", "params", "tools"]],
        Structure = [["jsonrpc"], ["id"], ["method"]],
        Tokens =
        [
            ["error", "code"],
            ["result", "isError"],
            ["result", "resultType"],
            ["result", "requestState"],
            ["result", "nextCursor"],
            ["result", "ttlMs"],
            ["result", "cacheScope"],
            ["result", "protocolVersion"],
            ["result", "supportedVersions"],
            ["result", "content", "[*]", "type"],
            ["result", "content", "[*]", "mimeType"],
            ["result", "content", "[*]", "resource", "mimeType"],
            ["result", "contents", "[*]", "mimeType"],
            ["result", "messages", "[*]", "role"],
            ["result", "messages", "[*]", "content", "type"],
            ["result", "messages", "[*]", "content", "mimeType"],
            ["result", "messages", "[*]", "content", "resource", "mimeType"],
            ["result", "inputRequests", "{*}", "method"],
            ["result", "inputRequests", "{*}", "params", "mode"],
            ["params", "progressToken"],
            ["params", "progress"],
            ["params", "total"],
            ["params", "level"],
            ["params", "requestId"],
        ],
    };

    /// <summary>An answer to a method that the specification does not have: nobody can say where its data is, so all of it is.</summary>
    public static readonly FrameShape Extension = new()
    {
        Form = FrameForm.Json,
        IsRead = true,
        Roots = [["result"], .. Reply.Roots],
        Structure = [["jsonrpc"], ["id"], ["method"]],
        Tokens = [["error", "code"], ["result", "resultType"], ["result", "nextCursor"], ["result", "requestState"]],
    };

    /// <summary>A notification that the specification does not have: all of it is data.</summary>
    public static readonly FrameShape ExtensionNotice = new()
    {
        Form = FrameForm.Json,
        Roots = [["params"], .. Reply.Roots],
        Structure = [["jsonrpc"], ["method"]],
    };

    /// <summary>What a server asks of the client: <c>$</c> is what it says.</summary>
    public static readonly FrameShape ServerAsk = new()
    {
        Form = FrameForm.Json,
        Roots = [["params"], ["params", "message"], ["params", "systemPrompt"], .. Content("params", "messages", "[*]", "content"), .. Content("params", "messages", "[*]", "content", "[*]")],
        Blobs = [.. Blobs("params", "messages", "[*]", "content"), .. Blobs("params", "messages", "[*]", "content", "[*]")],
        // A schema that describes a field is not the field.
        Descriptions = [["params", "requestedSchema"], ["params", "tools"]],
        Structure = [["jsonrpc"], ["method"]],
        Tokens =
        [
            ["id"],
            ["params", "mode"],
            ["params", "maxTokens"],
            ["params", "messages", "[*]", "role"],
            ["params", "messages", "[*]", "content", "type"],
            ["params", "messages", "[*]", "content", "[*]", "type"],
            ["params", "_meta", "progressToken"],
        ],
    };

    /// <summary>
    /// A list of definitions: detectors read its texts, but a mask's <c>$</c> never is the list, because a schema that
    /// describes a field is not the field.
    /// </summary>
    public static readonly FrameShape List = new()
    {
        Form = FrameForm.Json,
        Roots = [["error", "message"], ["error", "data"], ["result", "_meta"]],
        Structure = [["jsonrpc"], ["id"]],
        Tokens =
        [
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

    /// <summary>The shape of the result of this method.</summary>
    public static FrameShape OfResult(string method, McpEra era) =>
        McpListFilter.IsList(method) ? List : McpMethods.IsSpecified(method, era) ? Reply : Extension;

    /// <summary>What is data in a block of content, or in a list of them.</summary>
    private static ImmutableArray<ImmutableArray<string>> Content(params ReadOnlySpan<string> block) =>
        [[.. block, "text"], [.. block, "_meta"], [.. block, "structuredContent"], [.. block, "input"], [.. block, "content", "[*]", "text"], .. Resource([.. block, "resource"])];

    private static ImmutableArray<ImmutableArray<string>> Resource(params ReadOnlySpan<string> resource) => [[.. resource, "text"], [.. resource, "_meta"]];

    private static ImmutableArray<ImmutableArray<string>> Blobs(params ReadOnlySpan<string> block) => [[.. block, "data"], [.. block, "resource", "blob"]];
}
