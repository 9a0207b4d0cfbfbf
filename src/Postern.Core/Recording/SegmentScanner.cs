using System.Buffers;
using Postern.Core.Operations;

namespace Postern.Core.Recording;

/// <summary>What a scanner found at its position.</summary>
internal enum ScanStep
{
    /// <summary>An intact record.</summary>
    Record,

    /// <summary>The end of the file, exactly behind a record.</summary>
    End,

    /// <summary>Bytes that are not an intact record; see <see cref="SegmentScanner.Problem"/>.</summary>
    Bad,
}

/// <summary>
/// Reads one segment record by record, checking lengths and checksums. The one reading of the format: recovery, reader and
/// verifier all stand on it.
/// </summary>
internal sealed class SegmentScanner(IJournalFile file) : IDisposable
{
    private const int ReadAhead = 256 * 1024;

    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(BufferFor(file));
    private int _start;
    private int _end;
    private uint _seed;

    /// <summary>Offset of the record just read, or of the bad bytes.</summary>
    public long Offset { get; private set; }

    /// <summary>Offset behind the record just read.</summary>
    public long Next { get; private set; }

    /// <summary>What is wrong, after <see cref="ScanStep.Bad"/>.</summary>
    public string Problem { get; private set; } = "";

    /// <summary>
    /// After <see cref="ScanStep.Bad"/>: true when a write that was cut short can leave such bytes; false when they were
    /// written whole, by something that this version does not know or must not trust.
    /// </summary>
    public bool IsTorn { get; private set; }

    /// <summary>
    /// After <see cref="ScanStep.Bad"/>: true when nothing but zeros stands from there on. In the last segment, and nowhere else, that is room for
    /// more records. INVARIANT: there they tell no more than the end of the file would. Whoever can write zeros over records could have cut
    /// them off as well, and signatures and anchors find the one as they find the other.
    /// </summary>
    public bool IsInRoom => Version >= JournalRoom.Version && JournalRoom.UsedLength(file) <= Offset;

    /// <summary>The head of the record just read.</summary>
    public RecordHead Head { get; private set; }

    /// <summary>The record as stored, with the file's prefix for a header. Valid until the next read.</summary>
    public ReadOnlySpan<byte> Stored => _buffer.AsSpan(_start - (int)(Next - Offset), (int)(Next - Offset));

    /// <summary>The JSON half of the payload. Valid until the next read.</summary>
    public ReadOnlySpan<byte> Json => _buffer.AsSpan(_start - Head.Length, Head.Length - Head.ContentLength);

    /// <summary>The kept content. Valid until the next read.</summary>
    public ReadOnlySpan<byte> Content => _buffer.AsSpan(_start - Head.ContentLength, Head.ContentLength);

    /// <summary>Gives the record just read to a chain, as it was when it was written.</summary>
    public void AddTo(JournalChain chain)
    {
        var headAndJson = Stored[..^Head.ContentLength];
        if (Head.IsFolded) chain.Add(FoldedRecord.AsWritten(headAndJson), FoldedRecord.DigestOf(Content));
        else chain.Add(headAndJson, Head.ContentLength == 0 ? null : Head.DigestOf(Content));
    }

    /// <summary>What checksums start from.</summary>
    public uint Seed => _seed;

    /// <summary>Bytes in the file.</summary>
    public long Length => file.Length;

    /// <summary>The format version that the segment is written in.</summary>
    public uint Version { get; private set; } = JournalFormat.Version;

    /// <summary>Sets what checksums start from, once the header has named the journal.</summary>
    public void UseSeed(uint seed) => _seed = seed;

    /// <summary>Goes to the offset of a record, as an index kept it.</summary>
    public void Seek(long offset)
    {
        Next = offset;
        _start = _end = 0;
    }

    /// <summary>Reads the header that every segment begins with.</summary>
    public ScanStep ReadHeader(out RecordedHeader? header)
    {
        header = null;
        Offset = 0;
        Seek(0);
        if (!Fill(JournalFormat.PrefixBytes)) return Fail("the file is shorter than a segment's prefix", isTorn: true);
        var prefix = _buffer.AsSpan(_start, JournalFormat.PrefixBytes);
        if (!prefix.StartsWith(JournalFormat.Magic)) return Fail("the file does not begin as a journal segment does", isTorn: IsCutShort(prefix));
        var version = System.Buffers.Binary.BinaryPrimitives.ReadUInt32LittleEndian(prefix[8..]);
        if (version is < JournalFormat.OldestVersion or > JournalFormat.Version) return Fail($"format version {version} is not known; expected {JournalFormat.OldestVersion} to {JournalFormat.Version}", isTorn: IsCutShort(prefix));
        Version = version;
        if (prefix[12..].ContainsAnyExcept((byte)0)) return Fail("the reserved bytes of the prefix are not zero");
        _seed = 0;
        var step = ReadAt(0, JournalFormat.PrefixBytes);
        if (step == ScanStep.End) return Fail("the segment has no header record", isTorn: true);
        if (step == ScanStep.Bad) return step;
        if (Head.Type != RecordType.Header || Head.ContentLength != 0) return Fail("the first record is not a header");
        if (!PayloadReader.TryRead(RecordType.Header, Json, out var payload, out var problem)) return Fail(problem);
        header = (RecordedHeader)payload;
        var codec = JournalFormat.CodecOf(version);
        if (!string.Equals(header.Codec, codec, StringComparison.Ordinal)) return Fail($"payload codec `{header.Codec}` is not that of version {version}; expected `{codec}`");
        if (header.DataKey is not JournalFormat.NoDataKey && (version == JournalFormat.OldestVersion || header.DataKey is not JournalFormat.SessionDataKey)) return Fail($"data key `{header.DataKey}` is not known; expected `{JournalFormat.NoDataKey}` or `{JournalFormat.SessionDataKey}`");
        if (header.Journal.Length != 32 || !TrySeed(header.Journal, out _seed)) return Fail("the journal id is not 32 hexadecimal characters");
        return ScanStep.Record;
    }

