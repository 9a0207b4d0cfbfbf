using System.Collections.Immutable;
using System.Globalization;
using Postern.Core.Operations;

namespace Postern.Core.Recording;

/// <summary>What a start found and did.</summary>
/// <param name="CutFile">The segment whose torn tail was cut, or null.</param>
/// <param name="CutOffset">Where it was cut.</param>
/// <param name="CutBytes">How many bytes were cut.</param>
/// <param name="Problem">What the cut bytes looked like.</param>
/// <param name="OpenIntents">Operations that had no ending.</param>
internal sealed record RecoveryResult(string? CutFile, long CutOffset, long CutBytes, string? Problem, ImmutableArray<OperationId> OpenIntents);

/// <summary>
/// Brings a journal back after any stop: cuts what a last write left torn, and says which intents are open. Refuses on anything
/// else, because a damaged account must be looked at by people, not continued.
/// </summary>
internal static class JournalRecovery
{
    /// <summary>Leaves <paramref name="segments"/> ready to be written to.</summary>
    /// <exception cref="RecordingException">The journal is damaged, or belongs to another key or version.</exception>
    public static RecoveryResult Run(IJournalStorage storage, JournalSegments segments, JournalKeyring keys, JournalSigners signers, DateTimeOffset now, CancellationToken cancellationToken)
    {
        using var scan = new JournalScan(storage, keys, strict: false);
        scan.Run(cancellationToken);
        // Before anything is touched: a journal goes on under the key of its last segment, or under one that this key vouches for.
        var signer = scan.Segment == 0 ? signers.Current : signers.For(scan.Signer);
        if (scan.Problem is { IsUnknownKey: true } || (signer is null && scan.Problem is null or { IsTornTail: true }))
        {
            throw new RecordingException(
                $"the journal `{storage.Name}` is signed with another key than {signers.Current.KeyId}; give the key before it too, so that it can vouch for the new one (`record.signingKey.previousFile`), or move the journal away to begin a new one");
        }
        string? cutFile = null;
        long cutBytes = 0;
        if (scan.Problem is { } problem)
        {
            if (!problem.IsTornTail)
            {
                throw new RecordingException(string.Create(CultureInfo.InvariantCulture,
                    $"the journal `{storage.Name}` is damaged: file `{problem.File}`, offset {problem.Offset}, sequence {problem.Sequence}: {problem.Text}; keep it as evidence, move the folder away and start again"));
            }
            cutFile = problem.File;
            using (var file = storage.Open(problem.File)) cutBytes = JournalRoom.UsedLength(file) - problem.Offset;
            // A segment whose own header is torn never held a record; it goes as a whole.
            if (problem.Offset == 0)
            {
                storage.Delete(problem.File);
                storage.FlushNames();
            }
        }
        segments.SignWith(signer!);
        if (scan.Segment == 0) segments.Begin(now);
        else segments.Resume(scan);
        return new RecoveryResult(cutFile, scan.Problem?.Offset ?? 0, cutBytes, scan.Problem?.Text, [.. scan.Open.OrderBy(pair => pair.Value).Select(pair => pair.Key)]);
    }

    /// <summary>
    /// Cuts a segment to its sound part, after a write or flush of it failed. What lies beyond may be readable and yet not be there
    /// after a power loss: a failed flush tells so once, and never again.
    /// </summary>
    /// <returns>How many bytes were cut.</returns>
    /// <exception cref="IOException">The disk still does not work.</exception>
    public static long Cut(IJournalStorage storage, SoundPart sound)
    {
        if (!storage.List().Contains(sound.Name, StringComparer.Ordinal)) return 0;
        long cut;
        using (var file = storage.Open(sound.Name))
        {
            cut = Math.Max(0, JournalRoom.UsedLength(file) - sound.Length);
            if (sound.Length > 0)
            {
                if (file.Length > sound.Length) file.SetLength(sound.Length);
                file.Flush();
                return cut;
            }
            // INVARIANT: a segment's header is on the disk before a record follows it, so a file without one holds no record.
            if (sound.Flushed > 0 || file.Length > JournalFormat.MaxHeaderBytes) throw new RecordingException($"the journal file `{sound.Name}` holds {file.Length} bytes and should hold a header at most; it is left as it is");
        }
        storage.Delete(sound.Name);
        storage.FlushNames();
        return cut;
    }
}
