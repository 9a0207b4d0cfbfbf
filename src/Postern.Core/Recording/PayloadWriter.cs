using System.Buffers;
using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Text.Encodings.Web;
using System.Text.Json;
using Postern.Core.Operations;
using Postern.Core.Policy;

namespace Postern.Core.Recording;

/// <summary>
/// Writes the JSON half of a payload. Members and their meaning are those of the <c>Recorded…</c> types, which read them back.
/// Text is escaped by the writer and never pasted, so that no value can imitate structure (attack U08).
/// What was said (the values of facts, what conditions read, digests of content, the detail of an ending) is left out of a record that is
/// sealed, and written by the <c>Said</c> methods instead: who asked for what kind of thing, and what became of it, stays readable for good.
/// </summary>
internal static class PayloadWriter
{
    // The relaxed encoder escapes what JSON demands and leaves the rest as UTF-8: journals are data, never embedded in HTML.
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    // Who asks, and over which connection, are the same immutable objects in many records: each is written out once.
    private static readonly ConditionalWeakTable<Identity, byte[]> Identities = [];
    private static readonly ConditionalWeakTable<Connection, byte[]> Connections = [];
    private static readonly ConditionalWeakTable<Identity, byte[]>.CreateValueCallback IdentityOf = static identity => Whole(identity, Members);
    private static readonly ConditionalWeakTable<Connection, byte[]>.CreateValueCallback ConnectionOf = static connection => Whole(connection, Members);

    [ThreadStatic]
    private static Utf8JsonWriter? _writer;

    public static void Header(IBufferWriter<byte> output, RecordedHeader header)
    {
        var json = Begin(output);
        json.WriteString("journal"u8, header.Journal);
        json.WriteNumber("segment"u8, header.Segment);
        json.WriteNumber("first"u8, header.First);
        json.WriteString("codec"u8, header.Codec);
        json.WriteString("dataKey"u8, header.DataKey);
        json.WriteString("signer"u8, header.Signer);
        json.WriteString("created"u8, header.Created);
        json.WriteString("previous"u8, header.Previous);
        if (header.OldestOpen is { } oldest) json.WriteNumber("oldestOpen"u8, oldest);
        else json.WriteNull("oldestOpen"u8);
        End(json);
    }

    public static void Checkpoint(IBufferWriter<byte> output, RecordedCheckpoint checkpoint)
    {
        var json = Begin(output);
        json.WriteString("journal"u8, checkpoint.Journal);
        json.WriteNumber("through"u8, checkpoint.Through);
        json.WriteString("chain"u8, checkpoint.Chain);
        json.WriteString("at"u8, checkpoint.At);
        json.WriteString("key"u8, checkpoint.Key);
        json.WriteString("signature"u8, checkpoint.Signature);
        End(json);
    }

    public static void Intent(IBufferWriter<byte> output, Intent intent, bool isSealed = false)
    {
        var json = Begin(output);
        Id(json, "op"u8, intent.Operation);
        json.WriteString("session"u8, intent.Session);
        json.WriteString("at"u8, intent.At);
        Identity(json, intent.Identity);
        Optional(json, "client"u8, intent.ClientName);
        Connection(json, intent.Connection);
        Parts(json, intent.Parts, isSealed);
        json.WriteStartObject("request"u8);
        json.WriteNumber("bytes"u8, intent.RequestLength);
        if (isSealed) json.WriteNull("sha256"u8);
        else Hex(json, "sha256"u8, intent.RequestDigest);
        json.WriteEndObject();
        if (intent.Definition is { } definition) Hex(json, "definition"u8, definition);
        else json.WriteNull("definition"u8);
        Decision(json, intent.Decision, isSealed);
        if (intent.Parent is { } parent) Id(json, "parent"u8, parent);
        else json.WriteNull("parent"u8);
        if (intent.Trace is { } trace) json.WriteString("trace"u8, trace);
        if (!isSealed) BasisWriter.Write(json, intent);
        End(json);
    }

    /// <summary>What <see cref="Intent"/> leaves out of a sealed one.</summary>
    public static void Said(IBufferWriter<byte> output, Intent intent)
    {
        var json = Begin(output);
        FactsOf(json, intent.Parts);
        Hex(json, "sha256"u8, intent.RequestDigest);
        BasisWriter.Write(json, intent);
        if (SpeaksOfRequest(intent.Decision)) json.WriteString("reason"u8, intent.Decision.Reason);
        End(json);
    }

