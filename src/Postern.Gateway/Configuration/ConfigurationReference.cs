using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Postern.Gateway.Configuration;

/// <summary>Writes the editor schema and the reference table from the key table; a test holds the checked-in files against it.</summary>
internal static class ConfigurationReference
{
    private static readonly JsonSerializerOptions _indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static string Schema(IEnumerable<string> protocols)
    {
        var root = Shape(ConfigurationKeys.Root(protocols));
        root.Insert(0, "$schema", "https://json-schema.org/draft/2020-12/schema");
        root.Insert(1, "title", "postern.yaml");
        return root.ToJsonString(_indented) + "\n";
    }

    public static string Table(IEnumerable<string> protocols)
    {
        var text = new StringBuilder("| key | value | default | meaning |\n| --- | --- | --- | --- |\n");
        Rows(text, ConfigurationKeys.Root(protocols), "");
        return text.ToString();
    }

    private static void Rows(StringBuilder text, ConfigurationShape shape, string path)
    {
        if (shape is ConfigurationShape.MapOf map)
        {
            Rows(text, map.Item, path + ".NAME");
            return;
        }
        if (shape is not ConfigurationShape.Section section) return;
        foreach (var key in section.Keys)
        {
            var full = ConfigurationCheck.Under(path, key.Name);
            var fallback = key.IsRequired ? "required" : key.Default is { } written ? $"`{written}`" : "";
            text.Append(CultureInfo.InvariantCulture, $"| `{full}` | {Kind(key.Shape)} | {fallback} | {key.Description} |\n");
            Rows(text, key.Shape, full);
        }
    }

    private static string Kind(ConfigurationShape shape) => shape switch
    {
        ConfigurationShape.Section => "keys",
        ConfigurationShape.MapOf { Item: ConfigurationShape.Value } => "names with values",
        ConfigurationShape.MapOf => "names with keys",
        ConfigurationShape.ListOf list => "list: " + Kind(list.Item),
        ConfigurationShape.Value { Kind: ValueKind.Choice } value => string.Join(", ", value.Choices.Select(choice => $"`{choice}`")),
        ConfigurationShape.Value value => value.Kind.ToString().ToLowerInvariant(),
        _ => "",
    };

    private static JsonNode DefaultOf(ConfigurationShape shape, string written) => shape switch
    {
        ConfigurationShape.ListOf => new JsonArray([.. written.Split(", ").Select(item => JsonValue.Create(item))]),
        ConfigurationShape.Value { Kind: ValueKind.Switch } => JsonValue.Create(written == "true"),
        _ => JsonValue.Create(written),
    };

    private static JsonObject Shape(ConfigurationShape shape)
    {
        switch (shape)
        {
            case ConfigurationShape.Section section:
                var properties = new JsonObject();
                foreach (var key in section.Keys)
                {
                    var property = Shape(key.Shape);
                    property["description"] = key.Description;
                    if (key.Default is { } written) property["default"] = DefaultOf(key.Shape, written);
                    properties[key.Name] = property;
                }
                var result = new JsonObject { ["type"] = "object", ["additionalProperties"] = false };
                if (section.Keys.Any(key => key.IsRequired)) result["required"] = new JsonArray([.. section.Keys.Where(key => key.IsRequired).Select(key => JsonValue.Create(key.Name))]);
                result["properties"] = properties;
                return result;
            case ConfigurationShape.MapOf map:
                return new JsonObject { ["type"] = "object", ["propertyNames"] = new JsonObject { ["pattern"] = map.NamePattern }, ["additionalProperties"] = Shape(map.Item) };
            case ConfigurationShape.ListOf list:
                return new JsonObject { ["type"] = "array", ["items"] = Shape(list.Item) };
            case ConfigurationShape.Value { Kind: ValueKind.Choice } choice:
                return new JsonObject { ["enum"] = new JsonArray([.. choice.Choices.Select(word => JsonValue.Create(word))]) };
            case ConfigurationShape.Value { Kind: ValueKind.Number or ValueKind.Size or ValueKind.Volume }:
                return new JsonObject { ["type"] = new JsonArray("string", "integer") };
            case ConfigurationShape.Value { Kind: ValueKind.Switch }:
                return new JsonObject { ["type"] = "boolean" };
            case ConfigurationShape.Value { Kind: ValueKind.Url or ValueKind.Target }:
                return new JsonObject { ["type"] = "string", ["format"] = "uri" };
            default:
                return new JsonObject { ["type"] = "string" };
        }
    }
}
