using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Postern.Core.Recording;

/// <summary>
/// Reads intents and endings for those who read every record of a busy gateway. Who asks, over which connection, for what and by which
/// rule is the same bytes again and again: each such slice is read strictly once, and the value kept for as long as its place is not
/// taken. A record that does not stand exactly as <see cref="PayloadWriter"/> writes it is left to the strict reader.
/// </summary>
internal sealed class PayloadMemo(bool withBasis)
{
    private const int MostJoined = 1_024;

    private readonly SliceMemo<RecordedIdentity> _identities = new(static json => JsonSerializer.Deserialize(json, PayloadContext.Default.RecordedIdentity)!);
    private readonly SliceMemo<RecordedConnection> _connections = new(static json => JsonSerializer.Deserialize(json, PayloadContext.Default.RecordedConnection)!);
    private readonly SliceMemo<ImmutableArray<RecordedPart>> _parts = new(static json => JsonSerializer.Deserialize(json, PayloadContext.Default.ImmutableArrayRecordedPart));
    private readonly SliceMemo<RecordedDecision> _decisions = new(static json => JsonSerializer.Deserialize(json, PayloadContext.Default.RecordedDecision)!);
    private readonly SliceMemo<RecordedBasis> _bases = new(static json => JsonSerializer.Deserialize(json, PayloadContext.Default.RecordedBasis)!);
    private readonly SliceMemo<ImmutableArray<ImmutableArray<RecordedFact>>> _facts = new(static json => JsonSerializer.Deserialize(json, PayloadContext.Default.ImmutableArrayImmutableArrayRecordedFact));
    private readonly Dictionary<(RecordedPart[] Parts, ImmutableArray<RecordedFact>[] Facts), ImmutableArray<RecordedPart>> _joined = [];
    private readonly SliceMemo<string> _texts = new(static json => JsonSerializer.Deserialize(json, PayloadContext.Default.String)!);

    /// <summary>True when what a decision read is wanted too.</summary>
    public bool WithBasis => withBasis;

