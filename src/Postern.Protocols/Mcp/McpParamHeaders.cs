using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Postern.Core.Operations;
using Postern.Protocols.Mcp.Wire;

namespace Postern.Protocols.Mcp;

/// <summary>
/// Headers that mirror arguments (2026-07-28, <c>x-mcp-header</c>). One goes on only if the accepted definition asks for it and
/// it says what the judged argument says; a header without an argument behind it would be input that nobody judged.
/// </summary>
internal static class McpParamHeaders
{
    public static List<KeyValuePair<string, string>> Verified(
        IHeaderDictionary headers, Definition? definition, in JsonRpcMessage message, ReadOnlyMemory<byte> body, out bool isWrong)
    {
        isWrong = false;
        var verified = new List<KeyValuePair<string, string>>();
        if (message.Method != McpMethods.ToolsCall || definition is null || definition.InputSchema.IsEmpty) return verified;
        if (!headers.Keys.Any(key => key.StartsWith(McpHeaders.ParamPrefix, StringComparison.OrdinalIgnoreCase))) return verified;

        using var schema = JsonDocument.Parse(definition.InputSchema);
        using var arguments = message.Arguments.IsEmpty ? null : JsonDocument.Parse(message.Arguments.Of(body));
        if (schema.RootElement.ValueKind != JsonValueKind.Object || !schema.RootElement.TryGetProperty("properties", out var properties) || properties.ValueKind != JsonValueKind.Object) return verified;
        foreach (var property in properties.EnumerateObject())
        {
            if (property.Value.ValueKind != JsonValueKind.Object || !property.Value.TryGetProperty("x-mcp-header", out var mirror) || mirror.ValueKind != JsonValueKind.String) continue;
            var name = McpHeaders.ParamPrefix + mirror.GetString();
            var values = headers[name];
            if (values.Count == 0) continue;
            var argument = arguments is not null && arguments.RootElement.TryGetProperty(property.Name, out var found) ? TextOf(found) : null;
            if (values is not [{ } raw] || argument is null || !McpHeaders.TryDecode(raw, out var said) || !string.Equals(said, argument, StringComparison.Ordinal))
            {
                isWrong = true;
                return verified;
            }
            verified.Add(new(name, raw));
        }
        return verified;
    }

    private static string? TextOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString(),
        JsonValueKind.Number => value.GetRawText(),
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        _ => null,
    };
}
