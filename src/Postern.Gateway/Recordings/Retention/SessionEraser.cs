using System.Collections.Immutable;
using System.Globalization;
using Postern.Core.Recording;
using Postern.Core.Sessions;
using Postern.Gateway.Approvals;
using Postern.Gateway.Recordings.Keys;

namespace Postern.Gateway.Recordings.Retention;

/// <summary>What became of an attempt to erase a session.</summary>
internal enum EraseOutcome
{
    /// <summary>What was said in it is gone.</summary>
    Erased,

    /// <summary>It was before.</summary>
    Already,

    /// <summary>It is under legal hold.</summary>
    Held,

    /// <summary>An operation of it is under way, or waits for people.</summary>
    Live,

    /// <summary>It was recorded before content was sealed, so there is no key to destroy.</summary>
    Plain,

    /// <summary>There is no such session.</summary>
    Unknown,
}

/// <summary>What an eraser works on.</summary>
internal sealed record ErasingParts(DataKeyFile Keys, RecordingIndex Index, SqliteHoldStore Holds, Recorder Recorder, SessionBook Book, TimeProvider Clock);

/// <summary>
/// Erases sessions by destroying their keys: the journal stays as it is and verifies, and nobody can read what was said. The order is what
/// makes a stop in between harmless: the keys go first and say who wanted it, and whatever was not done after that is done at the next start.
/// </summary>
internal sealed class SessionEraser(ErasingParts parts) : IDisposable
{
    // One at a time: what is half done is finished once.
    private readonly SemaphoreSlim _turn = new(1, 1);

    /// <summary>Kind of the tombstone of a session that somebody erased.</summary>
    public const string ErasedKind = SegmentFolding.ErasedKind;

    /// <summary>Kind of the tombstone of a session whose time was over.</summary>
    public const string ExpiredKind = SegmentFolding.ExpiredKind;

    /// <summary>Kind of the occurrence that forbids to erase a session.</summary>
    public const string HeldKind = "session.held";

    /// <summary>Kind of the occurrence that takes that back.</summary>
    public const string ReleasedKind = "session.released";

    /// <summary>Erases a session, and says so in the journal.</summary>
    /// <param name="session">Its id.</param>
    /// <param name="erasure">When, by whom and why.</param>
    /// <param name="cancellationToken">Before the keys are destroyed; not afterwards.</param>
    /// <returns>What became of it, and how many operations it had.</returns>
    public async ValueTask<(EraseOutcome Outcome, int Operations)> EraseAsync(string session, Erasure erasure, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await EraseInTurnAsync(session, erasure, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Finishes what a stop, or a file that was in use, left half done: keys that were destroyed, of which the journal does not say so yet.</summary>
    public async ValueTask FinishAllAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await FinishAllInTurnAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }

    private async ValueTask<(EraseOutcome Outcome, int Operations)> EraseInTurnAsync(string session, Erasure erasure, CancellationToken cancellationToken)
    {
        if (await parts.Index.FindErasableAsync(session, cancellationToken).ConfigureAwait(false) is not { } known) return (EraseOutcome.Unknown, 0);
        var operations = known.Operations.Length;
        if (await parts.Keys.ErasureOfAsync(session).ConfigureAwait(false) is not null)
        {
            await FinishAllInTurnAsync(cancellationToken).ConfigureAwait(false);
            return (EraseOutcome.Already, operations);
        }
        if (!await parts.Keys.HasKeysAsync(session).ConfigureAwait(false)) return (EraseOutcome.Plain, operations);
        // 1. It is over: the next operation of the same caller opens another session, under another key.
        if (known.Open > 0 || await parts.Holds.IsAnyLiveAsync(known.Operations, cancellationToken).ConfigureAwait(false)) return (EraseOutcome.Live, operations);
        parts.Book.End(session);
        parts.Recorder.ForgetKey(session);
        // 2. From here on nobody can read it.
        switch (await parts.Keys.DestroyAsync(session, erasure, operations).ConfigureAwait(false))
        {
            case KeyDestruction.Held:
                return (EraseOutcome.Held, operations);
            case KeyDestruction.Already:
                return (EraseOutcome.Already, operations);
            default:
                // 3. What was made from it, and the tombstone.
                await FinishAsync(session, erasure, operations, known.Operations).ConfigureAwait(false);
                return (EraseOutcome.Erased, operations);
        }
    }

    private async ValueTask FinishAllInTurnAsync(CancellationToken cancellationToken)
    {
        foreach (var (session, erasure, operations) in await parts.Keys.UntoldAsync().ConfigureAwait(false))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var known = await parts.Index.FindErasableAsync(session, cancellationToken).ConfigureAwait(false);
            await FinishAsync(session, erasure, operations, known?.Operations ?? []).ConfigureAwait(false);
        }
    }

    /// <summary>Forbids to erase a session. Null when there is none; false when it is forbidden already.</summary>
    public async ValueTask<bool?> HoldAsync(string session, string by, string why, CancellationToken cancellationToken)
    {
        if (await parts.Index.FindErasableAsync(session, cancellationToken).ConfigureAwait(false) is null) return null;
        var now = parts.Clock.GetUtcNow();
        // Before it counts: a hold that nobody can find in the record could be denied later.
        await NoteAsync(HeldKind, now, [new("session", session), new("by", by), new("reason", why)]).ConfigureAwait(false);
        return await parts.Keys.HoldAsync(session, now, by, why).ConfigureAwait(false);
    }

    /// <summary>Takes that back. False when nothing forbade it.</summary>
    public async ValueTask<bool> ReleaseAsync(string session, string by, string why)
    {
        if ((await parts.Keys.HeldAsync().ConfigureAwait(false)).All(hold => hold.Session != session)) return false;
        await NoteAsync(ReleasedKind, parts.Clock.GetUtcNow(), [new("session", session), new("by", by), new("reason", why)]).ConfigureAwait(false);
        return await parts.Keys.ReleaseAsync(session).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public void Dispose() => _turn.Dispose();

    private async ValueTask FinishAsync(string session, Erasure erasure, int operations, ImmutableArray<string> ids)
    {
        await parts.Keys.EmptyLogAsync().ConfigureAwait(false);
        await parts.Index.EraseAsync(session, CancellationToken.None).ConfigureAwait(false);
        await parts.Holds.ForgetAsync(ids).ConfigureAwait(false);
        await NoteAsync(erasure.IsExpiry ? ExpiredKind : ErasedKind, parts.Clock.GetUtcNow(),
        [
            new("session", session), new("by", erasure.By), new("reason", erasure.Why),
            new("at", erasure.At.UtcDateTime.ToString("O", CultureInfo.InvariantCulture)), new("operations", operations.ToString(CultureInfo.InvariantCulture)),
        ]).ConfigureAwait(false);
        await parts.Keys.ToldAsync(session).ConfigureAwait(false);
    }

    private ValueTask NoteAsync(string kind, DateTimeOffset at, ImmutableArray<KeyValuePair<string, string>> facts) => parts.Recorder.NoteAsync(new Occurrence(kind, at, facts), CancellationToken.None);
}
