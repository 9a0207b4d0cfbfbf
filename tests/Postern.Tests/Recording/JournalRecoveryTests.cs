using Postern.Core.Recording;

namespace Postern.Tests.Recording;

[Row("U01")]
public sealed class JournalRecoveryTests
{
    private const string First = "journal-000001.pjl";

    [Fact]
    [Guarantee("G3")]
    public async Task A_stop_after_any_byte_leaves_one_ending_per_intent()
    {
        var storage = await Given.ClosedJournalAsync(operations: 1);
        var bytes = storage.Bytes(First);
        var intentEnd = Given.Records(storage).First(record => record.Head.Type == RecordType.Intent).Next;
        var endingEnd = Given.Records(storage).First(record => record.Head.Type == RecordType.Ending).Next;

        for (var length = 0; length <= bytes.Length; length++)
        {
            var left = new MemoryStorage();
            left.Put(First, bytes[..length]);
            await (await Given.Recorder(left)).DisposeAsync();
            var verdict = Given.Verify(left);

            Assert.True(verdict.IsGood, $"cut at {length}: {verdict.Bad}");
            Assert.Empty(verdict.OpenIntents);
            var outcomes = left.Bytes(First).AsSpan();
            Assert.Equal(length >= endingEnd, outcomes.IndexOf("\"outcome\":\"done\""u8) > 0);
            Assert.Equal(length >= intentEnd && length < endingEnd, outcomes.IndexOf("\"outcome\":\"unknown\""u8) > 0);
        }
    }

    [Fact]
    [Guarantee("G1")]
    [Row("F02")]
    public async Task A_power_loss_after_any_flush_keeps_every_intent_that_was_promised()
    {
        var storage = new MemoryStorage();
        var promised = new List<string>();
        await using var recorder = await Given.Recorder(storage, Given.Options() with { SegmentBytes = 4_096 });
        for (var i = 0; i < 12; i++)
        {
            var intent = Given.Intent();
            var account = await recorder.BeginAsync(intent, CancellationToken.None);
            promised.Add(intent.Operation.ToString());
            await account.AppendAsync(FrameDirection.Reply, Given.Masked("reply"), 0);
            await account.EndAsync(Given.Done());

            var left = storage.AfterPowerLoss();
            await (await Given.Recorder(left)).DisposeAsync();
            var all = string.Concat(left.List().Select(name => System.Text.Encoding.UTF8.GetString(left.Bytes(name))));

            Assert.True(Given.Verify(left).IsGood);
            Assert.All(promised, id => Assert.Contains($"\"op\":\"{id}\",\"session\"", all, StringComparison.Ordinal));
        }
        Assert.True(storage.List().Count > 2);
    }

    [Fact]
    public async Task A_torn_tail_is_cut_and_told()
    {
        var storage = await Given.ClosedJournalAsync();
        var bytes = storage.Bytes(First);
        var last = Given.Records(storage)[^1];
        storage.Put(First, bytes[..^7]);

        await (await Given.Recorder(storage)).DisposeAsync();
        var text = System.Text.Encoding.UTF8.GetString(storage.Bytes(First));

        Assert.Contains("\"kind\":\"journal.recovered\"", text, StringComparison.Ordinal);
        Assert.Contains($"{{\"name\":\"cutBytes\",\"value\":\"{last.Next - last.Offset - 7}\"}}", text, StringComparison.Ordinal);
        Assert.True(Given.Verify(storage).IsGood);
    }

    [Fact]
    public async Task A_hole_among_records_of_the_last_unflushed_write_is_a_torn_tail()
    {
        var storage = new MemoryStorage();
        await using var recorder = await Given.Recorder(storage);
        await Given.OperationAsync(recorder);
        using var isFlushing = new ManualResetEventSlim();
        using var allInLine = new ManualResetEventSlim();
        using var isWritten = new ManualResetEventSlim();
        using var mayFlush = new ManualResetEventSlim();
        storage.BeforeFlush = () =>
        {
            isFlushing.Set();
            allInLine.Wait();
            if (Given.Records(storage).Count(record => record.Head.Type == RecordType.Intent) < 22) return;
            isWritten.Set();
            mayFlush.Wait();
        };
        // All the others gather behind the flush of the first, and are written together.
        var first = recorder.BeginAsync(Given.Intent(), CancellationToken.None).AsTask();
        isFlushing.Wait();
        var begun = Enumerable.Range(0, 20).Select(_ => recorder.BeginAsync(Given.Intent(), CancellationToken.None).AsTask()).Append(first).ToArray();
        allInLine.Set();
        isWritten.Wait();
        var left = storage.AfterKill();
        mayFlush.Set();
        await Task.WhenAll(begun);
        var records = Given.Records(left);
        var unflushed = records.Where(record => record.Head.Flushed == records[^1].Head.Flushed && record.Head.Type == RecordType.Intent).ToList();
        Assert.True(unflushed.Count > 1);
        var bytes = left.Bytes(First);
        bytes.AsSpan((int)unflushed[0].Offset, (int)(unflushed[0].Next - unflushed[0].Offset)).Clear();
        left.Put(First, bytes);

        await (await Given.Recorder(left)).DisposeAsync();

        Assert.True(Given.Verify(left).IsGood);
    }