    public static void Clearing(IBufferWriter<byte> output, Clearing clearing)
    {
        var json = Begin(output);
        Id(json, "op"u8, clearing.Operation);
        json.WriteString("at"u8, clearing.At);
        json.WriteString("hold"u8, clearing.Hold);
        Id(json, "continues"u8, clearing.Continues);
        Texts(json, "approvers"u8, clearing.Approvers);
        Decision(json, clearing.Decision);
        json.WriteNumber("heldUnder"u8, clearing.HeldUnderVersion);
        End(json);
    }

    public static void Frame(IBufferWriter<byte> output, OperationId operation, DateTimeOffset at, FrameDirection direction, long number, long bytes, int masked, Digest? running)
    {
        var json = Begin(output);
        Id(json, "op"u8, operation);
        json.WriteString("at"u8, at);
        json.WriteString("dir"u8, direction == FrameDirection.Reply ? "reply"u8 : "input"u8);
        json.WriteNumber("n"u8, number);
        json.WriteNumber("bytes"u8, bytes);
        json.WriteNumber("masked"u8, masked);
        if (running is { } digest) Hex(json, "sha256"u8, digest);
        else json.WriteNull("sha256"u8);
        End(json);
    }

    /// <summary>What a frame's JSON leaves out when it is sealed and not kept whole.</summary>
    public static void Said(IBufferWriter<byte> output, Digest frame)
    {
        var json = Begin(output);
        Hex(json, "sha256"u8, frame);
        End(json);
    }

    public static void Ending(IBufferWriter<byte> output, OperationId operation, Ending ending, in AccountFlow reply, in AccountFlow input, bool isSealed = false)
    {
        var json = Begin(output);
        Id(json, "op"u8, operation);
        json.WriteString("at"u8, ending.At);
        json.WriteString("outcome"u8, OutcomeName(ending.Outcome));
        Optional(json, "code"u8, ending.Code);
        Optional(json, "detail"u8, isSealed ? null : ending.Detail);
        Optional(json, "hold"u8, ending.Hold);
        Flow(json, "reply"u8, in reply, isSealed);
        Flow(json, "input"u8, in input, isSealed);
        End(json);
    }

    /// <summary>What <see cref="Ending"/> leaves out of a sealed one.</summary>
    public static void Said(IBufferWriter<byte> output, Ending ending, in AccountFlow reply, in AccountFlow input)
    {
        var json = Begin(output);
        Optional(json, "detail"u8, ending.Detail);
        if (reply.Frames == 0) json.WriteNull("reply"u8);
        else Hex(json, "reply"u8, reply.Running);
        if (input.Frames == 0) json.WriteNull("input"u8);
        else Hex(json, "input"u8, input.Running);
        End(json);
    }

    public static void Occurrence(IBufferWriter<byte> output, Occurrence occurrence)
    {
        var json = Begin(output);
        json.WriteString("kind"u8, occurrence.Kind);
        json.WriteString("at"u8, occurrence.At);
        json.WriteStartArray("facts"u8);
        if (!occurrence.Facts.IsDefault)
        {
            foreach (var (name, value) in occurrence.Facts)
            {
                json.WriteStartObject();
                json.WriteString("name"u8, name);
                json.WriteString("value"u8, value);
                json.WriteEndObject();
            }
        }
        json.WriteEndArray();
        End(json);
    }

    public static void Denials(IBufferWriter<byte> output, Intent last, DateTimeOffset from, long count, bool isSealed = false)
    {
        var json = Begin(output);
        json.WriteString("from"u8, from);
        json.WriteString("to"u8, last.At);
        json.WriteNumber("count"u8, count);
        Identity(json, last.Identity);
        Connection(json, last.Connection);
        Parts(json, last.Parts, isSealed);
        Decision(json, last.Decision, isSealed);
        End(json);
    }

