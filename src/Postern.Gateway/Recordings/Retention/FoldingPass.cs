using System.Globalization;
using Postern.Core.Operations;
using Postern.Core.Recording;
using Postern.Gateway.Recordings.Keys;

namespace Postern.Gateway.Recordings.Retention;

/// <summary>
/// One pass over the sessions that were erased and whose sealed content, which nobody can read, still takes disk: closed segments are folded
/// (docs/decisions/0057). It waits for the signature over their tombstones, without which a verifier would call a folded record a theft.
/// </summary>
internal sealed class FoldingPass(DataKeyFile keys, RecordingIndex index, Recorder recorder, string folder, TimeProvider clock)
{
    /// <summary>Kind of the occurrence that tells of a segment that was folded.</summary>
    public const string Kind = "journal.folded";

    /// <summary>Folds what can be folded.</summary>
    /// <returns>Bytes of disk that came back.</returns>
    /// <exception cref="RecordingException">A segment is damaged, or the journal cannot be written.</exception>
    public async ValueTask<long> RunAsync(CancellationToken cancellationToken)
    {
        var sessions = await keys.UnfoldedAsync().ConfigureAwait(false);
        if (sessions.IsEmpty || !await JournalSignature.ReachesAsync(recorder, clock, cancellationToken).ConfigureAwait(false)) return 0;
        var open = OpenSegment();
        var waiting = new SortedDictionary<int, HashSet<OperationId>>();
        var done = new List<string>();
        foreach (var session in sessions)
        {
            var places = await index.FindPlacesAsync(session, cancellationToken).ConfigureAwait(false);
            // While it stands in the segment that is written to, it waits: then all of it goes at once.
            if (places.Any(place => place.Segment >= open)) continue;
            foreach (var (operation, segment) in places)
            {
                if (!waiting.TryGetValue(segment, out var there)) waiting.Add(segment, there = []);
                there.Add(operation);
            }
            done.Add(session);
        }
        var (givenBack, unended) = await FoldAsync(waiting, open, cancellationToken).ConfigureAwait(false);
        foreach (var session in done)
        {
            // An operation that runs on into the open segment ends there: its session is looked at again.
            var places = unended.Count == 0 ? [] : await index.FindPlacesAsync(session, cancellationToken).ConfigureAwait(false);
            if (!places.Any(place => unended.Contains(place.Operation))) await keys.FoldedAsync(session).ConfigureAwait(false);
        }
        return givenBack;
    }

    private async ValueTask<(long GivenBack, HashSet<OperationId> Unended)> FoldAsync(SortedDictionary<int, HashSet<OperationId>> waiting, int open, CancellationToken cancellationToken)
    {
        var givenBack = 0L;
        var operations = new HashSet<OperationId>();
        for (var segment = waiting.Count == 0 ? open : waiting.Keys.First(); segment < open; segment++)
        {
            if (waiting.TryGetValue(segment, out var begun)) operations.UnionWith(begun);
            if (operations.Count == 0) continue;
            if (!File.Exists(Path.Combine(folder, JournalReader.SegmentFile(segment))) || MovedSegment.Read(folder, segment) is not null)
            {
                // It is in the store, which is never written over, and takes no disk here.
                operations.Clear();
                continue;
            }
            var at = segment;
            var folded = await Task.Run(() => SegmentFolding.Fold(folder, at, operations, cancellationToken), cancellationToken).ConfigureAwait(false);
            operations.ExceptWith(folded.Ended);
            if (folded.GivenBack == 0) continue;
            givenBack += folded.GivenBack;
            await recorder.NoteAsync(new Occurrence(Kind, clock.GetUtcNow(), [new("segment", segment.ToString(CultureInfo.InvariantCulture)), new("bytes", folded.GivenBack.ToString(CultureInfo.InvariantCulture))]), CancellationToken.None).ConfigureAwait(false);
        }
        return (givenBack, operations);
    }

    /// <summary>The segment that is written to, or will be: the last that is there.</summary>
    private int OpenSegment()
    {
        var journal = new JournalReader(folder);
        var newest = 0;
        while (journal.LengthOf(newest + 1) is not null) newest++;
        return newest;
    }
}
