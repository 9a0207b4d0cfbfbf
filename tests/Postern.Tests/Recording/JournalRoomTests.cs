using Postern.Core.Operations;
using Postern.Core.Recording;
using Postern.Tests.Gateway;

namespace Postern.Tests.Recording;

/// <summary>Zeros stand behind the last record of a strict journal while it is written to, and nobody takes them for anything.</summary>
public sealed class JournalRoomTests
{
    private const string First = "journal-000001.pjl";

    [Fact]
    public async Task Records_are_written_into_room_and_an_orderly_end_gives_it_back()
    {
        var storage = new MemoryStorage();
        await using (var recorder = await Given.Recorder(storage, Given.Options() with { RoomBytes = 64 * 1024 }))
        {
            await Given.OperationAsync(recorder);
            var length = storage.Bytes(First).Length;
            for (var i = 0; i < 4; i++) await Given.OperationAsync(recorder);

            Assert.Equal(length, storage.Bytes(First).Length);
            Assert.True(Used(storage) < length - 32 * 1024);
        }

        Assert.Equal(Given.Records(storage)[^1].Next, storage.Bytes(First).Length);
        Assert.True(Given.Verify(storage).IsGood);
    }

    [Fact]
    public async Task A_relaxed_journal_has_none()
    {
        var storage = new MemoryStorage();
        await using var recorder = await Given.Recorder(storage, Given.Options() with { Durability = Durability.Relaxed });
        await Given.OperationAsync(recorder);
        var left = storage.AfterKill();

        Assert.Equal(Used(left), left.Bytes(First).Length);
    }

    [Fact]
    [Guarantee("G3")]
    public async Task A_killed_journal_is_good_and_goes_on_behind_its_last_record()
    {
        var storage = new MemoryStorage();
        await using var recorder = await Given.Recorder(storage);
        await Given.OperationAsync(recorder);
        await recorder.BeginAsync(Given.Intent(), CancellationToken.None);
        var left = storage.AfterKill();
        var end = Used(left);
        Assert.True(left.Bytes(First).Length > end);

        var verdict = Given.Verify(left);
        Assert.True(verdict.IsGood, $"{verdict.Bad}");
        await using (var next = await Given.Recorder(left)) await Given.OperationAsync(next);

        // An intent was open; nothing was torn.
        var told = Assert.Single(Given.Read(left, keys: null).Select(record => record.Payload).OfType<RecordedOccurrence>(), occurrence => occurrence.Kind == Recorder.RecoveredKind);
        Assert.Contains(told.Facts, fact => fact is { Name: "cutBytes", Value: "0" });
        Assert.Contains(Given.Records(left), record => record.Offset == end);
        Assert.True(Given.Verify(left).IsGood);
    }

    [Fact]
    [Guarantee("G4")]
    public async Task A_byte_that_is_put_into_the_room_is_found()
    {
        var storage = new MemoryStorage();
        await using var recorder = await Given.Recorder(storage);
        await Given.OperationAsync(recorder);
        var killed = storage.AfterKill();
        var bytes = killed.Bytes(First);
        var end = Used(killed);

        for (var at = (int)end; at < bytes.Length; at++)
        {
            var changed = bytes.ToArray();
            changed[at] = 1;
            var left = new MemoryStorage();
            left.Put(First, changed);

            var verdict = Given.Verify(left);

            Assert.Equal(end, verdict.Bad?.Offset);
        }
    }

    [Fact]
    [Guarantee("G4")]
    public async Task Closed_segments_have_none()
    {
        var storage = await SegmentsAsync();

        foreach (var name in storage.List().SkipLast(1)) Assert.Equal(Given.Records(storage, name)[^1].Next, storage.Bytes(name).Length);
        Assert.True(Given.Verify(storage).IsGood);
    }

    [Theory]
    [Guarantee("G4")]
    [InlineData(1)]
    [InlineData(31)]
    [InlineData(32)]
    [InlineData(4_096)]
    public async Task A_closed_segment_that_ends_in_zeros_is_bad(int zeros)
    {
        var storage = await SegmentsAsync();
        var whole = storage.Bytes(First);

        storage.Put(First, [.. whole, .. new byte[zeros]]);

        Assert.Equal(whole.Length, Given.Verify(storage).Bad?.Offset);
    }

