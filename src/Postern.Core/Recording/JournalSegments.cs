using System.Buffers;
using System.Security.Cryptography;
using Postern.Core.Operations;

namespace Postern.Core.Recording;

/// <summary>
/// The segment that is written to, and the state that runs through all of them: sequence, chain, what is flushed. Used by
/// recovery and then by the journal's one thread; not safe for concurrent use.
/// </summary>
internal sealed class JournalSegments : IDisposable
{
    private readonly IJournalStorage _storage;
    private readonly long _segmentBytes;
    private readonly string _dataKey;
    private JournalChain _chain = new();
    private readonly Dictionary<OperationId, long> _open = [];
    private readonly ArrayBufferWriter<byte> _scratch = new(1024);
    private string _journalId = "";
    private uint _seed;
    private int _segment;
    private IJournalFile? _file;
    private long _fileLength;
    private long _flushedLength;
    private long _roomEnd;
    private readonly byte[] _room;
    private bool _flushFailed;
    private byte[] _batch = new byte[64 * 1024];

    public JournalSegments(IJournalStorage storage, IJournalSigner signer, RecorderOptions options)
    {
        _storage = storage;
        Signer = signer;
        _segmentBytes = options.SegmentBytes;
        // Only who waits for each flush gains by it.
        _room = new byte[options.Durability == Durability.Strict ? options.RoomBytes : 0];
        _dataKey = options.DataKeys is null ? JournalFormat.NoDataKey : JournalFormat.SessionDataKey;
    }

    /// <summary>Where it is, for errors.</summary>
    public string Place => _storage.Name;

    /// <summary>Signs checkpoints, and stands in the header of the next segment.</summary>
    public IJournalSigner Signer { get; private set; }

    /// <summary>The last checkpoint; null before the first of this process.</summary>
    public RecordedCheckpoint? LastCheckpoint { get; private set; }

    /// <summary>The last sequence given out.</summary>
    public long Sequence { get; private set; }

    /// <summary>The last sequence that survives a power loss.</summary>
    public long Flushed { get; private set; }

    /// <summary>Records since the last checkpoint.</summary>
    public int Unsigned { get; private set; }

    /// <summary>What of the open segment is sound after a failure: all that was written whole or, when a flush failed, what was flushed before.</summary>
    public SoundPart Sound => new(JournalFormat.SegmentName(_segment), _flushFailed ? _flushedLength : _fileLength, _flushedLength);

    /// <summary>True when the open segment is of a version before the one that is written: the next record belongs into another.</summary>
    public bool IsOlder { get; private set; }

    /// <summary>Bytes that wait for <see cref="WriteBatch"/>.</summary>
    public int BatchLength { get; private set; }

    /// <summary>Signs with another key from here on. INVARIANT: a segment has one signer, so the next thing that is written is a header, or nothing was written yet.</summary>
    public void SignWith(IJournalSigner signer) => Signer = signer;

    /// <summary>Begins a journal with a new random id.</summary>
    public void Begin(DateTimeOffset now)
    {
        var id = RandomNumberGenerator.GetBytes(16);
        _journalId = Convert.ToHexStringLower(id);
        _seed = JournalFormat.SeedOf(id);
        CreateSegment(now);
    }

    /// <summary>Goes on behind the last good record of a scan; what is in the file beyond it is cut.</summary>
    public void Resume(JournalScan scan)
    {
        _journalId = scan.JournalId;
        _seed = scan.Seed;
        _segment = scan.Segment;
        Sequence = scan.Sequence;
        Unsigned = scan.Unsigned;
        foreach (var (operation, sequence) in scan.Open) _open.Add(operation, sequence);
        _chain.Dispose();
        _chain = scan.TakeChain();
        _flushedLength = _fileLength = scan.Offset;
        _file = _storage.Open(JournalFormat.SegmentName(_segment));
        if (_file.Length != scan.Offset) _file.SetLength(scan.Offset);
        // What an earlier process wrote without flushing counts only from here on.
        _file.Flush();
        Flushed = Sequence;
        IsOlder = scan.Version < JournalFormat.Version;
    }

    /// <summary>True when the record does not fit into the open segment any more.</summary>
    public bool WantsRotation(JournalSlot slot) =>
        _fileLength + BatchLength + slot.Record.Length > _segmentBytes && _fileLength > JournalFormat.MaxHeaderBytes;

    /// <summary>Takes back the room behind the last record. Everything must be written.</summary>
    public void GiveRoomBack()
    {
        if (_roomEnd == 0) return;
        _file!.SetLength(_fileLength);
        _roomEnd = 0;
    }

    /// <summary>Closes the segment and opens the next. Everything must be flushed.</summary>
    public void Rotate(DateTimeOffset now)
    {
        if (_roomEnd > 0)
        {
            GiveRoomBack();
            // INVARIANT: before the next segment has a name, so that none but the last ends in room after a power loss either.
            _file!.Flush();
        }
        _file?.Dispose();
        _file = null;
        CreateSegment(now);
    }

