using Postern.Core.Masking;

namespace Postern.Core.Recording;

/// <summary>
/// Writes the account of every operation. If it cannot write, nothing happens: its failures are
/// <see cref="RecordingException"/> and refuse the operation.
/// </summary>
public interface IRecorder
{
    /// <summary>Returns when the intent is durable.</summary>
    /// <exception cref="RecordingException">It is not durable; nothing may be forwarded.</exception>
    ValueTask<IAccount> BeginAsync(Intent intent, CancellationToken cancellationToken);

    /// <summary>
    /// Counts a denial that is identical (identity, connection, actions, facts, code) to more than ten others in the same
    /// second. True when it was counted and needs no account of its own; the count is written when the second is over.
    /// </summary>
    bool TryCount(Intent intent);

    /// <summary>Writes an occurrence; completes when it is durable.</summary>
    ValueTask NoteAsync(Occurrence occurrence, CancellationToken cancellationToken);
}

/// <summary>The open account of one operation. Not safe for concurrent use by several callers at once.</summary>
public interface IAccount
{
    /// <summary>Completes when the clearing is durable.</summary>
    ValueTask ClearAsync(Clearing clearing);

    /// <summary>
    /// Takes one frame in its recorded (masked) form; the bytes are copied before the call returns.
    /// The task completes when the frame is durable, so that several may be under way in order.
    /// </summary>
    /// <param name="direction">Which way it goes.</param>
    /// <param name="content">The masked form; kept up to the cap, digested always.</param>
    /// <param name="maskedValues">How many values were replaced in it.</param>
    /// <param name="digestOnly">Nothing of it is kept but its digest.</param>
    ValueTask AppendAsync(FrameDirection direction, Masked<ReadOnlyMemory<byte>> content, int maskedValues, bool digestOnly = false);

    /// <summary>Writes the one ending. Never cancelled, never throws; a later call is ignored.</summary>
    ValueTask EndAsync(Ending ending);
}

/// <summary>The record could not be written. The message names the cause and holds no values.</summary>
public sealed class RecordingException(string message, Exception? inner = null) : Exception(message, inner);
