using System.Text.Json;
using System.Text.Json.Nodes;
using Postern.Core.Masking;
using Postern.Protocols.Mcp;

namespace Postern.Tests.Mcp;

/// <summary>
/// Every message that the official schemas of both eras let a server send, with a marker in each free text
/// (<c>tests/specs/mcp/messages.jsonl</c>, printed by <c>tests/node/messages.mjs</c>).
/// </summary>
internal static class McpMessageTypes
{
    public const string Marker = "CANARY";

    // What the protocol needs as it is. A canary there blocks the message, so that tests of what passes leave these alone.
    private static readonly string[] s_tokens = ["nextCursor", "requestState", "mimeType", "protocolVersion", "supportedVersions", "progressToken", "requestId", "resultType"];

    public static IReadOnlyList<(string Type, JsonObject Message)> All { get; } =
    [
        .. File.ReadLines(Path.Combine(Specs.Folder("mcp"), "messages.jsonl")).Select(line => JsonNode.Parse(line)!)
            .Select(line => ((string)line["type"]!, line["message"]!.AsObject())),
    ];

    public static FrameShape ShapeOf(string type) => type switch
    {
        "ListToolsResult" or "ListPromptsResult" or "ListResourcesResult" or "ListResourceTemplatesResult" => McpShapes.List,
        "CreateMessageRequest" or "ElicitRequest" or "ListRootsRequest" or "PingRequest" => McpShapes.ServerAsk,
        _ when type.Contains("Task", StringComparison.Ordinal) && type.EndsWith("Result", StringComparison.Ordinal) && type != "CreateTaskResult" => McpShapes.Extension,
        _ => McpShapes.Reply,
    };

    /// <summary>The message with the marker replaced wherever it stands, save for the protocol's own tokens.</summary>
    public static string Planted(JsonObject message, string canary, bool isNameToken)
    {
        var copy = message.DeepClone();
        Settle(copy);
        return copy.ToJsonString().Replace(Marker, canary, StringComparison.Ordinal);

        void Settle(JsonNode? node)
        {
            if (node is JsonArray array)
            {
                foreach (var item in array) Settle(item);
            }
            if (node is not JsonObject members) return;
            foreach (var (name, value) in members.ToArray())
            {
                var isName = isNameToken && name is "name" or "uri" or "uriTemplate" && members.Parent is JsonArray { Parent: JsonObject { Parent: JsonObject { Parent: null } } };
                if (s_tokens.Contains(name) || isName) members[name] = value is JsonArray ? new JsonArray("plain") : "plain";
                else Settle(value);
            }
        }
    }

    /// <summary>The message once for each place, with the canary in that place alone: each text, each number, each name of data.</summary>
    public static IEnumerable<(string Place, string Message)> EachPlace(JsonObject message, string canary, string number)
    {
        var clean = message.ToJsonString().Replace(Marker, "plain", StringComparison.Ordinal);
        var root = JsonNode.Parse(clean)!;
        foreach (var path in Leaves(root, ""))
        {
            var copy = JsonNode.Parse(clean)!;
            var leaf = At(copy, path);
            var isNumber = leaf?.GetValueKind() == JsonValueKind.Number;
            leaf!.ReplaceWith(isNumber ? JsonNode.Parse(number) : JsonValue.Create(canary));
            yield return (path, copy.ToJsonString());
            if (!isNumber) continue;
            var text = JsonNode.Parse(clean)!;
            At(text, path)!.ReplaceWith(JsonValue.Create(canary));
            yield return (path + " as text", text.ToJsonString());
        }
        foreach (var path in Names(message, ""))
        {
            var copy = JsonNode.Parse(clean)!;
            var holder = At(copy, path.Holder)!.AsObject();
            var name = path.Name.Replace(Marker, "plain", StringComparison.Ordinal);
            var value = holder[name];
            holder.Remove(name);
            holder["x-" + canary] = value;
            yield return ($"{path.Holder} name", copy.ToJsonString());
        }
    }

    private static IEnumerable<string> Leaves(JsonNode? node, string path) => node switch
    {
        JsonObject members => members.SelectMany(member => path.Length == 0 && member.Key is "jsonrpc" or "method" ? [] : Leaves(member.Value, $"{path}\n{member.Key}")),
        JsonArray items => items.SelectMany((item, index) => Leaves(item, $"{path}\n{index}")),
        null => [],
        _ => [path],
    };

    private static IEnumerable<(string Holder, string Name)> Names(JsonNode? node, string path) => node switch
    {
        JsonObject members => members.SelectMany(member =>
            Names(member.Value, $"{path}\n{member.Key.Replace(Marker, "plain", StringComparison.Ordinal)}").Concat(member.Key.Contains(Marker, StringComparison.Ordinal) ? [(path, member.Key)] : [])),
        JsonArray items => items.SelectMany((item, index) => Names(item, $"{path}\n{index}")),
        _ => [],
    };

    private static JsonNode? At(JsonNode root, string path)
    {
        var node = root;
        foreach (var step in path.Split('\n').Skip(1)) node = node is JsonArray array ? array[int.Parse(step, System.Globalization.CultureInfo.InvariantCulture)]! : node![step]!;
        return node;
    }
}
