using System.Buffers.Binary;
using Postern.Core.Operations;
using Postern.Core.Recording;
using Postern.Tests.Gateway;

namespace Postern.Tests.Recording.Tampering;

/// <summary>
/// What was said in an erased session leaves the disk, and the chain is proved as before; whoever takes out what nobody erased is found, whatever
/// else he makes fit.
/// </summary>
[Row("U11")]
[Guarantee("G4")]
public sealed class FoldedSegmentTests : IAsyncLifetime
{
    private const string First = "journal-000001.pjl";
    private const string Erased = "01SESSION0000000000000000E";
    private const string Kept = "01SESSION0000000000000000K";

    private static readonly Erasure ByBob = new(Given.Noon.AddDays(1), "corp:bob", "asked for", IsExpiry: false);

    private readonly TemporaryFolder _folder = new();
    private readonly MemoryDataKeys _keys = new();
    private readonly HashSet<OperationId> _erased = [];
    private readonly HashSet<OperationId> _kept = [];

    private string Journal => Path.Combine(_folder.Path, "journal");

    private string Segment => Path.Combine(Journal, First);

    private RecorderOptions Options => new() { DataFolder = _folder.Path, DataKeys = _keys };

    public async ValueTask InitializeAsync()
    {
        await using (var recorder = await Recorder.OpenAsync(Options, TimeProvider.System, CancellationToken.None))
        {
            for (var i = 0; i < 2; i++)
            {
                _erased.Add(await RecordAsync(recorder, Erased));
                _kept.Add(await RecordAsync(recorder, Kept));
            }
            await recorder.NoteAsync(new Occurrence(SegmentFolding.ErasedKind, Given.Noon.AddDays(1), [new("session", Erased), new("by", "corp:bob")]), CancellationToken.None);
        }
        _keys.Destroy(Erased, ByBob);
    }

