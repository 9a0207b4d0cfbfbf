using System.Text.Json;
using Postern.Core.Operations;
using Postern.Core.Policy;

namespace Postern.Core.Recording;

/// <summary>
/// Writes what a decision read besides identity, connection and facts, so that it can be derived again. Variables are mostly a stretch of the
/// request, and only their place is written. Where a mask had a hand in the request they are left out: the record keeps nothing unmasked.
/// </summary>
internal static class BasisWriter
{
    // What is derived from a request is short; something longer is not worth a second copy in every record.
    private const int MaxInline = 16 * 1024;

    public static void Write(Utf8JsonWriter json, Intent intent)
    {
        json.WriteStartObject("basis"u8);
        json.WriteStartArray("implied"u8);
        for (var at = 0; at < intent.Parts.Length; at++)
        {
            if (intent.Parts[at].IsImplied) json.WriteNumberValue(at);
        }
        json.WriteEndArray();
        json.WriteStartArray("inputs"u8);
        for (var at = 0; at < intent.Parts.Length; at++)
        {
            foreach (var variable in intent.Parts[at].Variables) Write(json, intent, at, variable);
        }
        json.WriteEndArray();
        json.WriteBoolean("quarantined"u8, intent.IsQuarantined);
        if (!intent.AsksMasks) json.WriteNull("masks"u8);
        else json.WriteString("masks"u8, intent.Decision is Decision.Deny { IsObjection: true } ? "objected"u8 : "asked"u8);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, Intent intent, int part, in Variable variable)
    {
        json.WriteStartObject();
        json.WriteNumber("part"u8, part);
        json.WriteString("name"u8, variable.Name);
        if (variable.IsUnknown)
        {
            json.WriteBoolean("unknown"u8, true);
        }
        else if (intent.IsAsItCame)
        {
            var request = intent.Request.Value.Span;
            var value = variable.Json.Span;
            if (!value.IsEmpty && request.Overlaps(value, out var from) && from >= 0 && from + value.Length <= request.Length)
            {
                json.WriteNumber("from"u8, from);
                json.WriteNumber("bytes"u8, value.Length);
            }
            else if (value.Length <= MaxInline)
            {
                json.WriteString("json"u8, value);
            }
        }
        json.WriteEndObject();
    }
}
