using System.Security.Cryptography;
using System.Text;
using Postern.Core.Recording;

namespace Postern.Tests.Recording;

[Row("U04")]
[Guarantee("G4")]
public sealed class JournalVerifierTests
{
    private const string First = "journal-000001.pjl";

    [Fact]
    public async Task A_closed_journal_is_good_and_wholly_signed()
    {
        var verdict = Given.Verify(await Given.ClosedJournalAsync());

        Assert.Null(verdict.Bad);
        Assert.Equal(0, verdict.Unanchored);
        Assert.Empty(verdict.OpenIntents);
        Assert.Equal(verdict.Records - 1, verdict.LastCheckpoint!.Sequence);
    }

    [Fact]
    public async Task A_changed_byte_anywhere_is_found_in_its_record()
    {
        var storage = await Given.ClosedJournalAsync(operations: 1);
        var bytes = storage.Bytes(First);

        foreach (var (offset, next, head) in Given.Records(storage))
        {
            for (var at = offset; at < next; at++)
            {
                var forged = (byte[])bytes.Clone();
                forged[at] ^= 1;
                var bad = Verdict(forged).Bad;

                Assert.True(bad is not null && bad.Sequence == head.Sequence && bad.Offset == offset, $"byte {at} of record {head.Sequence}: {bad}");
            }
        }
    }

    [Fact]
    public async Task A_removed_record_is_found_in_its_place()
    {
        var storage = await Given.ClosedJournalAsync();
        var bytes = storage.Bytes(First);
        var records = Given.Records(storage);

        foreach (var (offset, next, head) in records.SkipLast(1))
        {
            var bad = Verdict([.. bytes[..(int)offset], .. bytes[(int)next..]]).Bad;

            Assert.Equal(head.Sequence, bad?.Sequence);
        }
    }

    [Fact]
    public async Task Without_its_last_checkpoint_the_tail_is_reported_as_unanchored()
    {
        var storage = await Given.ClosedJournalAsync();

        var verdict = Verdict(storage.Bytes(First)[..(int)Given.Records(storage)[^1].Offset]);

        Assert.Null(verdict.Bad);
        Assert.True(verdict.Unanchored > 0);
    }

    [Fact]
    public async Task A_repeated_record_is_found_in_its_place()
    {
        var storage = await Given.ClosedJournalAsync();
        var bytes = storage.Bytes(First);

        foreach (var (offset, next, head) in Given.Records(storage).Skip(1))
        {
            var bad = Verdict([.. bytes[..(int)next], .. bytes[(int)offset..(int)next], .. bytes[(int)next..]]).Bad;

            Assert.Equal(head.Sequence + 1, bad?.Sequence);
        }
    }

    [Fact]
    public async Task Two_swapped_records_are_found_at_the_first_of_them()
    {
        var storage = await Given.ClosedJournalAsync();
        var bytes = storage.Bytes(First);
        var records = Given.Records(storage);

        for (var i = 1; i < records.Count; i++)
        {
            for (var j = i + 1; j < records.Count; j++)
            {
                var (a, b) = (records[i], records[j]);
                byte[] forged =
                [
                    .. bytes[..(int)a.Offset], .. bytes[(int)b.Offset..(int)b.Next],
                    .. bytes[(int)a.Next..(int)b.Offset], .. bytes[(int)a.Offset..(int)a.Next], .. bytes[(int)b.Next..],
                ];

                Assert.Equal(a.Head.Sequence, Verdict(forged).Bad?.Sequence);
            }
        }
    }