    /// <summary>The intent, or null when it has to be read strictly.</summary>
    public RecordedIntent? Intent(ReadOnlySpan<byte> json)
    {
        try
        {
            var at = new PayloadCursor(json);
            if (!at.Take("{\"op\":"u8) || !at.Plain(out var op)) return null;
            if (!at.Take(",\"session\":"u8) || !at.Text(out var session)) return null;
            if (!at.Take(",\"at\":"u8) || !at.Time(out var time)) return null;
            if (!at.Take(",\"identity\":"u8) || !at.Slice((byte)'{', out var identity)) return null;
            if (!at.Take(",\"client\":"u8) || !Known(ref at, out var client)) return null;
            if (!at.Take(",\"connection\":"u8) || !at.Slice((byte)'{', out var connection)) return null;
            if (!at.Take(",\"parts\":"u8) || !at.Slice((byte)'[', out var parts)) return null;
            if (!at.Take(",\"request\":{\"bytes\":"u8) || !at.Number(out var bytes) || bytes > int.MaxValue) return null;
            if (!at.Take(",\"sha256\":"u8) || !Hex(ref at, out var sha256)) return null;
            if (!at.Take("},\"definition\":"u8) || !Known(ref at, out var definition)) return null;
            if (!at.Take(",\"decision\":"u8) || !at.Slice((byte)'{', out var decision)) return null;
            if (!at.Take(",\"parent\":"u8) || !Known(ref at, out var parent)) return null;
            string? trace = null;
            if (at.Take(",\"trace\":"u8) && !at.Plain(out trace)) return null;
            RecordedBasis? basis = null;
            if (at.Take(",\"basis\":"u8))
            {
                if (!at.Slice((byte)'{', out var kept)) return null;
                if (withBasis) basis = _bases.Of(kept);
            }
            if (!at.Take("}"u8) || !at.IsAtEnd) return null;
            return new RecordedIntent(
                op, _texts.Of(session), time, _identities.Of(identity), client, _connections.Of(connection), _parts.Of(parts), new RecordedRequest((int)bytes, sha256), definition,
                _decisions.Of(decision), parent, basis, trace);
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
            var at = new PayloadCursor(json);
            if (!at.Take("{\"op\":"u8) || !at.Plain(out var op)) return null;
            if (!at.Take(",\"at\":"u8) || !at.Time(out var time)) return null;
            if (!at.Take(",\"outcome\":"u8) || !Known(ref at, out var outcome) || outcome is null) return null;
            if (!at.Take(",\"code\":"u8) || !Known(ref at, out var code)) return null;
            if (!at.Take(",\"detail\":"u8) || !Known(ref at, out var detail)) return null;
            if (!at.Take(",\"hold\":"u8) || !Known(ref at, out var hold)) return null;
            if (!at.Take(",\"reply\":"u8) || !Flow(ref at, out var reply)) return null;
            if (!at.Take(",\"input\":"u8) || !Flow(ref at, out var input)) return null;
            return at.Take("}"u8) && at.IsAtEnd ? new RecordedEnding(op, time, outcome, code, detail, hold, reply, input) : null;
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>A sealed intent with what its JSON leaves out, or null when that has to be read strictly.</summary>
    public RecordedIntent? Said(ReadOnlySpan<byte> json, RecordedIntent intent)
    {
        try
        {
            var at = new PayloadCursor(json);
            if (!at.Take("{\"facts\":"u8) || !at.Slice((byte)'[', out var facts)) return null;
            if (!at.Take(",\"sha256\":"u8) || !at.Plain(out var sha256)) return null;
            if (!at.Take(",\"basis\":"u8) || !at.Slice((byte)'{', out var basis) || !at.Take("}"u8) || !at.IsAtEnd) return null;
            var said = _facts.Of(facts);
            if (said.Length != intent.Parts.Length) return null;
            return intent with { Parts = Join(intent.Parts, said), Request = intent.Request with { Sha256 = sha256 }, Basis = withBasis ? _bases.Of(basis) : null };
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    // By reference: what is the same bytes is the same object here, and whoever reads on may rely on that too.
    private ImmutableArray<RecordedPart> Join(ImmutableArray<RecordedPart> parts, ImmutableArray<ImmutableArray<RecordedFact>> facts)
    {
        var key = (ImmutableCollectionsMarshal.AsArray(parts)!, ImmutableCollectionsMarshal.AsArray(facts)!);
        if (_joined.TryGetValue(key, out var known)) return known;
        if (_joined.Count >= MostJoined) _joined.Clear();
        var joined = RecordedSaid.Join(parts, facts);
        _joined.Add(key, joined);
        return joined;
    }

    private static bool Hex(ref PayloadCursor at, out string? sha256)
    {
        sha256 = null;
        if (at.Take("null"u8)) return true;
        if (!at.Plain(out var text)) return false;
        sha256 = text;
        return true;
    }

    private static bool Flow(ref PayloadCursor at, out RecordedFlow? flow)
    {
        flow = null;
        if (at.Take("null"u8)) return true;
        if (!at.Take("{\"frames\":"u8) || !at.Number(out var frames)) return false;
        if (!at.Take(",\"bytes\":"u8) || !at.Number(out var bytes)) return false;
        if (!at.Take(",\"kept\":"u8) || !at.Number(out var kept)) return false;
        if (!at.Take(",\"masked\":"u8) || !at.Number(out var masked)) return false;
        if (!at.Take(",\"sha256\":"u8) || !Hex(ref at, out var sha256) || !at.Take("}"u8)) return false;
        flow = new RecordedFlow(frames, bytes, kept, masked, sha256);
        return true;
    }

    /// <summary>A text, or null, that stands in many records.</summary>
    private bool Known(ref PayloadCursor at, out string? text)
    {
        text = null;
        if (at.Take("null"u8)) return true;
        if (!at.Text(out var quoted)) return false;
        text = _texts.Of(quoted);
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
