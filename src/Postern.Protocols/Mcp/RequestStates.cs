using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using Postern.Core.Approvals;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Protocols.Mcp.Wire;

namespace Postern.Protocols.Mcp;

/// <summary>What a client brought back, opened.</summary>
/// <param name="Given">What was sealed.</param>
/// <param name="Body">The message as the target is to receive it: with its own state, or with none.</param>
/// <param name="AnswersOnlyWhatWasAsked">False when it answers something that the client was never asked through here.</param>
internal sealed record ReturnedState(Continuation Given, ReadOnlyMemory<byte> Body, bool AnswersOnlyWhatWasAsked)
{
    /// <summary>What the operation goes on with. Answers to what nobody asked make it a new one, which needs an approval of its own (attack P12).</summary>
    public Continuation? Continues => Given.Kind == ContinuationKind.Cleared && !AnswersOnlyWhatWasAsked ? null : Given;
}

/// <summary>
/// <c>requestState</c> of the stateless era, on both sides. What clients are given is always sealed by the gateway, be it for a call
/// that waits for people or around what a target gave; what a target gets is always its own. So neither is ever taken for the other, and
/// a state is good for nobody but the client that got it, and for no other call (attack P11).
/// </summary>
internal sealed class RequestStates(ProtocolServices services)
{
    /// <summary>Longest state of a target, in bytes as written.</summary>
    public const int MaxState = 256 * 1024;

    private const int MaxUsed = 200_000;

    private readonly ConcurrentDictionary<OperationId, DateTimeOffset> _used = new();
    private long _sweepAt;

    /// <summary>For a call that waits for people; carries on whatever the call itself brought for its target.</summary>
    public string SealWaiting(Identity identity, Operation operation, Hold hold, int legs)
    {
        var message = JsonRpcReader.Read(operation.Request.Span);
        return services.Continuations.SealWaiting(identity, operation, hold, legs, Carry(message.RequestState.Of(operation.Request.Span), default));
    }

    /// <summary>
    /// A result with the target's state sealed. An approved operation whose target asks back is given a state even where the
    /// target gave none: the approval goes on with it.
    /// </summary>
    /// <exception cref="UpstreamException">The state is no text, or too long.</exception>
    public ReadOnlyMemory<byte> Seal(Clearance clearance, ReadOnlyMemory<byte> content)
    {
        var message = JsonRpcReader.Read(content.Span);
        var state = message.RequestState.Of(content.Span);
        if (!state.IsEmpty && (state[0] != (byte)'"' || state.Length > MaxState)) throw new UpstreamException(RefusalCode.UpstreamInvalid, $"the target's `requestState` is no text of at most {MaxState} bytes");
        if (state.IsEmpty && clearance.Approval is null) return content;
        var text = services.Continuations.SealAnswering(clearance, McpDigest.OfCall(clearance.Operation), Carry(state, message.InputRequests.Of(content.Span)));
        return state.IsEmpty
            ? ByteEdit.Apply(content, [new ByteEdit(new ByteRange(message.Result.Start + message.Result.Length - 1, 0), Encoding.ASCII.GetBytes($",\"requestState\":\"{text}\""))])
            : ByteEdit.Apply(content, [new ByteEdit(message.RequestState, Encoding.ASCII.GetBytes($"\"{text}\""))]);
    }

    /// <summary>Opens what a client brought back; null for what was not sealed here, or is over.</summary>
    public ReturnedState? Open(in JsonRpcMessage message, ReadOnlyMemory<byte> body)
    {
        var token = message.RequestState.Of(body.Span);
        // Base64url needs no escapes: a state written with some is not as it was given out.
        if (token.Length < 2 || token[0] != (byte)'"' || services.Continuations.Open(token[1..^1]) is not { } given) return null;
        var carried = given.Carried.Span;
        if (carried.Length < sizeof(int) || BinaryPrimitives.ReadInt32LittleEndian(carried) is var length && (length < 0 || length > carried.Length - sizeof(int))) return null;
        var state = given.Carried.Slice(sizeof(int), length);
        var restored = length > 0 ? ByteEdit.Apply(body, [new ByteEdit(message.RequestState, state)]) : ByteEdit.Apply(body, [new ByteEdit(MemberOf(message, body.Span), default)]);
        return new ReturnedState(given, restored, IsSubset(message.InputResponses.Of(body), given.Carried[(sizeof(int) + length)..]));
    }

