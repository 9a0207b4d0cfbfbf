using System.Collections.Immutable;
using System.Text.Json;

namespace Postern.Core.Recording;

/// <summary>
/// Reads intents and endings for those who read every record of a busy gateway. Who asks, over which connection, for what and by which
/// rule is the same bytes again and again: each such slice is read strictly once, and the value kept for as long as its place is not
/// taken. A record that does not stand exactly as <see cref="PayloadWriter"/> writes it is left to the strict reader.
/// </summary>
internal sealed class PayloadMemo
{
    private readonly SliceMemo<RecordedIdentity> _identities = new(static json => JsonSerializer.Deserialize(json, PayloadContext.Default.RecordedIdentity)!);
    private readonly SliceMemo<RecordedConnection> _connections = new(static json => JsonSerializer.Deserialize(json, PayloadContext.Default.RecordedConnection)!);
    private readonly SliceMemo<ImmutableArray<RecordedPart>> _parts = new(static json => JsonSerializer.Deserialize(json, PayloadContext.Default.ImmutableArrayRecordedPart));
    private readonly SliceMemo<RecordedDecision> _decisions = new(static json => JsonSerializer.Deserialize(json, PayloadContext.Default.RecordedDecision)!);
    private readonly SliceMemo<string> _texts = new(static json => JsonSerializer.Deserialize(json, PayloadContext.Default.String)!);

