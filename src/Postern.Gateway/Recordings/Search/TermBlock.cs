using System.Buffers;
using System.Buffers.Binary;

namespace Postern.Gateway.Recordings.Search;

/// <summary>
/// Terms of a chunk and where each occurs, as bytes: for each term, ascending, how far it is from the one before (from the block's base for
/// the first), then two bytes and what they announce. Their top bit clear: the one place itself. Else the length of a list of places, each as how
/// far it is behind the one before less one, and 0 for a bitmap of <see cref="SlotSet.BitmapBytes"/>, which is written where a list would be longer.
/// </summary>
internal sealed class TermBlock : IDisposable
{
    private const int Many = 0x8000;

    private readonly byte[] _list = new byte[SlotSet.Size * 2];
    private byte[] _bytes = ArrayPool<byte>.Shared.Rent(16 * 1024);
    private int _length;
    private ulong _last;

    /// <summary>What was written.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, _length);

    /// <summary>Begins a block of terms that are at least <paramref name="least"/>.</summary>
    public void Begin(ulong least) => (_length, _last) = (0, least);

    /// <summary>The next term, greater than the one before, and its places, ascending.</summary>
    public void Add(ulong term, ReadOnlySpan<ushort> slots)
    {
        Reserve(Varint.MaxBytes + sizeof(ushort) + SlotSet.BitmapBytes);
        _length += Varint.Write(_bytes.AsSpan(_length), term - _last);
        _last = term;
        var tag = _bytes.AsSpan(_length, sizeof(ushort));
        _length += sizeof(ushort);
        if (slots.Length == 1)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(tag, slots[0]);
            return;
        }
        var (length, next) = (0, 0);
        foreach (var slot in slots)
        {
            length += Varint.Write(_list.AsSpan(length), (ulong)(slot - next));
            next = slot + 1;
        }
        if (length < SlotSet.BitmapBytes)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(tag, (ushort)(Many | length));
            _list.AsSpan(0, length).CopyTo(_bytes.AsSpan(_length));
            _length += length;
            return;
        }
        BinaryPrimitives.WriteUInt16LittleEndian(tag, Many);
        var bitmap = _bytes.AsSpan(_length, SlotSet.BitmapBytes);
        bitmap.Clear();
        foreach (var slot in slots) bitmap[slot >> 3] |= (byte)(1 << (slot & 7));
        _length += SlotSet.BitmapBytes;
    }

    /// <summary>Adds to a set where a term occurs; false when it does not.</summary>
    /// <exception cref="InvalidDataException">The bytes are no block.</exception>
    public static bool TryFind(ReadOnlySpan<byte> block, ulong least, ulong term, SlotSet to)
    {
        for (var (at, current) = (0, least); at < block.Length;)
        {
            current += Varint.Read(block, ref at);
            var tag = TagAt(block, ref at);
            if (current == term)
            {
                Read(block, at, tag, to, null, 0);
                return true;
            }
            if (current > term) return false;
            at += LengthOf(tag);
        }
        return false;
    }

    /// <summary>Adds everything that a block says.</summary>
    /// <exception cref="InvalidDataException">The bytes are no block.</exception>
    public static void ReadAll(ReadOnlySpan<byte> block, ulong least, TermPairs to)
    {
        for (var (at, current) = (0, least); at < block.Length;)
        {
            current += Varint.Read(block, ref at);
            var tag = TagAt(block, ref at);
            Read(block, at, tag, null, to, current);
            at += LengthOf(tag);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_bytes.Length > 0) ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = [];
    }

    private static int TagAt(ReadOnlySpan<byte> block, ref int at)
    {
        if (block.Length - at < sizeof(ushort)) throw Varint.Damaged();
        var tag = BinaryPrimitives.ReadUInt16LittleEndian(block[at..]);
        at += sizeof(ushort);
        if (block.Length - at < LengthOf(tag)) throw Varint.Damaged();
        return tag;
    }

    private static int LengthOf(int tag) => tag < Many ? 0 : tag == Many ? SlotSet.BitmapBytes : tag - Many;

    private static void Read(ReadOnlySpan<byte> block, int at, int tag, SlotSet? set, TermPairs? pairs, ulong term)
    {
        if (tag < Many)
        {
            set?.Add(tag);
            pairs?.Add(term, tag);
            return;
        }
        var stored = block.Slice(at, LengthOf(tag));
        if (tag == Many)
        {
            set?.Read(stored);
            for (var slot = 0; pairs is not null && slot < SlotSet.Size; slot++)
            {
                if ((stored[slot >> 3] & (1 << (slot & 7))) != 0) pairs.Add(term, slot);
            }
            return;
        }
        for (var (from, next) = (0, 0L); from < stored.Length; next++)
        {
            next += (long)Varint.Read(stored, ref from);
            if (next is < 0 or >= SlotSet.Size) throw Varint.Damaged();
            set?.Add((int)next);
            pairs?.Add(term, (int)next);
        }
    }

    private void Reserve(int more)
    {
        if (_length + more <= _bytes.Length) return;
        var grown = ArrayPool<byte>.Shared.Rent(Math.Max(_length + more, _bytes.Length * 2));
        Bytes.CopyTo(grown);
        ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = grown;
    }
}
