using System.Text.Json;
using System.Text.Json.Nodes;

namespace Postern.Demo.Shop;

/// <summary>What the shop answers: a status, and a JSON-RPC message unless there is nothing to say.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Message">The message, or null.</param>
/// <param name="Session">The new session's id, after <c>initialize</c>.</param>
/// <param name="Progress">A notification sent before the message; makes the answer a stream of events.</param>
internal sealed record ShopReply(int Status, JsonObject? Message = null, string? Session = null, JsonObject? Progress = null)
{
    /// <summary>An answer.</summary>
    public static ShopReply Result(JsonElement? id, JsonObject result) =>
        new(200, new JsonObject { ["jsonrpc"] = "2.0", ["id"] = Node(id), ["result"] = result });

    /// <summary>A JSON-RPC error.</summary>
    public static ShopReply Error(int status, JsonElement? id, int code, string message, JsonObject? data = null)
    {
        var error = new JsonObject { ["code"] = code, ["message"] = message };
        if (data is not null) error["data"] = data;
        return new ShopReply(status, new JsonObject { ["jsonrpc"] = "2.0", ["id"] = Node(id), ["error"] = error });
    }

    /// <summary>A copy of an element as a node of its own.</summary>
    public static JsonNode? Node(JsonElement? element) => element is { } value ? JsonNode.Parse(value.GetRawText()) : null;
}