    /// <summary>What <see cref="Denials"/> leaves out of sealed ones.</summary>
    public static void SaidOfDenials(IBufferWriter<byte> output, Intent last)
    {
        var json = Begin(output);
        FactsOf(json, last.Parts);
        if (SpeaksOfRequest(last.Decision)) json.WriteString("reason"u8, last.Decision.Reason);
        End(json);
    }

    /// <summary>The word for an outcome in the record.</summary>
    public static string OutcomeName(Outcome outcome) => outcome switch
    {
        Outcome.Done => "done",
        Outcome.Denied => "denied",
        Outcome.Pending => "pending",
        Outcome.Failed => "failed",
        _ => "unknown",
    };

    private static Utf8JsonWriter Begin(IBufferWriter<byte> output)
    {
        var json = _writer ??= new Utf8JsonWriter(output, Options);
        json.Reset(output);
        json.WriteStartObject();
        return json;
    }

    private static void End(Utf8JsonWriter json)
    {
        json.WriteEndObject();
        json.Flush();
        json.Reset(Nowhere.Instance);
    }

    private static void Identity(Utf8JsonWriter json, Identity identity)
    {
        json.WritePropertyName("identity"u8);
        json.WriteRawValue(Identities.GetValue(identity, IdentityOf), skipInputValidation: true);
    }

    private static void Connection(Utf8JsonWriter json, Connection connection)
    {
        json.WritePropertyName("connection"u8);
        json.WriteRawValue(Connections.GetValue(connection, ConnectionOf), skipInputValidation: true);
    }

    private static byte[] Whole<T>(T value, Action<Utf8JsonWriter, T> members)
    {
        var output = new ArrayBufferWriter<byte>(256);
        using var json = new Utf8JsonWriter(output, Options);
        json.WriteStartObject();
        members(json, value);
        json.WriteEndObject();
        json.Flush();
        return output.WrittenSpan.ToArray();
    }

    private static void Members(Utf8JsonWriter json, Identity identity)
    {
        json.WriteString("issuer"u8, identity.Issuer);
        json.WriteString("subject"u8, identity.Subject);
        json.WriteString("kind"u8, identity.Kind switch { IdentityKind.Person => "person"u8, IdentityKind.Workload => "workload"u8, _ => "gateway"u8 });
        Optional(json, "agent"u8, identity.Agent);
        Texts(json, "groups"u8, identity.Groups);
        if (!identity.OwnGroups.IsDefaultOrEmpty) Texts(json, "ownGroups"u8, identity.OwnGroups);
        Optional(json, "name"u8, identity.DisplayName);
    }

    private static void Members(Utf8JsonWriter json, Connection connection)
    {
        json.WriteString("name"u8, connection.Name);
        json.WriteString("protocol"u8, connection.Protocol);
        json.WriteString("target"u8, connection.Target);
        Texts(json, "tags"u8, connection.Tags);
    }

