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
    private const int MaxDepth = 16;

    public static IReadOnlyList<KeyValuePair<string, string>> Verified(
        IHeaderDictionary headers, Definition? definition, in JsonRpcMessage message, ReadOnlyMemory<byte> body, out bool isWrong)
    {
        isWrong = false;
        // Nearly every call ends here. A schema that spells the word with escapes asks for no header, so none goes on.
        if (message.Method != McpMethods.ToolsCall || definition is null || definition.InputSchema.Span.IndexOf("x-mcp-header"u8) < 0) return [];
        var verified = new List<KeyValuePair<string, string>>();
        using var schema = JsonDocument.Parse(definition.InputSchema);
        using var arguments = message.Arguments.IsEmpty ? null : JsonDocument.Parse(message.Arguments.Of(body));
        isWrong = !Verify(headers, schema.RootElement, arguments?.RootElement ?? default, verified, depth: 0);
        return verified;
    }

    /// <summary>Walks the chain of <c>properties</c>, the only place where the annotation means something; false at the first header that is wrong.</summary>
    private static bool Verify(IHeaderDictionary headers, JsonElement schema, JsonElement arguments, List<KeyValuePair<string, string>> verified, int depth)
    {
        if (depth > MaxDepth || schema.ValueKind != JsonValueKind.Object || !schema.TryGetProperty("properties", out var properties) || properties.ValueKind != JsonValueKind.Object) return true;
        foreach (var property in properties.EnumerateObject())
        {
            if (property.Value.ValueKind != JsonValueKind.Object) continue;
            var argument = arguments.ValueKind == JsonValueKind.Object && arguments.TryGetProperty(property.Name, out var found) ? found : default;
            if (property.Value.TryGetProperty("x-mcp-header", out var mirror) && mirror.ValueKind == JsonValueKind.String && !VerifyOne(headers, mirror.GetString()!, argument, verified)) return false;
            if (!Verify(headers, property.Value, argument, verified, depth + 1)) return false;
        }
        return true;
    }

    private static bool VerifyOne(IHeaderDictionary headers, string mirror, JsonElement argument, List<KeyValuePair<string, string>> verified)
    {
        var name = McpHeaders.ParamPrefix + mirror;
        var values = headers[name];
        var text = TextOf(argument);
        // "The server MUST reject" an argument without its header too; behind a server over stdio there is nobody else to do it.
        if (values.Count == 0) return text is null;
        if (values is not [{ } raw] || text is null || !McpHeaders.TryDecodeText(raw, out var said) || !string.Equals(said, text, StringComparison.Ordinal)) return false;
        verified.Add(new(name, raw));
        return true;
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
