using System.Security.Cryptography;
using Postern.Core.Operations;

namespace Postern.Core.Recording;

/// <summary>
/// The hash chain over the bytes as stored. A link is SHA-256 over the link before it and the leaf of each record since; a leaf is SHA-256
/// over the record's head and JSON, and the SHA-256 of its content where it has any. Links are made where one is written down, for a checkpoint
/// or a header, and nowhere else. Nobody looks at a leaf before that, so records are kept here, up to some dozens, and hashed side by side
/// (docs/decisions/0056). A segment's header record is taken together with the file's prefix, so that every stored byte is under the chain.
/// </summary>
internal sealed class JournalChain : IDisposable
{
    private const int MostRecords = 64;
    private const int MessagesFrom = MostRecords * Digest.Size;
    private const int MessagesTo = MessagesFrom + (64 * 1024);

    // Longer content is hashed by its producer, beside the one writer and not by it.
    private const int MostDeferred = 4 * 1024;

    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly byte[] _link = new byte[Digest.Size];
    // Leaves first, then what is hashed to them.
    private readonly byte[] _memory = new byte[MessagesTo];
    private readonly LaneMessage[] _records = new LaneMessage[MostRecords];
    private readonly LaneMessage[] _contents = new LaneMessage[MostRecords];
    private int _recordCount;
    private int _contentCount;
    private int _used = MessagesFrom;
    private bool _hasRecords;
    private bool _hasLeaves = true;

    /// <summary>True when content of this length may be given to <see cref="AddUnhashed"/> by the writer; otherwise whoever produces it hashes it.</summary>
    public static bool TakesContentOf(int length) => length <= MostDeferred && Sha256Lanes.IsSupported;

    /// <summary>
    /// True for whoever checks a journal: the system's library hashes everything, so that what was hashed side by side is compared with what
    /// other code says.
    /// </summary>
    public bool IsProof { get; set; }

    /// <summary>Goes on behind a link; a chain that is new goes on behind 32 zero bytes.</summary>
    public void Begin(Digest link)
    {
        if (_hasRecords) throw new InvalidOperationException("records stand behind the last link already");
        link.CopyTo(_link);
    }

    /// <summary>The version of the segment that the next record stands in. Before the fourth, one hash runs over the records themselves.</summary>
    public void Use(uint version)
    {
        if (_hasRecords) throw new InvalidOperationException("records stand behind the last link already");
        _hasLeaves = version >= JournalFormat.LeavesVersion;
    }

    /// <summary>Takes the next record: head and JSON, with a header's prefix, and its content, which is not empty.</summary>
    public void AddUnhashed(ReadOnlySpan<byte> headAndJson, ReadOnlySpan<byte> content)
    {
        var room = Sha256Lanes.PaddedLength(content.Length);
        if (!_hasLeaves || !TakesContentOf(content.Length) || !TryReserve(Sha256Lanes.PaddedLength(headAndJson.Length + Digest.Size) + room))
        {
            Add(headAndJson, Digest.Of(content));
            return;
        }
        content.CopyTo(_memory.AsSpan(_used));
        Sha256Lanes.Pad(_memory.AsSpan(_used, room), content.Length);
        _contents[_contentCount++] = new LaneMessage(_used, content.Length, To: _used + room + headAndJson.Length);
        _used += room;
        Put(headAndJson, headAndJson.Length + Digest.Size);
    }

    /// <summary>As above, with the digest of its content, if it has any.</summary>
    public void Add(ReadOnlySpan<byte> headAndJson, Digest? content)
    {
        Span<byte> digest = stackalloc byte[content is null ? 0 : Digest.Size];
        content?.CopyTo(digest);
        if (!_hasLeaves)
        {
            Start();
            _hash.AppendData(headAndJson);
            _hash.AppendData(digest);
            return;
        }
        var length = headAndJson.Length + digest.Length;
        if (TryReserve(Sha256Lanes.PaddedLength(length)))
        {
            digest.CopyTo(_memory.AsSpan(_used + headAndJson.Length));
            Put(headAndJson, length);
            return;
        }
        // Longer than all the room there is.
        Start();
        using var leaf = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        leaf.AppendData(headAndJson);
        leaf.AppendData(digest);
        Span<byte> hash = stackalloc byte[Digest.Size];
        leaf.GetHashAndReset(hash);
        _hash.AppendData(hash);
    }

    /// <summary>Closes the link over everything taken so far, and begins the next. Where nothing was taken since the last link, it is that one.</summary>
    public Digest Link()
    {
        HashLeaves();
        if (_hasRecords) _hash.GetHashAndReset(_link);
        _hasRecords = false;
        return new Digest(_link);
    }

    /// <summary>Releases the hash.</summary>
    public void Dispose() => _hash.Dispose();

    private void Start()
    {
        if (!_hasRecords) _hash.AppendData(_link);
        _hasRecords = true;
    }

    /// <summary>Makes room for one more record; false when there is not so much at all, and then nothing is kept here any more.</summary>
    private bool TryReserve(int bytes)
    {
        if (_recordCount < MostRecords && bytes <= MessagesTo - _used) return true;
        HashLeaves();
        return bytes <= MessagesTo - _used;
    }

    private void Put(ReadOnlySpan<byte> headAndJson, int length)
    {
        Start();
        var room = Sha256Lanes.PaddedLength(length);
        headAndJson.CopyTo(_memory.AsSpan(_used));
        Sha256Lanes.Pad(_memory.AsSpan(_used, room), length);
        _records[_recordCount] = new LaneMessage(_used, length, To: _recordCount * Digest.Size);
        _recordCount++;
        _used += room;
    }

    private void Hash(Span<LaneMessage> messages)
    {
        if (IsProof) Sha256Lanes.HashByLibrary(_memory, messages);
        else Sha256Lanes.Hash(_memory, messages);
    }

    private void HashLeaves()
    {
        if (_recordCount == 0) return;
        Hash(_contents.AsSpan(0, _contentCount));
        Hash(_records.AsSpan(0, _recordCount));
        _hash.AppendData(_memory.AsSpan(0, _recordCount * Digest.Size));
        (_recordCount, _contentCount, _used) = (0, 0, MessagesFrom);
    }
}
