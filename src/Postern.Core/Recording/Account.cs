using System.Runtime.InteropServices;
using Postern.Core.Masking;
using Postern.Core.Operations;

namespace Postern.Core.Recording;

/// <summary>What every account of a recorder shares.</summary>
internal sealed record AccountOptions(long ContentBytes, bool RefuseBeyondContentBytes, TimeProvider Clock);

/// <summary>
/// The open account of one operation. Replies and input may be appended at the same time, each in its own order.
/// </summary>
/// <param name="journal">Where it is written.</param>
/// <param name="operation">Whose it is.</param>
/// <param name="options">What every account shares.</param>
/// <param name="key">What was said is sealed with it; null to write it down as it is.</param>
internal sealed class Account(Journal journal, OperationId operation, AccountOptions options, SessionKey? key = null) : IAccount
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
        ValueTask durable;
        lock (_gate) durable = Enqueue(slot);
        journal.Help(slot);
        return durable;
    }

    /// <inheritdoc/>
    public ValueTask AppendAsync(FrameDirection direction, Masked<ReadOnlyMemory<byte>> content, int maskedValues, bool digestOnly = false)
    {
        var bytes = content.Value.Span;
        var digest = ContentDigest.Of(bytes);
        ValueTask durable;
        JournalSlot slot;
        lock (_gate)
        {
            ref var flow = ref direction == FrameDirection.Reply ? ref _reply : ref _input;
            var kept = digestOnly ? 0 : (int)Math.Min(bytes.Length, options.ContentBytes - flow.Kept);
            if (kept < bytes.Length && !digestOnly && options.RefuseBeyondContentBytes)
            {
                return ValueTask.FromException(new RecordingException($"the content is over the {options.ContentBytes} bytes that are kept, and this gateway records in full"));
            }
            flow.Add(bytes.Length, digest, kept, maskedValues);
            slot = journal.Rent(RecordType.Frame);
            PayloadWriter.Frame(slot, operation, options.Clock.GetUtcNow(), direction, flow.Frames, bytes.Length, maskedValues, kept < bytes.Length && key is null ? digest : null);
            if (key is not null)
            {
                slot.BeginSealed();
                if (kept < bytes.Length) PayloadWriter.Said(slot, digest);
                slot.EndSaid();
                slot.Seal(key, bytes[..kept]);
            }
            else if (kept == bytes.Length)
            {
                slot.AppendContent(bytes, digest);
            }
            else
            {
                slot.AppendContent(bytes[..kept]);
            }
            durable = Enqueue(slot);
        }
        journal.Help(slot);
        return durable;
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
            slot.Operation = operation;
            try
            {
                PayloadWriter.Ending(slot, operation, ending, in _reply, in _input, isSealed: key is not null);
                if (key is not null)
                {
                    slot.BeginSealed();
                    PayloadWriter.Said(slot, ending, in _reply, in _input);
                    slot.EndSaid();
                    slot.Seal(key, []);
                }
            }
            catch (ArgumentException)
            {
                // The detail is not well-formed text; the ending is worth more than its detail.
                slot.Return();
                slot = journal.Rent(RecordType.Ending);
                slot.IsAwaited = false;
                slot.Operation = operation;
                PayloadWriter.Ending(slot, operation, ending with { Code = null, Detail = null, Hold = null }, reply: default, input: default);
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
[StructLayout(LayoutKind.Auto)]
internal struct AccountFlow
{
    /// <summary>The running digest of all frames.</summary>
    public Digest Running { get; set; }

    /// <summary>Frames so far.</summary>
    public long Frames { get; set; }

    /// <summary>Bytes so far.</summary>
    public long Bytes { get; set; }

    /// <summary>Bytes kept so far.</summary>
    public long Kept { get; set; }

    /// <summary>Values masked so far.</summary>
    public long Masked { get; set; }

    /// <summary>Takes one frame.</summary>
    public void Add(int bytes, Digest digest, int kept, int masked)
    {
        Running = Frames == 0 ? digest : Next(Running, digest);
        Bytes += bytes;
        Kept += kept;
        Masked += masked;
        Frames++;
    }

    /// <summary>
    /// The running digest after one more frame: SHA-256 over the value before and the frame's own digest. After the first frame it
    /// is that frame's own. Every byte enters it, and is hashed once.
    /// </summary>
    public static Digest Next(Digest running, Digest frame)
    {
        Span<byte> both = stackalloc byte[2 * Digest.Size];
        running.CopyTo(both);
        frame.CopyTo(both[Digest.Size..]);
        return Digest.Of(both);
    }
}