    private static void Parts(Utf8JsonWriter json, ImmutableArray<Part> parts, bool isSealed)
    {
        json.WriteStartArray("parts"u8);
        foreach (var part in parts)
        {
            json.WriteStartObject();
            json.WriteString("action"u8, part.Action);
            json.WriteStartArray("facts"u8);
            if (!isSealed) Facts(json, part);
            json.WriteEndArray();
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private static void FactsOf(Utf8JsonWriter json, ImmutableArray<Part> parts)
    {
        json.WriteStartArray("facts"u8);
        foreach (var part in parts)
        {
            json.WriteStartArray();
            Facts(json, part);
            json.WriteEndArray();
        }
        json.WriteEndArray();
    }

    private static void Facts(Utf8JsonWriter json, Part part)
    {
        foreach (var fact in part.Facts)
        {
            json.WriteStartObject();
            json.WriteString("name"u8, fact.Name);
            Texts(json, "values"u8, fact.Values);
            json.WriteBoolean("all"u8, fact.IsAll);
            if (!fact.Beside.IsDefaultOrEmpty) Texts(json, "beside"u8, fact.Beside);
            json.WriteEndObject();
        }
    }

    // An objection is said in the words of the request; every other reason is the policy's own.
    private static bool SpeaksOfRequest(Decision decision) => decision is Policy.Decision.Deny { IsObjection: true };

    private static void Decision(Utf8JsonWriter json, Decision decision, bool isSealed = false)
    {
        json.WriteStartObject("decision"u8);
        json.WriteString("kind"u8, KindOf(decision));
        Optional(json, "code"u8, (decision as Policy.Decision.Deny)?.Code);
        json.WriteString("reason"u8, isSealed && SpeaksOfRequest(decision) ? "" : decision.Reason);
        json.WriteNumber("version"u8, decision.Version.Number);
        Hex(json, "hash"u8, decision.Version.Hash);
        Rules(json, "rules"u8, decision.Rules);
        Rules(json, "reported"u8, decision.Reported);
        if (!decision.Grants.IsDefaultOrEmpty) Texts(json, "grants"u8, decision.Grants);
        json.WriteEndObject();
    }

    private static ReadOnlySpan<byte> KindOf(Decision decision) => decision switch
    {
        Policy.Decision.Allow => "allow"u8,
        Policy.Decision.Hold => "hold"u8,
        _ => "deny"u8,
    };

    private static void Rules(Utf8JsonWriter json, ReadOnlySpan<byte> name, ImmutableArray<RuleMatch> rules)
    {
        json.WriteStartArray(name);
        if (!rules.IsDefault)
        {
            foreach (var rule in rules)
            {
                json.WriteStartObject();
                json.WriteString("rule"u8, rule.Rule);
                json.WriteString("effect"u8, rule.Effect switch { RuleEffect.Allow => "allow"u8, RuleEffect.Hold => "hold"u8, RuleEffect.Guard => "guard"u8, _ => "deny"u8 });
                json.WriteEndObject();
            }
        }
        json.WriteEndArray();
    }

    private static void Flow(Utf8JsonWriter json, ReadOnlySpan<byte> name, in AccountFlow flow, bool isSealed)
    {
        // Nothing went this way.
        if (flow.Frames == 0)
        {
            json.WriteNull(name);
            return;
        }
        json.WriteStartObject(name);
        json.WriteNumber("frames"u8, flow.Frames);
        json.WriteNumber("bytes"u8, flow.Bytes);
        json.WriteNumber("kept"u8, flow.Kept);
        json.WriteNumber("masked"u8, flow.Masked);
        if (isSealed) json.WriteNull("sha256"u8);
        else Hex(json, "sha256"u8, flow.Running);
        json.WriteEndObject();
    }

    private static void Texts(Utf8JsonWriter json, ReadOnlySpan<byte> name, ImmutableArray<string> values)
    {
        json.WriteStartArray(name);
        if (!values.IsDefault)
        {
            foreach (var value in values) json.WriteStringValue(value);
        }
        json.WriteEndArray();
    }

    private static void Optional(Utf8JsonWriter json, ReadOnlySpan<byte> name, string? value)
    {
        if (value is null) json.WriteNull(name);
        else json.WriteString(name, value);
    }

    // Letters and digits of our own making, with their quotes: what the writer would look for in them is not there.
    private static void Id(Utf8JsonWriter json, ReadOnlySpan<byte> name, OperationId id)
    {
        Span<byte> text = stackalloc byte[OperationId.TextLength + 2];
        text[0] = text[^1] = (byte)'"';
        id.Format(text[1..^1]);
        json.WritePropertyName(name);
        json.WriteRawValue(text, skipInputValidation: true);
    }

    private static void Hex(Utf8JsonWriter json, ReadOnlySpan<byte> name, Digest digest)
    {
        Span<byte> bytes = stackalloc byte[Digest.Size];
        Span<byte> text = stackalloc byte[(2 * Digest.Size) + 2];
        text[0] = text[^1] = (byte)'"';
        digest.CopyTo(bytes);
        Convert.TryToHexStringLower(bytes, text[1..^1], out _);
        json.WritePropertyName(name);
        json.WriteRawValue(text, skipInputValidation: true);
    }

    // Holds no reference to a pooled buffer between records.
    private sealed class Nowhere : IBufferWriter<byte>
    {
        public static readonly Nowhere Instance = new();

        public void Advance(int count)
        {
        }

        public Memory<byte> GetMemory(int sizeHint = 0) => new byte[Math.Max(sizeHint, 1)];

        public Span<byte> GetSpan(int sizeHint = 0) => new byte[Math.Max(sizeHint, 1)];
    }
}
