using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Postern.Cli.Output;

/// <summary>Writes JSON data as block-style YAML 1.2. Text that another reader could take for something else is quoted.</summary>
internal static class YamlText
{
    /// <summary>The document, with a line feed at its end.</summary>
    public static string Of(JsonNode? node)
    {
        var text = new StringBuilder();
        Write(text, node, indent: 0, afterDash: false);
        return text.ToString();
    }

    private static void Write(StringBuilder text, JsonNode? node, int indent, bool afterDash)
    {
        switch (node)
        {
            case JsonObject { Count: > 0 } map:
                var isFirst = afterDash;
                foreach (var (key, value) in map)
                {
                    if (!isFirst) text.Append(' ', indent);
                    isFirst = false;
                    text.Append(Scalar(key)).Append(':');
                    WriteBelow(text, value, indent);
                }
                return;
            case JsonArray { Count: > 0 } list:
                var isFirstItem = afterDash;
                foreach (var value in list)
                {
                    if (!isFirstItem) text.Append(' ', indent);
                    isFirstItem = false;
                    text.Append("- ");
                    Write(text, value, indent + 2, afterDash: true);
                }
                return;
            default:
                text.Append(Leaf(node)).Append('\n');
                return;
        }
    }

    private static void WriteBelow(StringBuilder text, JsonNode? value, int indent)
    {
        if (value is JsonObject { Count: > 0 } or JsonArray { Count: > 0 })
        {
            text.Append('\n');
            Write(text, value, indent + 2, afterDash: false);
            return;
        }
        text.Append(' ').Append(Leaf(value)).Append('\n');
    }

    private static string Leaf(JsonNode? node) => node switch
    {
        null => "null",
        JsonObject => "{}",
        JsonArray => "[]",
        JsonValue value when value.GetValueKind() == JsonValueKind.String => Scalar(value.GetValue<string>()),
        _ => node.ToJsonString(),
    };

    // Plain only when no YAML version reads it as anything but text; otherwise a JSON string, which YAML 1.2 reads alike.
    internal static string Scalar(string value)
    {
        var isPlain = value.Length > 0 && char.IsAsciiLetter(value[0])
            && value.All(character => char.IsAsciiLetterOrDigit(character) || character is '_' or '-' or '.' or '/' or '@' or ' ')
            && value[^1] != ' '
            && value.ToLowerInvariant() is not ("true" or "false" or "yes" or "no" or "on" or "off" or "null" or "y" or "n");
        return isPlain ? value : JsonSerializer.Serialize(value);
    }
}
