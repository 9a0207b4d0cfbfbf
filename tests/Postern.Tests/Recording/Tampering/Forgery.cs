using System.Buffers;
using Postern.Core.Operations;
using Postern.Core.Recording;

namespace Postern.Tests.Recording.Tampering;

/// <summary>
/// A forger with the files, the format and the public key, but not the private one: puts records wherever he likes, numbers them anew, and
/// gives them checksums and chain values that fit. All that he cannot make is a signature.
/// </summary>
internal sealed class Forgery
{
    private Forgery(uint seed, List<byte[]> records)
    {
        Seed = seed;
        Records = records;
    }

    /// <summary>What the checksums of this journal start from; it stands in the journal.</summary>
    public uint Seed { get; }

    /// <summary>The records as stored, heads included, the file's prefix not.</summary>
    public List<byte[]> Records { get; }

    public static Forgery Of(MemoryStorage storage, string name = "journal-000001.pjl")
    {
        var records = new List<byte[]>();
        using var scanner = new SegmentScanner(storage.Open(name));
        Assert.Equal(ScanStep.Record, scanner.ReadHeader(out var header));
        Assert.True(SegmentScanner.TrySeed(header!.Journal, out var seed));
        do records.Add(scanner.Stored[(records.Count == 0 ? JournalFormat.PrefixBytes : 0)..].ToArray());
        while (scanner.Read() == ScanStep.Record);
        return new Forgery(seed, records);
    }

    /// <summary>The same journal with other records.</summary>
    public Forgery With(IEnumerable<byte[]> records) => new(Seed, [.. records]);

    /// <summary>The segment as it would have to look: numbers without a gap, checksums, and checkpoints that name the chain as it is.</summary>
    public MemoryStorage Seal(long first = 1, Digest previous = default)
    {
        var output = new ArrayBufferWriter<byte>();
        using var chain = new JournalChain();
        chain.Begin(previous);
        JournalFormat.WritePrefix(output.GetSpan(JournalFormat.PrefixBytes));
        output.Advance(JournalFormat.PrefixBytes);
        for (var index = 0; index < Records.Count; index++)
        {
            var record = (byte[])Records[index].Clone();
            var head = JournalFormat.ReadHead(record);
            var sequence = first + index;
            if (head.Type == RecordType.Checkpoint && PayloadReader.TryRead(RecordType.Checkpoint, record.AsSpan(JournalFormat.HeadBytes), out var payload, out _))
            {
                var written = new ArrayBufferWriter<byte>();
                PayloadWriter.Checkpoint(written, (RecordedCheckpoint)payload with { Through = sequence - 1, Chain = chain.Link().ToString() });
                record = [.. new byte[JournalFormat.HeadBytes], .. written.WrittenSpan];
                head = head with { Length = written.WrittenCount };
            }
            JournalFormat.WriteHead(record, head with { Sequence = sequence, Flushed = Math.Min(head.Flushed, sequence - 1) }, head.Type == RecordType.Header ? 0 : Seed);
            output.Write(record);
            var stored = output.WrittenSpan[^record.Length..];
            if (index == 0) stored = output.WrittenSpan;
            chain.Add(stored[..^head.ContentLength], head.ContentLength == 0 ? null : Digest.Of(record.AsSpan(record.Length - head.ContentLength)));
        }
        var storage = new MemoryStorage();
        storage.Put("journal-000001.pjl", output.WrittenSpan.ToArray());
        return storage;
    }
}
