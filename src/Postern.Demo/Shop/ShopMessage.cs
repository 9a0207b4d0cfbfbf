using System.Text;
using System.Text.Json;

namespace Postern.Demo.Shop;

/// <summary>One JSON-RPC message from a client, read strictly. Its document lives as long as the request.</summary>
internal sealed class ShopMessage
{
    private const string VersionKey = "io.modelcontextprotocol/protocolVersion";
    private const string CapabilitiesKey = "io.modelcontextprotocol/clientCapabilities";

    private ShopMessage(string method, JsonElement? id, JsonElement? parameters)
    {
        Method = method;
        Id = id;
        Parameters = parameters;
    }

    /// <summary>The method.</summary>
    public string Method { get; }

    /// <summary>A string or whole number; null for a notification.</summary>
    public JsonElement? Id { get; }

    /// <summary>The <c>params</c> object, if any.</summary>
    public JsonElement? Parameters { get; }

    /// <summary>The tool that a call names.</summary>
    public string? Tool => Method == "tools/call" ? TextOf(Parameters, "name") : null;

    /// <summary>The revision that a message of the stateless era carries with itself.</summary>
    public string? Version => TextOf(Member(Parameters, "_meta"), VersionKey);

    /// <summary>True when the message states what its client can do, as the stateless era requires.</summary>
    public bool HasCapabilities => Member(Member(Parameters, "_meta"), CapabilitiesKey) is { ValueKind: JsonValueKind.Object };

    /// <summary>The arguments of a call.</summary>
    public JsonElement? Arguments => Member(Parameters, "arguments");

    /// <summary>Where to report progress to, if asked for.</summary>
    public JsonElement? ProgressToken => Member(Member(Parameters, "_meta"), "progressToken");

    /// <summary>Reads a message; otherwise <paramref name="problem"/> and its JSON-RPC error code say what is wrong.</summary>
    public static ShopMessage? Read(ReadOnlyMemory<byte> body, out int code, out string problem)
    {
        (code, problem) = (-32700, "the body is not strict JSON in UTF-8");
        JsonElement root;
        try
        {
            _ = new UTF8Encoding(false, throwOnInvalidBytes: true).GetCharCount(body.Span);
            root = JsonDocument.Parse(body, ShopJson.Strict).RootElement;
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            return null;
        }
        (code, problem) = (-32600, "the body is not one JSON-RPC 2.0 request or notification");
        if (root.ValueKind != JsonValueKind.Object || TextOf(root, "jsonrpc") != "2.0" || TextOf(root, "method") is not { } method) return null;
        var id = Member(root, "id");
        if (id is { } given && given.ValueKind != JsonValueKind.String && !(given.ValueKind == JsonValueKind.Number && given.TryGetInt64(out _))) return null;
        var parameters = Member(root, "params");
        if (parameters is { ValueKind: not JsonValueKind.Object }) return null;
        if (Member(parameters, "arguments") is { ValueKind: not JsonValueKind.Object }) return null;
        return new ShopMessage(method, id, parameters);
    }

    /// <summary>A member that holds text.</summary>
    public static string? TextOf(JsonElement? element, string name)
    {
        if (Member(element, name) is not { ValueKind: JsonValueKind.String } value) return null;
        try
        {
            return value.GetString();
        }
        catch (InvalidOperationException)
        {
            // A lone surrogate parses and then cannot be read.
            return null;
        }
    }

    private static JsonElement? Member(JsonElement? element, string name) =>
        element is { ValueKind: JsonValueKind.Object } map && map.TryGetProperty(name, out var value) ? value : null;
}