    /// <summary>The intent, or null when it has to be read strictly.</summary>
    public RecordedIntent? Intent(ReadOnlySpan<byte> json)
    {
        try
        {
            var reader = new Utf8JsonReader(json);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) return null;
            if (!Member(ref reader, "op"u8) || !Text(ref reader, out var op)) return null;
            if (!Member(ref reader, "session"u8) || !Known(ref reader, json, out var session) || session is null) return null;
            if (!Member(ref reader, "at"u8) || reader.TokenType != JsonTokenType.String || !reader.TryGetDateTimeOffset(out var at)) return null;
            if (!Member(ref reader, "identity"u8) || !Slice(ref reader, json, JsonTokenType.StartObject, out var identity)) return null;
            if (!Member(ref reader, "client"u8) || !Known(ref reader, json, out var client)) return null;
            if (!Member(ref reader, "connection"u8) || !Slice(ref reader, json, JsonTokenType.StartObject, out var connection)) return null;
            if (!Member(ref reader, "parts"u8) || !Slice(ref reader, json, JsonTokenType.StartArray, out var parts)) return null;
            if (!Member(ref reader, "request"u8) || reader.TokenType != JsonTokenType.StartObject) return null;
            if (!Member(ref reader, "bytes"u8) || reader.TokenType != JsonTokenType.Number || !reader.TryGetInt32(out var bytes)) return null;
            if (!Member(ref reader, "sha256"u8) || !Text(ref reader, out var sha256) || !Ends(ref reader)) return null;
            if (!Member(ref reader, "definition"u8) || !Known(ref reader, json, out var definition)) return null;
            if (!Member(ref reader, "decision"u8) || !Slice(ref reader, json, JsonTokenType.StartObject, out var decision)) return null;
            if (!Member(ref reader, "parent"u8) || !Known(ref reader, json, out var parent)) return null;
            if (!Ends(ref reader) || reader.Read()) return null;
            return new RecordedIntent(
                op, session, at, _identities.Of(identity), client, _connections.Of(connection), _parts.Of(parts), new RecordedRequest(bytes, sha256), definition, _decisions.Of(decision), parent);
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>The ending, or null when it has to be read strictly.</summary>
    public RecordedEnding? Ending(ReadOnlySpan<byte> json)
    {
        try
        {
            var reader = new Utf8JsonReader(json);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) return null;
            if (!Member(ref reader, "op"u8) || !Text(ref reader, out var op)) return null;
            if (!Member(ref reader, "at"u8) || reader.TokenType != JsonTokenType.String || !reader.TryGetDateTimeOffset(out var at)) return null;
            if (!Member(ref reader, "outcome"u8) || !Known(ref reader, json, out var outcome) || outcome is null) return null;
            if (!Member(ref reader, "code"u8) || !Known(ref reader, json, out var code)) return null;
            if (!Member(ref reader, "detail"u8) || !Known(ref reader, json, out var detail)) return null;
            if (!Member(ref reader, "hold"u8) || !Known(ref reader, json, out var hold)) return null;
            if (!Member(ref reader, "reply"u8) || !Flow(ref reader, out var reply)) return null;
            if (!Member(ref reader, "input"u8) || !Flow(ref reader, out var input)) return null;
            return Ends(ref reader) && !reader.Read() ? new RecordedEnding(op, at, outcome, code, detail, hold, reply, input) : null;
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private static bool Flow(ref Utf8JsonReader reader, out RecordedFlow? flow)
    {
        flow = null;
        if (reader.TokenType == JsonTokenType.Null) return true;
        if (reader.TokenType != JsonTokenType.StartObject) return false;
        if (!Number(ref reader, "frames"u8, out var frames) || !Number(ref reader, "bytes"u8, out var bytes)) return false;
        if (!Number(ref reader, "kept"u8, out var kept) || !Number(ref reader, "masked"u8, out var masked)) return false;
        if (!Member(ref reader, "sha256"u8) || !Text(ref reader, out var sha256) || !Ends(ref reader)) return false;
        flow = new RecordedFlow(frames, bytes, kept, masked, sha256);
        return true;
    }

    private static bool Number(ref Utf8JsonReader reader, ReadOnlySpan<byte> name, out long value)
    {
        value = 0;
        return Member(ref reader, name) && reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out value);
    }

    // Stands on the value afterwards.
    private static bool Member(ref Utf8JsonReader reader, ReadOnlySpan<byte> name) =>
        reader.Read() && reader.TokenType == JsonTokenType.PropertyName && reader.ValueTextEquals(name) && reader.Read();

    private static bool Ends(ref Utf8JsonReader reader) => reader.Read() && reader.TokenType == JsonTokenType.EndObject;

    private static bool Text(ref Utf8JsonReader reader, out string text)
    {
        text = reader.TokenType == JsonTokenType.String ? reader.GetString()! : "";
        return reader.TokenType == JsonTokenType.String;
    }

    /// <summary>A text, or null, that stands in many records.</summary>
    private bool Known(ref Utf8JsonReader reader, ReadOnlySpan<byte> json, out string? text)
    {
        text = null;
        if (reader.TokenType == JsonTokenType.Null) return true;
        if (reader.TokenType != JsonTokenType.String) return false;
        text = _texts.Of(json[(int)reader.TokenStartIndex..(int)reader.BytesConsumed]);
        return true;
    }

    private static bool Slice(ref Utf8JsonReader reader, ReadOnlySpan<byte> json, JsonTokenType kind, out ReadOnlySpan<byte> slice)
    {
        slice = default;
        if (reader.TokenType != kind) return false;
        var start = (int)reader.TokenStartIndex;
        reader.Skip();
        slice = json[start..(int)reader.BytesConsumed];
        return true;
    }
}

/// <summary>Values of the slices of JSON that were read last, by their bytes. Bounded: a slice takes the place of another one.</summary>
internal sealed class SliceMemo<T>(Func<ReadOnlySpan<byte>, T> read)
{
    private const int Places = 256;
    private const int MaxSlice = 4 * 1024;

    private readonly (byte[] Slice, T Value)?[] _places = new (byte[], T)?[Places];

    /// <summary>The value of exactly these bytes.</summary>
    /// <exception cref="JsonException">They are not the JSON of such a value.</exception>
    public T Of(ReadOnlySpan<byte> slice)
    {
        if (slice.Length > MaxSlice) return read(slice);
        ref var place = ref _places[JournalFormat.Checksum(slice, seed: 0) % Places];
        if (place is { } known && slice.SequenceEqual(known.Slice)) return known.Value;
        var value = read(slice);
        place = (slice.ToArray(), value);
        return value;
    }
}