    /// <summary>
    /// True when it was given to this caller for this call. What only waits is used up by it, as a second copy would wait beside the
    /// first; an approval that goes on is used up in the store, where that is durable.
    /// </summary>
    public bool TryUse(ReturnedState returned, Identity identity, Operation operation)
    {
        var given = returned.Given;
        if (!given.Fits(identity, operation, given.Kind == ContinuationKind.Waiting ? operation.Digest : McpDigest.OfCall(operation))) return false;
        if (given.Kind != ContinuationKind.Waiting) return true;
        Sweep();
        return _used.Count < MaxUsed && _used.TryAdd(given.Of, given.Ends);
    }

    private void Sweep()
    {
        var now = services.Clock.GetUtcNow();
        var due = Interlocked.Read(ref _sweepAt);
        if (now.UtcTicks < due || Interlocked.CompareExchange(ref _sweepAt, (now + ContinuationSeal.WaitingLife / 4).UtcTicks, due) != due) return;
        foreach (var (operation, ends) in _used)
        {
            if (now >= ends) _used.TryRemove(operation, out _);
        }
    }

    /// <summary>Length of the state, the state as the target wrote it, and the names of its questions as a JSON list.</summary>
    private static byte[] Carry(ReadOnlySpan<byte> state, ReadOnlySpan<byte> inputRequests)
    {
        var output = new ArrayBufferWriter<byte>(sizeof(int) + state.Length + 64);
        BinaryPrimitives.WriteInt32LittleEndian(output.GetSpan(sizeof(int)), state.Length);
        output.Advance(sizeof(int));
        output.Write(state);
        if (inputRequests.IsEmpty) return output.WrittenSpan.ToArray();
        using var writer = new Utf8JsonWriter(output);
        writer.WriteStartArray();
        foreach (var name in NamesOf(inputRequests)) writer.WriteStringValue(name);
        writer.WriteEndArray();
        writer.Flush();
        return output.WrittenSpan.ToArray();
    }

    private static bool IsSubset(ReadOnlyMemory<byte> inputResponses, ReadOnlyMemory<byte> asked)
    {
        if (inputResponses.IsEmpty) return true;
        var names = NamesOf(inputResponses.Span);
        if (names.Count == 0) return inputResponses.Span[0] == (byte)'{';
        if (asked.IsEmpty) return false;
        using var document = JsonDocument.Parse(asked);
        var known = document.RootElement.EnumerateArray().Select(name => name.GetString()!).ToHashSet(StringComparer.Ordinal);
        return names.TrueForAll(known.Contains);
    }

    /// <summary>The names of an object's members; none for anything else.</summary>
    private static List<string> NamesOf(ReadOnlySpan<byte> json)
    {
        var names = new List<string>();
        var reader = new Utf8JsonReader(json);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) return names;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            names.Add(reader.GetString()!);
            reader.Read();
            reader.Skip();
        }
        return names;
    }

    /// <summary>The whole member with the comma that belongs to it.</summary>
    private static ByteRange MemberOf(in JsonRpcMessage message, ReadOnlySpan<byte> body)
    {
        var start = message.RequestStateName.Start;
        var end = message.RequestState.Start + message.RequestState.Length;
        var next = end;
        while (IsSpace(body[next])) next++;
        if (body[next] == (byte)',') return new ByteRange(start, next + 1 - start);
        var before = start - 1;
        while (IsSpace(body[before])) before--;
        if (body[before] == (byte)',') start = before;
        return new ByteRange(start, end - start);
    }

    private static bool IsSpace(byte value) => value is (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n';
}
