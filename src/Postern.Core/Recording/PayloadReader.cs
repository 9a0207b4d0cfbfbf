using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Postern.Core.Recording;

/// <summary>
/// Reads the JSON half of a payload. Strict: a missing, unknown or repeated member, or one of the wrong type, is an error,
/// because a record that is only partly understood is never called good.
/// </summary>
internal static class PayloadReader
{
    /// <summary>As below, by what was read before wherever that is the same bytes.</summary>
    public static bool TryRead(PayloadMemo memo, RecordType type, ReadOnlySpan<byte> json, [NotNullWhen(true)] out RecordedPayload? payload, [NotNullWhen(false)] out string? problem)
    {
        problem = null;
        payload = type switch
        {
            RecordType.Intent => memo.Intent(json),
            RecordType.Ending => memo.Ending(json),
            _ => null,
        };
        return payload is not null || TryRead(type, json, out payload, out problem);
    }

    /// <summary>Reads the payload of a record; false with the reason when it is not what its type demands.</summary>
    public static bool TryRead(RecordType type, ReadOnlySpan<byte> json, [NotNullWhen(true)] out RecordedPayload? payload, [NotNullWhen(false)] out string? problem)
    {
        payload = null;
        problem = null;
        try
        {
            var context = PayloadContext.Default;
            payload = type switch
            {
                RecordType.Header => JsonSerializer.Deserialize(json, context.RecordedHeader),
                RecordType.Checkpoint => JsonSerializer.Deserialize(json, context.RecordedCheckpoint),
                RecordType.Intent => JsonSerializer.Deserialize(json, context.RecordedIntent),
                RecordType.Clearing => JsonSerializer.Deserialize(json, context.RecordedClearing),
                RecordType.Frame => JsonSerializer.Deserialize(json, context.RecordedFrame),
                RecordType.Ending => JsonSerializer.Deserialize(json, context.RecordedEnding),
                RecordType.Occurrence => JsonSerializer.Deserialize(json, context.RecordedOccurrence),
                RecordType.Denials => JsonSerializer.Deserialize(json, context.RecordedDenials),
                _ => null,
            };
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException or ArgumentException or FormatException)
        {
            problem = $"the payload is not that of a record of type {(uint)type}";
            return false;
        }
        if (payload is not null) return true;
        problem = $"record type {(uint)type} is not known to this version";
        return false;
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    AllowDuplicateProperties = false,
    GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(RecordedHeader))]
[JsonSerializable(typeof(RecordedCheckpoint))]
[JsonSerializable(typeof(RecordedIntent))]
[JsonSerializable(typeof(RecordedClearing))]
[JsonSerializable(typeof(RecordedFrame))]
[JsonSerializable(typeof(RecordedEnding))]
[JsonSerializable(typeof(RecordedOccurrence))]
[JsonSerializable(typeof(RecordedDenials))]
[JsonSerializable(typeof(RecordedIdentity))]
[JsonSerializable(typeof(RecordedConnection))]
[JsonSerializable(typeof(ImmutableArray<RecordedPart>))]
[JsonSerializable(typeof(RecordedDecision))]
[JsonSerializable(typeof(ImmutableArray<ImmutableArray<RecordedFact>>))]
[JsonSerializable(typeof(SaidOfIntent))]
[JsonSerializable(typeof(SaidOfFrame))]
[JsonSerializable(typeof(SaidOfEnding))]
[JsonSerializable(typeof(SaidOfDenials))]
[JsonSerializable(typeof(RecordedBasis))]
[JsonSerializable(typeof(string))]
internal sealed partial class PayloadContext : JsonSerializerContext;