    [Fact]
    [Guarantee("G4")]
    [Row("U04")]
    public async Task Zeros_over_the_last_records_of_a_closed_segment_are_no_room_for_any_reader()
    {
        var storage = await SegmentsAsync();
        using var folder = new TemporaryFolder();
        foreach (var name in storage.List()) await File.WriteAllBytesAsync(Path.Combine(folder.Path, name), storage.Bytes(name), TestContext.Current.CancellationToken);
        var bytes = storage.Bytes(First);
        var overwritten = Given.Records(storage)[^2].Offset;
        bytes.AsSpan((int)overwritten).Clear();
        await File.WriteAllBytesAsync(Path.Combine(folder.Path, First), bytes, TestContext.Current.CancellationToken);
        storage.Put(First, bytes);

        var read = Assert.Throws<RecordingException>(() => new JournalReader(folder.Path).Read(JournalPosition.Begin).Count());
        var folded = Assert.Throws<RecordingException>(() => SegmentFolding.Fold(folder.Path, 1, new HashSet<OperationId>(), CancellationToken.None));

        Assert.Contains($"offset {overwritten}", read.Message, StringComparison.Ordinal);
        Assert.Contains($"offset {overwritten}", folded.Message, StringComparison.Ordinal);
        Assert.Equal(bytes, await File.ReadAllBytesAsync(Path.Combine(folder.Path, First), TestContext.Current.CancellationToken));
        Assert.Equal(overwritten, Given.Verify(storage).Bad?.Offset);
    }

    [Fact]
    public async Task A_disk_without_room_takes_records_until_one_does_not_fit()
    {
        var storage = new MemoryStorage { HasNoRoom = true };
        await using (var recorder = await Given.Recorder(storage))
        {
            for (var i = 0; i < 3; i++) await Given.OperationAsync(recorder);
            Assert.True(storage.RoomsRefused > 0);
        }

        var verdict = Given.Verify(storage);
        Assert.True(verdict.IsGood, $"{verdict.Bad}");
        Assert.Empty(verdict.OpenIntents);
    }

    [Fact]
    public async Task A_reader_that_saw_room_sees_what_was_written_into_it_since()
    {
        var storage = new MemoryStorage();
        await using var recorder = await Given.Recorder(storage, Given.Options() with { RoomBytes = 64 * 1024 });
        await Given.OperationAsync(recorder);
        using var scanner = new SegmentScanner(storage.Open(First));
        Assert.Equal(ScanStep.Record, scanner.ReadHeader(out _));

        // Everything there is was read ahead with the header, zeros included.
        await Given.OperationAsync(recorder);
        await recorder.BeginAsync(Given.Intent(), CancellationToken.None);
        var written = Given.Records(storage.AfterKill()).Count;
        var seen = 1;
        while (scanner.Read() == ScanStep.Record) seen++;

        Assert.True(seen >= written, $"{seen} of {written}");
        Assert.True(scanner.IsInRoom);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_segment_that_is_closed_while_somebody_stands_at_its_end_is_read_to_its_end(bool isClosedMeanwhile)
    {
        var storage = new MemoryStorage();
        await using var recorder = await Given.Recorder(storage, Given.Options() with { SegmentBytes = 4_096 });
        await Given.OperationAsync(recorder);
        var early = storage.AfterKill();
        while (storage.List().Count == 1) await Given.OperationAsync(recorder);
        var whole = storage.Bytes(First);
        var file = early.Open(First);
        using var scanner = new SegmentScanner(file);
        Assert.Equal(ScanStep.Record, scanner.ReadHeader(out _));
        var seen = 1;
        bool IsLast()
        {
            if (!isClosedMeanwhile) return true;
            file.Write(whole.AsSpan((int)scanner.Next), scanner.Next);
            file.SetLength(whole.Length);
            isClosedMeanwhile = false;
            return false;
        }

        var step = scanner.Read(IsLast);
        for (; step == ScanStep.Record; step = scanner.Read(IsLast)) seen++;

        Assert.Null(step);
        Assert.Equal(Given.Records(early).Count, seen);
    }

    [Fact]
    public async Task Room_does_not_count_as_bytes_that_somebody_has_yet_to_read()
    {
        using var folder = new TemporaryFolder();
        var options = new RecorderOptions { DataFolder = folder.Path };
        await using var recorder = await Recorder.OpenAsync(options, TimeProvider.System, CancellationToken.None);
        await Given.OperationAsync(recorder);
        var journal = new JournalReader(options.JournalFolder);
        var last = journal.Read(JournalPosition.Begin).Last();
        var unread = journal.BytesFrom(last.Next);
        // Nobody waits for an ending, nor for the checkpoint behind it.
        for (var i = 0; i < 200 && unread != 0; i++)
        {
            await Task.Delay(10, TestContext.Current.CancellationToken);
            last = journal.Read(JournalPosition.Begin).Last();
            unread = journal.BytesFrom(last.Next);
        }

        Assert.Equal(0, unread);
        Assert.True(new FileInfo(Path.Combine(options.JournalFolder, First)).Length > last.Next.Offset);
    }

    private static async Task<MemoryStorage> SegmentsAsync()
    {
        var storage = new MemoryStorage();
        await using var recorder = await Given.Recorder(storage, Given.Options() with { SegmentBytes = 4_096 });
        for (var i = 0; i < 6; i++) await Given.OperationAsync(recorder);
        Assert.True(storage.List().Count > 2);
        return storage;
    }

    private static long Used(MemoryStorage storage) => Given.Records(storage)[^1].Next;
}
