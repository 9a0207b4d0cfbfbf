using Postern.Core.Recording;

namespace Postern.Tests.Recording.Torn;

/// <summary>Recovers what a power loss left, and says what of the promises is missing or too much.</summary>
internal static class TornJudge
{
    /// <summary>Opens a recorder on a disk, which is told what a witness hears.</summary>
    public static async Task<Recorder> OpenAsync(TornDisk disk, Durability durability = Durability.Strict, int segmentBytes = 4_096)
    {
        var recorder = await Recorder.OpenAsync(disk, Given.Signer, Given.Options() with { SegmentBytes = segmentBytes, Durability = durability }, TimeProvider.System, CancellationToken.None);
        recorder.Signed = checkpoint => disk.Note(new Note(NoteKind.Told, "", Anchor: new JournalAnchor(checkpoint.Journal, checkpoint.Through, checkpoint.Chain)));
        return recorder;
    }

    /// <summary>The first thing that is not as promised, or null.</summary>
    public static async Task<string?> ComplaintAsync(MemoryStorage left, IReadOnlyCollection<Note> owed, string how)
    {
        try
        {
            await (await Given.Recorder(left, Given.Options() with { SegmentBytes = 4_096 })).DisposeAsync();
        }
        catch (RecordingException fault)
        {
            return $"{how}: it does not open: {fault.Message}";
        }
        var told = owed.Where(note => note.Anchor is not null).Select(note => note.Anchor!).ToHashSet();
        using var key = JournalKeyring.Read(Given.Signer.PublicKeyPem);
        var verdict = JournalVerifier.VerifyJournal(left, key, told, CancellationToken.None);
        if (verdict.Bad is { } bad) return $"{how}: {bad}";
        if (told.Count > 0) return $"{how}: the anchor at {told.First().Sequence}, of which a witness was told, is gone";
        if (!verdict.OpenIntents.IsEmpty) return $"{how}: {verdict.OpenIntents[0]} has no ending";

        var endings = new Dictionary<string, string>(StringComparer.Ordinal);
        var frames = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var payload in Payloads(left))
        {
            if (payload is RecordedIntent intent) frames[intent.Op] = 0;
            else if (payload is RecordedFrame frame) frames[frame.Op]++;
            else if (payload is RecordedEnding ending && !endings.TryAdd(ending.Op, ending.Outcome)) return $"{how}: {ending.Op} ended twice";
        }
        var asked = owed.Where(note => note.Kind == NoteKind.EndAsked).Select(note => note.Operation).ToHashSet(StringComparer.Ordinal);
        foreach (var (operation, outcome) in endings)
        {
            if (outcome == "done" && !asked.Contains(operation)) return $"{how}: {operation} is said to be done, and nobody ever said so";
        }
        foreach (var note in owed)
        {
            if (note.Kind is NoteKind.Begun && !frames.ContainsKey(note.Operation)) return $"{how}: the intent of {note.Operation} was promised and is gone";
            if (note.Kind is NoteKind.Framed && frames.GetValueOrDefault(note.Operation) < note.Count) return $"{how}: frame {note.Count} of {note.Operation} was promised and is gone";
        }
        return null;
    }

    private static IEnumerable<RecordedPayload> Payloads(MemoryStorage left)
    {
        foreach (var name in left.List())
        {
            using var scanner = new SegmentScanner(left.Open(name));
            Assert.Equal(ScanStep.Record, scanner.ReadHeader(out _));
            while (scanner.Read() == ScanStep.Record)
            {
                Assert.True(PayloadReader.TryRead(scanner.Head.Type, scanner.Json, out var payload, out var problem), problem);
                yield return payload;
            }
        }
    }
}
