using System.Runtime.InteropServices;
using System.Text.Json;
using Postern.Core.Json;

namespace Postern.Protocols.Kubernetes.Wire;

/// <summary>
/// What an object says of itself: kind, version, name and namespace. Names of members are exact, as the API server's reader is
/// (a member in another case is one that it does not know). Null stands for what is absent or null.
/// </summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct ObjectHead(string? ApiVersion, string? Kind, string? Name, string? GenerateName, string? Namespace)
{
    /// <summary>Levels that a body may have; masks read 64, and the body may stand inside something of ours.</summary>
    public const int MaxDepth = 60;

    /// <summary>Reads a body that must be one JSON object. False with a fault otherwise. Never throws, whatever the bytes.</summary>
    public static bool TryRead(ReadOnlySpan<byte> body, out ObjectHead head, out string? fault)
    {
        head = default;
        if (StrictJson.Check(body, MaxDepth) is { } bad)
        {
            fault = $"the body is not JSON with one meaning: expected {bad.Expected} at byte {bad.Offset}";
            return false;
        }
        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = MaxDepth });
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            fault = "the body is not a JSON object";
            return false;
        }
        string? apiVersion = null, kind = null, name = null, generateName = null, space = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("apiVersion"u8)) { if (!TryText(ref reader, "apiVersion", out apiVersion, out fault)) return false; }
            else if (reader.ValueTextEquals("kind"u8)) { if (!TryText(ref reader, "kind", out kind, out fault)) return false; }
            else if (reader.ValueTextEquals("metadata"u8))
            {
                reader.Read();
                if (reader.TokenType == JsonTokenType.Null) continue;
                if (reader.TokenType != JsonTokenType.StartObject)
                {
                    fault = "`metadata` is not an object";
                    return false;
                }
                while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
                {
                    if (reader.ValueTextEquals("name"u8)) { if (!TryText(ref reader, "metadata.name", out name, out fault)) return false; }
                    else if (reader.ValueTextEquals("generateName"u8)) { if (!TryText(ref reader, "metadata.generateName", out generateName, out fault)) return false; }
                    else if (reader.ValueTextEquals("namespace"u8)) { if (!TryText(ref reader, "metadata.namespace", out space, out fault)) return false; }
                    else Skip(ref reader);
                }
            }
            else
            {
                Skip(ref reader);
            }
        }
        head = new ObjectHead(apiVersion, kind, Filled(name), Filled(generateName), Filled(space));
        fault = null;
        return true;
    }

    // To a Go reader an empty text is an absent one.
    private static string? Filled(string? text) => string.IsNullOrEmpty(text) ? null : text;

    private static void Skip(ref Utf8JsonReader reader)
    {
        reader.Read();
        reader.Skip();
    }

    private static bool TryText(ref Utf8JsonReader reader, string where, out string? text, out string? fault)
    {
        reader.Read();
        text = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
        fault = reader.TokenType is JsonTokenType.String or JsonTokenType.Null ? null : $"`{where}` is not text";
        return fault is null;
    }
}