    [Fact]
    public async Task A_record_rewritten_with_a_fitting_checksum_breaks_the_next_signature()
    {
        var storage = await Given.ClosedJournalAsync();
        var bytes = storage.Bytes(First);
        var intent = Given.Records(storage).First(record => record.Head.Type == RecordType.Intent);

        Replace(bytes, intent, "alice", "mally");
        Seal(storage, bytes, intent);
        var bad = Verdict(bytes).Bad;

        Assert.NotNull(bad);
        Assert.InRange(intent.Head.Sequence, bad.SuspectFrom, bad.Sequence - 1);
        Assert.Contains("chain", bad.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_whole_journal_forged_with_another_key_is_told_by_its_first_record()
    {
        var storage = await Given.ClosedJournalAsync(signer: new MemorySigner());

        var bad = Given.Verify(storage).Bad;

        Assert.Equal(1, bad?.Sequence);
        Assert.Contains("key", bad!.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_checkpoint_that_claims_our_key_but_is_not_signed_with_it_is_found()
    {
        var storage = new MemoryStorage();
        var liar = new LyingSigner();
        await using (var recorder = await Recorder.OpenAsync(storage, liar, Given.Options(), TimeProvider.System, CancellationToken.None))
        {
            await Given.OperationAsync(recorder);
        }

        var bad = Given.Verify(storage).Bad;

        Assert.Contains("signature", bad!.Problem, StringComparison.Ordinal);
    }

    [Fact]
    [Row("U05")]
    public async Task A_missing_renamed_or_foreign_segment_is_found()
    {
        var storage = await SegmentedAsync();
        var other = await SegmentedAsync();
        var names = storage.List();
        Assert.True(names.Count >= 4);

        var withoutFirst = storage.AfterKill();
        withoutFirst.Delete(names[0]);
        var withoutMiddle = storage.AfterKill();
        withoutMiddle.Delete(names[1]);
        var swapped = storage.AfterKill();
        swapped.Put(names[1], storage.Bytes(names[2]));
        swapped.Put(names[2], storage.Bytes(names[1]));
        var spliced = storage.AfterKill();
        spliced.Put(names[1], other.Bytes(names[1]));

        Assert.Null(Given.Verify(storage).Bad);
        Assert.Contains("missing", Given.Verify(withoutFirst).Bad!.Problem, StringComparison.Ordinal);
        Assert.Contains("missing", Given.Verify(withoutMiddle).Bad!.Problem, StringComparison.Ordinal);
        Assert.Contains("segment 3", Given.Verify(swapped).Bad!.Problem, StringComparison.Ordinal);
        Assert.Contains("belongs to journal", Given.Verify(spliced).Bad!.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_was_cut_off_behind_a_checkpoint_is_found_by_an_anchor_noted_elsewhere()
    {
        var storage = await Given.ClosedJournalAsync();
        var noted = Given.Verify(storage).LastCheckpoint!;
        var firstCheckpoint = Given.Records(storage).First(record => record.Head.Type == RecordType.Checkpoint);
        storage.Put(First, storage.Bytes(First)[..(int)firstCheckpoint.Next]);
        using var key = JournalKeyring.Read(Given.Signer.PublicKeyPem);
        var unmet = new HashSet<JournalAnchor> { noted };

        var verdict = JournalVerifier.VerifyJournal(storage, key, unmet, CancellationToken.None);

        Assert.Null(verdict.Bad);
        Assert.Equal([noted], unmet);
    }

    [Fact]
    public async Task An_unknown_version_codec_data_key_or_type_is_never_called_good()
    {
        var storage = await Given.ClosedJournalAsync();
        var records = Given.Records(storage);
        var header = records[0];
        var occurrence = records.First(record => record.Head.Type == RecordType.Occurrence);

        var version = storage.Bytes(First);
        version[8] = 6;
        var older = storage.Bytes(First);
        older[8] = 1;
        var codec = storage.Bytes(First);
        Replace(codec, header, "json+sealed+pieces", "json+brotli+pieces");
        Seal(storage, codec, header);
        var dataKey = storage.Bytes(First);
        Replace(dataKey, header, "\"none\"", "\"k123\"");
        Seal(storage, dataKey, header);
        var type = storage.Bytes(First);
        type[occurrence.Offset + 12] = 9;
        Seal(storage, type, occurrence);
        var member = storage.Bytes(First);
        Replace(member, occurrence, "\"facts\"", "\"fact5\"");
        Seal(storage, member, occurrence);

        Assert.Contains("version 6", Verdict(version).Bad!.Problem, StringComparison.Ordinal);
        Assert.Contains("version 1", Verdict(older).Bad!.Problem, StringComparison.Ordinal);
        Assert.Contains("codec", Verdict(codec).Bad!.Problem, StringComparison.Ordinal);
        Assert.Contains("data key", Verdict(dataKey).Bad!.Problem, StringComparison.Ordinal);
        Assert.Equal(occurrence.Head.Sequence, Verdict(type).Bad!.Sequence);
        Assert.Contains("payload", Verdict(member).Bad!.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Links_are_made_as_the_page_of_the_format_says()
    {
        var storage = await Given.ClosedJournalAsync(operations: 3);
        var bytes = storage.Bytes(First);
        var link = new byte[32];
        using var covered = new MemoryStream();
        var checkpoints = 0;
        foreach (var record in Given.Records(storage))
        {
            var stored = bytes.AsSpan((int)record.Offset..(int)record.Next);
            if (record.Head.Type == RecordType.Checkpoint)
            {
                link = SHA256.HashData([.. link, .. covered.ToArray()]);
                covered.SetLength(0);
                checkpoints++;
                Assert.Contains($"\"chain\":\"{Convert.ToHexStringLower(link)}\"", Encoding.UTF8.GetString(stored), StringComparison.Ordinal);
            }
            var headAndJson = stored[..^record.Head.ContentLength];
            covered.Write(SHA256.HashData(record.Head.ContentLength == 0 ? headAndJson : [.. headAndJson, .. SHA256.HashData(stored[^record.Head.ContentLength..])]));
        }

        Assert.True(checkpoints > 1);
    }

    [Fact]
    public async Task A_cut_at_any_byte_is_either_bad_or_leaves_an_unanchored_or_signed_end()
    {
        var storage = await Given.ClosedJournalAsync(operations: 1);
        var bytes = storage.Bytes(First);
        var ends = Given.Records(storage).Select(record => (int)record.Next).ToArray();

        for (var length = 0; length < bytes.Length; length++)
        {
            var verdict = Verdict(bytes[..length]);

            // Where nothing but zeros is left of a record, it is gone as a whole.
            var end = ends.LastOrDefault(end => end <= length);
            var isWhole = end > 0 && !bytes.AsSpan(end..length).ContainsAnyExcept((byte)0);
            Assert.Equal(isWhole && verdict.Checkpoints > 0, verdict.IsGood);
        }
    }

    [Fact]
    public async Task Open_intents_are_named()
    {
        var storage = new MemoryStorage();
        var recorder = await Given.Recorder(storage);
        var intent = Given.Intent();
        await recorder.BeginAsync(intent, CancellationToken.None);

        var verdict = Given.Verify(storage.AfterKill());
        await recorder.DisposeAsync();

        Assert.Equal([intent.Operation.ToString()], verdict.OpenIntents);
    }

    [Fact]
    [Guarantee("G5")]
    public async Task Whatever_stands_in_a_journal_is_reported_and_never_thrown()
    {
        var storage = await Given.ClosedJournalAsync(operations: 1);
        var records = Given.Records(storage);
        var chance = new Random(4711);
        string[] values = ["null", "[]", "{}", "1e999", "\"\\ud800\"", "true", "-1", "\"x\"", ",", "\"op\":1,"];
        for (var round = 0; round < 1_000; round++)
        {
            var bytes = storage.Bytes(First);
            var record = records[chance.Next(records.Count)];
            var start = (int)record.Offset + (record.Offset == 0 ? JournalFormat.PrefixBytes : 0);
            var at = start + JournalFormat.HeadBytes + chance.Next((int)record.Next - start - JournalFormat.HeadBytes);
            var value = Encoding.UTF8.GetBytes(values[chance.Next(values.Length)]);
            value.AsSpan(0, Math.Min(value.Length, (int)record.Next - at)).CopyTo(bytes.AsSpan(at));
            if (chance.Next(4) == 0) bytes[start + 4 + chance.Next(JournalFormat.HeadBytes - 4)] = (byte)chance.Next(256);
            Seal(storage, bytes, record);

            var left = new MemoryStorage();
            left.Put(First, bytes);
            var verdict = Given.Verify(left);

            Assert.True(verdict.Bad is not null || bytes.AsSpan().SequenceEqual(storage.Bytes(First)), $"round {round}, record {record.Head.Sequence}, byte {at}");
        }
    }

    private static async Task<MemoryStorage> SegmentedAsync()
    {
        var storage = new MemoryStorage();
        await using var recorder = await Given.Recorder(storage, Given.Options() with { SegmentBytes = 4_096 });
        for (var i = 0; i < 12; i++) await Given.OperationAsync(recorder);
        return storage;
    }

    private static JournalVerdict Verdict(byte[] bytes)
    {
        var storage = new MemoryStorage();
        storage.Put(First, bytes);
        return Given.Verify(storage);
    }

    private static void Replace(byte[] bytes, (long Offset, long Next, RecordHead Head) record, string old, string replacement)
    {
        Assert.Equal(old.Length, replacement.Length);
        var at = bytes.AsSpan((int)record.Offset, (int)(record.Next - record.Offset)).IndexOf(Encoding.UTF8.GetBytes(old));
        Assert.True(at > 0);
        Encoding.UTF8.GetBytes(replacement).CopyTo(bytes, (int)record.Offset + at);
    }

    /// <summary>Gives a changed record a checksum that fits, as a forger would.</summary>
    private static void Seal(MemoryStorage storage, byte[] bytes, (long Offset, long Next, RecordHead Head) record)
    {
        uint seed = 0;
        if (record.Offset > 0)
        {
            using var scanner = new SegmentScanner(storage.Open(First));
            scanner.ReadHeader(out var header);
            Assert.True(SegmentScanner.TrySeed(header!.Journal, out seed));
        }
        var start = (int)record.Offset + (record.Offset == 0 ? JournalFormat.PrefixBytes : 0);
        var checksum = JournalFormat.Checksum(bytes.AsSpan(start + 4, (int)record.Next - start - 4), seed);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(start), checksum);
    }

    private sealed class LyingSigner : IJournalSigner
    {
        private readonly MemorySigner _own = new();

        public string KeyId => Given.Signer.KeyId;

        public string PublicKeyPem => Given.Signer.PublicKeyPem;

        public byte[] Sign(ReadOnlySpan<byte> content) => _own.Sign(content);
    }
}
