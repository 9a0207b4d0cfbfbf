using System.Security.Cryptography;
using Postern.Core.Masking;
using Postern.Core.Operations;

namespace Postern.Core.Recording;

/// <summary>What every account of a recorder shares.</summary>
internal sealed record AccountOptions(long ContentBytes, bool RefuseBeyondContentBytes, TimeProvider Clock);

/// <summary>
/// The open account of one operation. Replies and input may be appended at the same time, each in its own order.
/// </summary>
internal sealed class Account(Journal journal, OperationId operation, AccountOptions options) : IAccount
{
    private readonly Lock _gate = new();
    private AccountFlow _reply;
    private AccountFlow _input;
    private bool _ended;

    /// <inheritdoc/>
    public ValueTask ClearAsync(Clearing clearing)
    {
        var slot = journal.Rent(RecordType.Clearing);
        try
        {
            PayloadWriter.Clearing(slot, clearing);
        }
        catch (Exception fault)
        {
            slot.Return();
            return ValueTask.FromException(new RecordingException("the clearing cannot be written as a record", fault));
        }
        lock (_gate) return Enqueue(slot);
    }

    /// <inheritdoc/>
    public ValueTask AppendAsync(FrameDirection direction, Masked<ReadOnlyMemory<byte>> content, int maskedValues)
    {
        var bytes = content.Value.Span;
        lock (_gate)
        {
            ref var flow = ref direction == FrameDirection.Reply ? ref _reply : ref _input;
            var kept = (int)Math.Min(bytes.Length, options.ContentBytes - flow.Kept);
            if (kept < bytes.Length && options.RefuseBeyondContentBytes)
            {
                return ValueTask.FromException(new RecordingException($"the content is over the {options.ContentBytes} bytes that are kept, and this gateway records in full"));
            }
            flow.Add(bytes, kept, maskedValues);
            var slot = journal.Rent(RecordType.Frame);
            PayloadWriter.Frame(slot, operation, options.Clock.GetUtcNow(), direction, flow.Frames, bytes.Length, maskedValues, kept < bytes.Length ? flow.Running : null);
            slot.AppendContent(bytes[..kept]);
            return Enqueue(slot);
        }
    }

    /// <summary>
    /// Puts the ending in line and returns: nobody is kept waiting for it. A stop before it is durable leaves the intent open,
    /// which recovery ends as unknown.
    /// </summary>
    public ValueTask EndAsync(Ending ending)
    {
        lock (_gate)
        {
            if (_ended) return ValueTask.CompletedTask;
            _ended = true;
            var slot = journal.Rent(RecordType.Ending);
            slot.IsAwaited = false;
            try
            {
                PayloadWriter.Ending(slot, operation, ending, _reply.End(), _input.End());
            }
            catch (ArgumentException)
            {
                // The detail is not well-formed text; the ending is worth more than its detail.
                slot.Return();
                slot = journal.Rent(RecordType.Ending);
                slot.IsAwaited = false;
                PayloadWriter.Ending(slot, operation, ending with { Code = null, Detail = null, Hold = null }, reply: null, input: null);
            }
            try
            {
                journal.Enqueue(slot, urgent: false, always: true);
            }
            catch (RecordingException)
            {
                // The journal is broken or closed. The intent stays open in it, and the next start ends it as unknown.
            }
            return ValueTask.CompletedTask;
        }
    }

    private ValueTask Enqueue(JournalSlot slot)
    {
        if (_ended)
        {
            slot.Return();
            return ValueTask.FromException(new RecordingException("the account has ended; nothing can be added to it"));
        }
        var durable = slot.Durable;
        try
        {
            journal.Enqueue(slot);
        }
        catch (RecordingException fault)
        {
            return ValueTask.FromException(fault);
        }
        return durable;
    }
}

/// <summary>One direction of an account, in sum.</summary>
internal struct AccountFlow
{
    private static readonly System.Collections.Concurrent.ConcurrentQueue<IncrementalHash> Hashes = new();

    private IncrementalHash? _hash;
    private long _bytes;
    private long _masked;

    /// <summary>Frames so far.</summary>
    public long Frames { get; private set; }

    /// <summary>Bytes kept so far.</summary>
    public long Kept { get; private set; }

    /// <summary>Digest over everything so far.</summary>
    public readonly Digest Running
    {
        get
        {
            Span<byte> value = stackalloc byte[Digest.Size];
            _hash!.GetCurrentHash(value);
            return new Digest(value);
        }
    }

    /// <summary>Takes one frame.</summary>
    public void Add(ReadOnlySpan<byte> bytes, int kept, int masked)
    {
        if (_hash is null && !Hashes.TryDequeue(out _hash)) _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        _hash.AppendData(bytes);
        _bytes += bytes.Length;
        _masked += masked;
        Kept += kept;
        Frames++;
    }

    /// <summary>The sums, or null when nothing went this way; lets go of the hash.</summary>
    public RecordedFlow? End()
    {
        if (_hash is null) return null;
        Span<byte> value = stackalloc byte[Digest.Size];
        _hash.GetHashAndReset(value);
        Hashes.Enqueue(_hash);
        _hash = null;
        return new RecordedFlow(Frames, _bytes, Kept, _masked, new Digest(value).ToString());
    }
}