    /// <summary>Numbers a record and puts it into the batch.</summary>
    public void Add(JournalSlot slot)
    {
        slot.Sequence = ++Sequence;
        JournalFormat.WriteHead(slot.Record, new RecordHead(slot.Length, slot.ContentLength, slot.Type, Sequence, Flushed, slot.IsSealed, IsInPieces: true), _seed);
        Append(slot.Record);
        var headAndJson = slot.Record[..^slot.ContentLength];
        if (slot.ContentLength > 0 && slot.ContentDigest is null) _chain.AddUnhashed(headAndJson, slot.Record[^slot.ContentLength..]);
        else _chain.Add(headAndJson, slot.ContentDigest);
        if (slot.Type == RecordType.Intent) _open[slot.Operation] = Sequence;
        else if (slot.Type == RecordType.Ending) _open.Remove(slot.Operation);
        Unsigned++;
    }

    /// <summary>Signs the chain so far and puts the signature into the batch.</summary>
    public void AddCheckpoint(DateTimeOffset now)
    {
        var chain = _chain.Link().ToString();
        var signature = Signer.Sign(CheckpointText.Of(_journalId, Sequence, chain, now));
        var checkpoint = new RecordedCheckpoint(_journalId, Sequence, chain, now, Signer.KeyId, Convert.ToBase64String(signature));
        var record = Frame(RecordType.Checkpoint, _seed, prefix: 0, output => PayloadWriter.Checkpoint(output, checkpoint));
        Append(record);
        _chain.Add(record, content: null);
        LastCheckpoint = checkpoint;
        Unsigned = 0;
    }

    /// <summary>One write of everything in the batch.</summary>
    public void WriteBatch()
    {
        if (BatchLength == 0) return;
        _file!.Write(_batch.AsSpan(0, BatchLength), _fileLength);
        _fileLength += BatchLength;
        // The flush of this batch writes a longer length anyway.
        if (_fileLength > _roomEnd && !IsOlder && _flushedLength > 0 && BatchLength <= JournalRoom.LargestBatch)
        {
            var room = _room.AsSpan(0, (int)Math.Clamp(_segmentBytes - _fileLength, 0, _room.Length));
            if (room.Length > 0) _roomEnd = JournalRoom.TryMake(_file, _fileLength, room) ? _fileLength + room.Length : long.MaxValue;
        }
        BatchLength = 0;
        if (_batch.Length > 4 * Journal.BatchBytes) _batch = new byte[64 * 1024];
    }

    /// <summary>Returns when everything written survives a power loss.</summary>
    public void Flush()
    {
        if (Flushed == Sequence) return;
        FlushFile();
        Flushed = Sequence;
        _flushedLength = _fileLength;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _file?.Dispose();
        _chain.Dispose();
    }

    private void CreateSegment(DateTimeOffset now)
    {
        _segment++;
        IsOlder = false;
        _flushedLength = _fileLength = _roomEnd = 0;
        var header = new RecordedHeader(
            _journalId, _segment, Sequence + 1, JournalFormat.Codec, _dataKey, Signer.KeyId, now, _chain.Link().ToString(), _open.Count == 0 ? null : _open.Values.Min());
        // The header's checksum has no seed: the journal's id stands in it and is not known before.
        var bytes = Frame(RecordType.Header, seed: 0, JournalFormat.PrefixBytes, output => PayloadWriter.Header(output, header)).ToArray();
        JournalFormat.WritePrefix(bytes);
        if (bytes.Length > JournalFormat.MaxHeaderBytes) throw new RecordingException($"a segment header of {bytes.Length} bytes is over the limit of {JournalFormat.MaxHeaderBytes}");
        _file = _storage.Create(JournalFormat.SegmentName(_segment));
        _fileLength = 0;
        Append(bytes);
        _chain.Use(JournalFormat.Version);
        _chain.Add(bytes, content: null);
        WriteBatch();
        // INVARIANT: the header, and the file's name, are durable before any record follows; recovery relies on it.
        FlushFile();
        Flushed = Sequence;
        _flushedLength = _fileLength;
        Unsigned++;
    }

    private void FlushFile()
    {
        try
        {
            _file!.Flush();
            if (_flushedLength == 0) _storage.FlushNames();
        }
        catch
        {
            // It says so once. What it should have flushed may be readable from memory, and be lost all the same.
            _flushFailed = true;
            throw;
        }
    }

    private Span<byte> Frame(RecordType type, uint seed, int prefix, Action<IBufferWriter<byte>> payload)
    {
        _scratch.ResetWrittenCount();
        _scratch.GetSpan(prefix + JournalFormat.HeadBytes)[..(prefix + JournalFormat.HeadBytes)].Clear();
        _scratch.Advance(prefix + JournalFormat.HeadBytes);
        payload(_scratch);
        var bytes = System.Runtime.InteropServices.MemoryMarshal.AsMemory(_scratch.WrittenMemory).Span;
        var length = bytes.Length - prefix - JournalFormat.HeadBytes;
        JournalFormat.WriteHead(bytes[prefix..], new RecordHead(length, 0, type, ++Sequence, Flushed), seed);
        return bytes;
    }

    private void Append(ReadOnlySpan<byte> stored)
    {
        if (BatchLength + stored.Length > _batch.Length)
        {
            Array.Resize(ref _batch, Math.Max(BatchLength + stored.Length, 2 * _batch.Length));
        }
        stored.CopyTo(_batch.AsSpan(BatchLength));
        BatchLength += stored.Length;
    }
}

/// <summary>How much of a segment can be relied on after a failure.</summary>
/// <param name="Name">The file; it may not exist.</param>
/// <param name="Length">Bytes that are sound if they can be flushed now; 0 when not even the header is.</param>
/// <param name="Flushed">Bytes that are on the disk whatever happens.</param>
internal sealed record SoundPart(string Name, long Length, long Flushed);