    [Fact]
    [Guarantee("G5")]
    public async Task A_damaged_middle_stops_the_start_and_is_named()
    {
        var storage = await Given.ClosedJournalAsync();
        var records = Given.Records(storage);
        var bytes = storage.Bytes(First);
        var damaged = records[3];
        bytes[damaged.Offset + 40] ^= 0x20;
        storage.Put(First, bytes);

        var fault = await Assert.ThrowsAsync<RecordingException>(() => Given.Recorder(storage).AsTask());

        Assert.Contains($"file `{First}`, offset {damaged.Offset}, sequence {damaged.Head.Sequence}", fault.Message, StringComparison.Ordinal);
        Assert.Equal(bytes, storage.Bytes(First));
    }

    [Fact]
    [Row("U10")]
    public async Task A_journal_of_another_key_stops_the_start()
    {
        var storage = await Given.ClosedJournalAsync(signer: new MemorySigner());

        var fault = await Assert.ThrowsAsync<RecordingException>(() => Given.Recorder(storage).AsTask());

        Assert.Contains("key", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_new_segment_whose_header_is_torn_is_begun_again()
    {
        var storage = new MemoryStorage();
        await using (var recorder = await Given.Recorder(storage, Given.Options() with { SegmentBytes = 4_096 }))
        {
            while (storage.List().Count < 3) await Given.OperationAsync(recorder);
        }
        var names = storage.List();
        var header = Given.Records(storage, names[^1])[0];

        for (var length = 0; length < header.Next; length++)
        {
            var left = storage.AfterKill();
            left.Put(names[^1], storage.Bytes(names[^1])[..length]);
            await (await Given.Recorder(left)).DisposeAsync();

            Assert.True(Given.Verify(left).IsGood, $"cut at {length}");
        }
    }

    [Fact]
    [Guarantee("G3")]
    public async Task A_start_reads_from_the_oldest_open_intent_and_ends_it_however_many_segments_later()
    {
        var storage = new MemoryStorage();
        var recorder = await Given.Recorder(storage, Given.Options() with { SegmentBytes = 4_096 });
        while (storage.List().Count < 3) await Given.OperationAsync(recorder);
        var early = await recorder.BeginAsync(Given.Intent(), CancellationToken.None);
        while (storage.List().Count < 5) await Given.OperationAsync(recorder);
        var open = Given.Intent();
        await recorder.BeginAsync(open, CancellationToken.None);
        while (storage.List().Count < 7) await Given.OperationAsync(recorder);
        await early.EndAsync(Given.Done());
        while (storage.List().Count < 9) await Given.OperationAsync(recorder);
        await recorder.NoteAsync(new Occurrence("test.settled", Given.Noon, []), CancellationToken.None);
        var left = storage.AfterKill();
        await recorder.DisposeAsync();
        using var key = JournalKeyring.Read(Given.Signer.PublicKeyPem);
        using var scan = new JournalScan(left, key, strict: false);
        scan.Run(CancellationToken.None);
        var whole = Given.Verify(left);

        Assert.Null(scan.Problem);
        Assert.Equal([open.Operation], scan.Open.Keys);
        Assert.Equal(whole.Records, scan.Sequence);
        Assert.Equal([open.Operation.ToString()], whole.OpenIntents);
        Assert.True(scan.Checkpoints < whole.Checkpoints);
        await (await Given.Recorder(left)).DisposeAsync();
        var recovered = Given.Verify(left);
        Assert.True(recovered.IsGood, recovered.Bad?.ToString());
        Assert.Empty(recovered.OpenIntents);
    }

    [Fact]
    public async Task A_forged_header_in_the_middle_is_found_by_the_next_signature()
    {
        var storage = new MemoryStorage();
        await using (var recorder = await Given.Recorder(storage, Given.Options() with { SegmentBytes = 4_096 }))
        {
            while (storage.List().Count < 4) await Given.OperationAsync(recorder);
        }
        var name = storage.List()[^1];
        var bytes = storage.Bytes(name);
        var header = Given.Records(storage, name)[0];
        var at = bytes.AsSpan().IndexOf("\"previous\":\""u8) + 12;
        bytes[at] = bytes[at] == (byte)'0' ? (byte)'1' : (byte)'0';
        var record = bytes.AsSpan(JournalFormat.PrefixBytes, (int)header.Next - JournalFormat.PrefixBytes);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32LittleEndian(record, JournalFormat.Checksum(record[4..], 0));
        storage.Put(name, bytes);

        var fault = await Assert.ThrowsAsync<RecordingException>(() => Given.Recorder(storage).AsTask());

        Assert.Contains("chain", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Content_that_imitates_a_record_does_not_pass_for_one()
    {
        var storage = await Given.ClosedJournalAsync(operations: 1);
        var fake = new byte[JournalFormat.HeadBytes + 2];
        "{}"u8.CopyTo(fake.AsSpan(JournalFormat.HeadBytes));
        JournalFormat.WriteHead(fake, new RecordHead(2, 0, RecordType.Ending, 1_000, 999), seed: 0);
        var left = new MemoryStorage();
        byte[] torn = [.. storage.Bytes(First)[..^3], .. new byte[40], .. fake];
        left.Put(First, torn);

        await (await Given.Recorder(left)).DisposeAsync();

        Assert.True(Given.Verify(left).IsGood);
    }
}
