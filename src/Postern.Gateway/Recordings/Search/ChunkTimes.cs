using System.Buffers.Binary;

namespace Postern.Gateway.Recordings.Search;

/// <summary>The least and the greatest instant of every 64 operations of a chunk: where in it to look for a time. Two numbers of 8 bytes for each.</summary>
internal sealed class ChunkTimes
{
    /// <summary>Operations that share one entry.</summary>
    public const int Together = 64;

    private const int EntryBytes = 2 * sizeof(long);

    private readonly byte[] _bytes = new byte[SlotSet.Size / Together * EntryBytes];
    private int _length;

    /// <summary>What it says, as it is stored.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, _length);

    /// <summary>Becomes what was stored; nothing for nothing.</summary>
    public void Read(ReadOnlySpan<byte> stored)
    {
        if (stored.Length > _bytes.Length || stored.Length % EntryBytes != 0) throw Varint.Damaged();
        stored.CopyTo(_bytes);
        _length = stored.Length;
    }

    /// <summary>An operation at a place has an instant.</summary>
    public void Add(int slot, long at)
    {
        var entry = _bytes.AsSpan(slot / Together * EntryBytes, EntryBytes);
        var isNew = slot / Together * EntryBytes >= _length;
        if (isNew) _length = ((slot / Together) + 1) * EntryBytes;
        BinaryPrimitives.WriteInt64LittleEndian(entry, isNew ? at : Math.Min(at, Least(entry)));
        BinaryPrimitives.WriteInt64LittleEndian(entry[sizeof(long)..], isNew ? at : Math.Max(at, Greatest(entry)));
    }

    /// <summary>The places at which an instant in [since, until) may be.</summary>
    public void Find(long since, long until, SlotSet to)
    {
        for (var at = 0; at < _length; at += EntryBytes)
        {
            var entry = _bytes.AsSpan(at, EntryBytes);
            if (Greatest(entry) >= since && Least(entry) < until) to.AddTogether(at / EntryBytes);
        }
    }

    private static long Least(ReadOnlySpan<byte> entry) => BinaryPrimitives.ReadInt64LittleEndian(entry);

    private static long Greatest(ReadOnlySpan<byte> entry) => BinaryPrimitives.ReadInt64LittleEndian(entry[sizeof(long)..]);
}