    // A disk that wrote part of its first sector leaves the beginning of a prefix, and zeros where the file was only made longer.
    private static bool IsCutShort(ReadOnlySpan<byte> prefix)
    {
        Span<byte> whole = stackalloc byte[JournalFormat.PrefixBytes];
        JournalFormat.WritePrefix(whole);
        return !prefix[prefix.CommonPrefixLength(whole)..].ContainsAnyExcept((byte)0);
    }

    /// <summary>Reads the next record.</summary>
    public ScanStep Read()
    {
        var step = ReadAt(Next, 0);
        if (step != ScanStep.Bad || !IsTorn) return step;
        // What was read ahead may be older than what a writer put there since.
        Seek(Next);
        return ReadAt(Next, 0);
    }

    /// <summary>Reads the next record of a segment that somebody may be writing to.</summary>
    /// <param name="isLast">True as long as no segment follows it.</param>
    /// <returns><see cref="ScanStep.End"/> only of a segment that was closed; null where the last one ends so far, maybe in the middle of a record.</returns>
    public ScanStep? Read(Func<bool> isLast)
    {
        var step = Read();
        if (step == ScanStep.Record || (step == ScanStep.Bad && !IsTorn)) return step;
        if (isLast()) return null;
        // Closed since it was looked at, and whole from then on.
        return Read();
    }

    /// <summary>
    /// Looks behind bad bytes for an intact record that tells they were durable once: one that was written when their
    /// sequence had been flushed. Such bytes are damage; a torn tail has no such record behind it.
    /// </summary>
    public long? FindProofOfDamage(long from, long lostSequence)
    {
        var length = file.Length;
        var head = new byte[JournalFormat.HeadBytes];
        var window = new byte[BufferFor(file)];
        for (var at = from; at + JournalFormat.HeadBytes < length; at += window.Length - JournalFormat.HeadBytes)
        {
            var count = file.ReadFully(window, at);
            for (var i = 0; i + JournalFormat.HeadBytes <= count; i++)
            {
                var candidate = JournalFormat.ReadHead(window.AsSpan(i));
                if (!candidate.IsPlausible || candidate.Sequence <= lostSequence || candidate.Flushed < lostSequence) continue;
                if (at + i + JournalFormat.HeadBytes + candidate.Length > length) continue;
                var record = new byte[JournalFormat.HeadBytes + candidate.Length];
                if (file.ReadFully(record, at + i) == record.Length && JournalFormat.IsIntact(record, _seed)) return candidate.Sequence;
            }
        }
        return null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        file.Dispose();
        if (_buffer.Length > 0) ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
    }

    /// <summary>Reads the journal's seed from its id.</summary>
    public static bool TrySeed(string journalId, out uint seed)
    {
        Span<byte> id = stackalloc byte[16];
        seed = 0;
        if (Convert.FromHexString(journalId, id, out _, out var written) != System.Buffers.OperationStatus.Done || written != id.Length) return false;
        seed = JournalFormat.SeedOf(id);
        return true;
    }

    private static int BufferFor(IJournalFile file) => (int)Math.Clamp(file.Length, 4 * 1024, ReadAhead);

    private ScanStep ReadAt(long offset, int prefix)
    {
        Offset = offset;
        if (prefix == 0 && !Fill(1)) return ScanStep.End;
        if (!Fill(prefix + JournalFormat.HeadBytes)) return Fail("the file ends inside a record's head", isTorn: true);
        var head = JournalFormat.ReadHead(_buffer.AsSpan(_start + prefix));
        if (!head.IsPlausible || (head.IsSealed && Version == JournalFormat.OldestVersion) || (head.IsInPieces && Version < JournalFormat.PiecesVersion)) return Fail("the record's head is not one that any writer makes", isTorn: true);
        if (!Fill(prefix + JournalFormat.HeadBytes + head.Length)) return Fail("the file ends inside a record", isTorn: true);
        var record = _buffer.AsSpan(_start + prefix, JournalFormat.HeadBytes + head.Length);
        if (!(head.IsFolded ? FoldedRecord.IsIntact(record, head, _seed) : JournalFormat.IsIntact(record, _seed))) return Fail("the record's checksum does not match its bytes", isTorn: true);
        Head = head;
        _start += prefix + record.Length;
        Next = offset + prefix + record.Length;
        return ScanStep.Record;
    }

    private ScanStep Fail(string problem, bool isTorn = false)
    {
        Problem = problem;
        IsTorn = isTorn;
        return ScanStep.Bad;
    }

    /// <summary>Makes so many bytes behind <see cref="Next"/> available; false when the file ends before.</summary>
    private bool Fill(int count)
    {
        if (_end - _start >= count) return true;
        // Before any memory is taken: a wrong length must not cost more than the file has.
        if (file.Length - Next < count) return false;
        if (_buffer.Length < count || _buffer.Length - _start < count)
        {
            var source = _buffer;
            if (_buffer.Length < count) _buffer = ArrayPool<byte>.Shared.Rent(Math.Max(count, 2 * source.Length));
            source.AsSpan(_start, _end - _start).CopyTo(_buffer);
            if (source != _buffer) ArrayPool<byte>.Shared.Return(source);
            _end -= _start;
            _start = 0;
        }
        while (_end - _start < count)
        {
            var read = file.Read(_buffer.AsSpan(_end), Next + (_end - _start));
            if (read == 0) return false;
            _end += read;
        }
        return true;
    }
}