    public ValueTask DisposeAsync()
    {
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public void What_was_erased_leaves_the_disk_and_everything_else_reads_and_verifies_as_before()
    {
        var (before, whole) = (Verify(), new FileInfo(Segment).Length);
        var read = Read();

        var folded = SegmentFolding.Fold(Journal, 1, _erased, CancellationToken.None);

        // Two operations of 20 KB asked and 20 KB answered.
        Assert.InRange(folded.GivenBack, 79_000, 85_000);
        Assert.Equal(whole - folded.GivenBack, new FileInfo(Segment).Length);
        Assert.Equal(_erased.Select(operation => operation.ToString()).Order(), folded.Ended.Select(operation => operation.ToString()).Order());
        var after = Verify();
        Assert.True(after.IsGood);
        Assert.Equal((before.LastCheckpoint, before.Records, before.Checkpoints), (after.LastCheckpoint, after.Records, after.Checkpoints));
        // Intent, reply and ending of each.
        Assert.Equal((0, 6), (before.Folded, after.Folded));
        // Every record stands where it stood, and says what it said; also of what is gone by whom.
        Assert.Equal(read, Read());
        Assert.Contains(read, line => line.Contains("erased on 2026-03-05T12:00:00Z by corp:bob: asked for", StringComparison.Ordinal));
    }

    [Fact]
    public void Folding_again_changes_nothing()
    {
        SegmentFolding.Fold(Journal, 1, _erased, CancellationToken.None);
        var bytes = File.ReadAllBytes(Segment);

        Assert.Equal(0, SegmentFolding.Fold(Journal, 1, _erased, CancellationToken.None).GivenBack);

        Assert.Equal(bytes, File.ReadAllBytes(Segment));
        Assert.Equal([First], Directory.EnumerateFiles(Journal, "*.pjl*").Select(Path.GetFileName));
    }

    [Fact]
    public async Task A_gateway_goes_on_behind_a_folded_segment()
    {
        SegmentFolding.Fold(Journal, 1, _erased, CancellationToken.None);
        await using (var recorder = await Recorder.OpenAsync(Options with { SegmentBytes = 16 * 1024 }, TimeProvider.System, CancellationToken.None)) await RecordAsync(recorder, "01SESSION0000000000000000N");

        Assert.True(Verify().IsGood);
    }

    [Fact]
    public void Taking_out_what_nobody_erased_is_found()
    {
        SegmentFolding.Fold(Journal, 1, _kept, CancellationToken.None);

        var bad = Verify().Bad;

        Assert.Contains("no signed tombstone behind it says that session `01SESSION0000000000000000K` was erased", bad?.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_tombstone_that_is_under_no_signature_excuses_nothing()
    {
        SegmentFolding.Fold(Journal, 1, _kept, CancellationToken.None);
        // Whoever has no key can still write a record behind the last checkpoint.
        var unsigned = new MemoryStorage();
        var id = new JournalReader(Journal).ReadJournalId()!;
        Assert.True(SegmentScanner.TrySeed(id, out var seed));
        await using (var recorder = await Given.Recorder(unsigned))
        {
            await recorder.NoteAsync(new Occurrence(SegmentFolding.ErasedKind, Given.Noon, [new("session", Kept)]), CancellationToken.None);
        }
        var forgery = Forgery.Of(unsigned);
        var tombstone = forgery.Records.Single(record => record.AsSpan().IndexOf(System.Text.Encoding.ASCII.GetBytes(Kept)) >= 0);
        var whole = Unfolded();
        var sequence = Verify().Records;
        JournalFormat.WriteHead(tombstone, JournalFormat.ReadHead(tombstone) with { Sequence = sequence + 1, Flushed = 0 }, seed);
        await File.WriteAllBytesAsync(Segment, [.. whole, .. tombstone], TestContext.Current.CancellationToken);

        var verdict = Verify();

        Assert.Equal(1, verdict.Unanchored);
        Assert.Contains("no signed tombstone", verdict.Bad?.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void A_record_of_an_erased_session_says_what_it_said_of_who_did_what_or_is_found()
    {
        SegmentFolding.Fold(Journal, 1, _erased, CancellationToken.None);
        var whole = Unfolded();
        var at = whole.AsSpan().IndexOf("refund"u8);
        "delete"u8.CopyTo(whole.AsSpan(at));
        File.WriteAllBytes(Segment, whole);
        Assert.NotNull(Verify().Bad);

        // With checksums that fit, the link under the next signature does not.
        Reseal(whole);
        File.WriteAllBytes(Segment, whole);
        Assert.Contains("does not match the records before it", Verify().Bad?.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void A_changed_byte_anywhere_in_a_folded_file_is_found()
    {
        // Both sessions, so that the file is small; that the other one was not erased is found at the end, if nothing is found before.
        SegmentFolding.Fold(Journal, 1, _erased.Concat(_kept).ToHashSet(), CancellationToken.None);
        var bytes = File.ReadAllBytes(Segment);
        var asItIs = Verify().Bad?.Problem;
        Assert.Contains("no signed tombstone", asItIs, StringComparison.Ordinal);
        for (var at = 0; at < bytes.Length; at += at is < 64 || at > bytes.Length - 256 ? 1 : 3)
        {
            bytes[at] ^= (byte)(1 << (at % 8));
            File.WriteAllBytes(Segment, bytes);
            var report = Report();
            Assert.True(!report.IsGood && report.Journals.FirstOrDefault()?.Bad?.Problem is var found && !string.Equals(found, asItIs, StringComparison.Ordinal), $"byte {at} of {bytes.Length}");
            bytes[at] ^= (byte)(1 << (at % 8));
        }
    }

    [Fact]
    public void Bytes_in_the_place_of_what_was_taken_out_are_found()
    {
        SegmentFolding.Fold(Journal, 1, _erased, CancellationToken.None);
        var whole = Unfolded();
        File.WriteAllBytes(Segment, whole);
        Assert.True(Verify().IsGood);
        foreach (var (offset, length) in Holes())
        {
            foreach (var at in (long[])[offset, offset + (length / 2), offset + length - 1])
            {
                whole[at] = 1;
                File.WriteAllBytes(Segment, whole);
                Assert.NotNull(Verify().Bad);
                whole[at] = 0;
            }
        }
    }

    [Fact]
    public void A_hole_punched_into_what_was_said_is_damage()
    {
        var whole = File.ReadAllBytes(Segment);
        foreach (var (offset, length) in Contents())
        {
            var punched = (byte[])whole.Clone();
            punched.AsSpan((int)offset, (int)length).Clear();
            File.WriteAllBytes(Segment, punched);
            Assert.Contains("checksum", Verify().Bad?.Problem, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_stop_anywhere_leaves_the_old_or_the_new_and_the_next_time_does_it()
    {
        // What a stop leaves of a draft: none of it, some of it, all of it, in each case beside the segment as it was.
        var old = File.ReadAllBytes(Segment);
        SegmentFolding.Fold(Journal, 1, _erased, CancellationToken.None);
        var folded = File.ReadAllBytes(Segment);
        foreach (var length in (int[])[0, 1, folded.Length / 2, folded.Length - 1, folded.Length])
        {
            File.WriteAllBytes(Segment, old);
            File.WriteAllBytes(Segment + ".folded", folded[..length]);
            Assert.True(Verify().IsGood);

            SegmentFolding.Fold(Journal, 1, _erased, CancellationToken.None);

            Assert.Equal(folded, File.ReadAllBytes(Segment));
            Assert.False(File.Exists(Segment + ".folded"));
        }
    }

    [Fact]
    public void Whoever_counts_bytes_counts_the_segment_and_does_not_fall_over_a_damaged_one()
    {
        var journal = new JournalReader(Journal);
        var whole = journal.BytesFrom(JournalPosition.Begin);
        SegmentFolding.Fold(Journal, 1, _erased, CancellationToken.None);
        Assert.Equal(whole, journal.BytesFrom(JournalPosition.Begin));
        var bytes = File.ReadAllBytes(Segment);
        bytes[^1] = 0xff;
        File.WriteAllBytes(Segment, bytes);

        Assert.Equal(bytes.Length, journal.BytesFrom(JournalPosition.Begin));
        Assert.Contains("its table does not fit", Assert.Single(Report().Problems), StringComparison.Ordinal);
    }

    [Fact]
    public void A_damaged_segment_is_left_as_it_is()
    {
        var bytes = File.ReadAllBytes(Segment);
        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(Segment, bytes);

        Assert.Throws<RecordingException>(() => SegmentFolding.Fold(Journal, 1, _erased, CancellationToken.None));

        Assert.Equal(bytes, File.ReadAllBytes(Segment));
    }

    [Fact]
    public void A_copy_with_everything_is_the_same_as_a_folded_one_and_another_is_not()
    {
        var id = new JournalReader(Journal).ReadJournalId()!;
        var whole = File.ReadAllBytes(Segment);
        SegmentFolding.Fold(Journal, 1, _erased, CancellationToken.None);
        var folded = Unfolded();

        Assert.True(SegmentFolding.IsSame(whole, folded, isBegin: true, id));
        Assert.True(SegmentFolding.IsSame(folded, whole, isBegin: true, id));
        for (var at = 0; at < whole.Length; at += 997)
        {
            whole[at] ^= 1;
            Assert.False(SegmentFolding.IsSame(whole, folded, isBegin: true, id), $"byte {at}");
            whole[at] ^= 1;
        }
    }

    private async Task<OperationId> RecordAsync(Recorder recorder, string session)
    {
        var intent = Given.Intent(new string('q', 20_000)) with { Session = session };
        var account = await recorder.BeginAsync(intent, CancellationToken.None);
        await account.AppendAsync(FrameDirection.Reply, Given.Masked(new string('a', 20_000)), 0);
        await account.EndAsync(Given.Done());
        return intent.Operation;
    }

    private JournalVerdict Verify() => Report().Journals[0];

    private VerifyReport Report() => JournalVerifier.Verify([_folder.Path], File.ReadAllText(Path.Combine(_folder.Path, JournalKeys.PublicKeyFile)));

    private List<string> Read() => [.. new JournalReader(Journal, _keys).Read(JournalPosition.Begin).Select(record => $"{record.Position} {record.Next} {record.Sequence} {record.Type} {record.Payload.GetType().Name} {record.Content.Length} {record.Closed}")];

    /// <summary>The segment as whoever reads it sees it.</summary>
    private byte[] Unfolded()
    {
        using var storage = FolderStorage.ForReading(Journal);
        using var file = storage.Open(First);
        var bytes = new byte[file.Length];
        for (var done = 0; done < bytes.Length;) done += file.Read(bytes.AsSpan(done), done);
        return bytes;
    }

    private List<(long Offset, long Length)> Contents() => Places(static head => head is { IsSealed: true, ContentLength: > 0 }, static head => head.ContentLength);

    private List<(long Offset, long Length)> Holes() => Places(static head => head.IsFolded, FoldedRecord.ZerosOf);

    private List<(long Offset, long Length)> Places(Func<RecordHead, bool> isMeant, Func<RecordHead, int> lengthOf)
    {
        var places = new List<(long, long)>();
        using var storage = FolderStorage.ForReading(Journal);
        using var scanner = new SegmentScanner(storage.Open(First));
        Assert.Equal(ScanStep.Record, scanner.ReadHeader(out _));
        while (scanner.Read() == ScanStep.Record)
        {
            if (isMeant(scanner.Head)) places.Add((scanner.Next - lengthOf(scanner.Head), lengthOf(scanner.Head)));
        }
        Assert.NotEmpty(places);
        return places;
    }

    /// <summary>Gives every folded record of an unfolded segment a checksum that fits.</summary>
    private static void Reseal(byte[] whole)
    {
        var at = JournalFormat.PrefixBytes;
        Assert.True(PayloadReader.TryRead(RecordType.Header, whole.AsSpan(at + JournalFormat.HeadBytes, JournalFormat.ReadHead(whole.AsSpan(at)).Length), out var header, out _));
        Assert.True(SegmentScanner.TrySeed(((RecordedHeader)header).Journal, out var seed));
        while (at < whole.Length)
        {
            var head = JournalFormat.ReadHead(whole.AsSpan(at));
            var record = whole.AsSpan(at, JournalFormat.HeadBytes + head.Length);
            if (head.IsFolded)
            {
                var end = record.Length - FoldedRecord.ZerosOf(head) - sizeof(uint);
                BinaryPrimitives.WriteUInt32LittleEndian(record[end..], JournalFormat.Checksum(record[..end], seed));
            }
            at += record.Length;
        }
    }
}
