using System.Buffers;
using System.Text;
using System.Text.Json;
using Postern.Core.Policy.Cel;
using Postern.Core.Yaml;

namespace Postern.Core.Policy.Testing;

/// <summary>
/// Turns YAML of a test into JSON. Unquoted <c>null</c>, <c>true</c>, <c>false</c> and JSON numbers are what they look like,
/// every digit kept; everything else is text.
/// </summary>
internal static class YamlJson
{
    public static JsonElement Read(YamlNode node)
    {
        using var document = JsonDocument.Parse(ToUtf8(node));
        return document.RootElement.Clone();
    }

    public static byte[] ToUtf8(YamlNode node)
    {
        var output = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(output)) Write(node, writer);
        return output.WrittenSpan.ToArray();
    }

    private static void Write(YamlNode node, Utf8JsonWriter writer)
    {
        switch (node.Kind)
        {
            case YamlKind.Mapping:
                writer.WriteStartObject();
                foreach (var (key, value) in node.Entries)
                {
                    writer.WritePropertyName(key.Text);
                    Write(value, writer);
                }
                writer.WriteEndObject();
                break;
            case YamlKind.Sequence:
                writer.WriteStartArray();
                foreach (var item in node.Items) Write(item, writer);
                writer.WriteEndArray();
                break;
            default:
                Scalar(node, writer);
                break;
        }
    }

    private static void Scalar(YamlNode node, Utf8JsonWriter writer)
    {
        if (node.IsNull) writer.WriteNullValue();
        else if (node.IsPlain && node.Text is "true" or "false") writer.WriteBooleanValue(node.Text == "true");
        else if (node.IsPlain && IsNumber(node.Text)) writer.WriteRawValue(node.Text);
        else writer.WriteStringValue(node.Text);
    }

    // A leading zero makes no JSON number: `010` stays the text that it is.
    private static bool IsNumber(string text) =>
        NumberText.Of(Encoding.UTF8.GetBytes(text)).IsValid && !(text.TrimStart('-') is ['0', >= '0' and <= '9', ..]);
}
