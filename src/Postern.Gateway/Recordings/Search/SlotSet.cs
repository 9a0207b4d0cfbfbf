using System.Buffers.Binary;
using System.Numerics;

namespace Postern.Gateway.Recordings.Search;

/// <summary>
/// A set of the places in one chunk of <see cref="Size"/> operations. Stored as two little-endian bytes for each place in ascending order
/// while that is shorter, else as a bitmap of <see cref="BitmapBytes"/>.
/// </summary>
internal sealed class SlotSet
{
    /// <summary>How many bits of an operation's number are its place in a chunk.</summary>
    public const int Bits = 15;

    /// <summary>Operations in one chunk: few look-ups for a million operations, and a bitmap that fits one page beside its leaf.</summary>
    public const int Size = 1 << Bits;

    /// <summary>The longest form.</summary>
    public const int BitmapBytes = Size / 8;

    private const int MostListed = (BitmapBytes / sizeof(ushort)) - 1;

    private readonly ulong[] _words = new ulong[Size / 64];

    public bool IsEmpty => _words.AsSpan().IndexOfAnyExcept(0UL) < 0;

    /// <summary>Makes it empty.</summary>
    public void Clear() => Array.Clear(_words);

    /// <summary>Makes it hold every place.</summary>
    public void Fill() => Array.Fill(_words, ulong.MaxValue);

    public void Add(int slot) => _words[slot >> 6] |= 1UL << (slot & 63);

    public void Remove(int slot) => _words[slot >> 6] &= ~(1UL << (slot & 63));

    public bool Contains(int slot) => (_words[slot >> 6] & (1UL << (slot & 63))) != 0;

    /// <summary>Keeps only what <paramref name="other"/> holds too.</summary>
    public void And(SlotSet other)
    {
        for (var i = 0; i < _words.Length; i++) _words[i] &= other._words[i];
    }

    /// <summary>Removes what <paramref name="other"/> holds; true when that changed anything.</summary>
    public bool Remove(SlotSet other)
    {
        var isChanged = false;
        for (var i = 0; i < _words.Length; i++)
        {
            isChanged |= (_words[i] & other._words[i]) != 0;
            _words[i] &= ~other._words[i];
        }
        return isChanged;
    }

    /// <summary>Takes the greatest place below <paramref name="below"/>, or -1.</summary>
    public int Below(int below)
    {
        if (below <= 0) return -1;
        var last = below - 1;
        var word = last >> 6;
        var bits = _words[word] & (ulong.MaxValue >> (63 - (last & 63)));
        while (bits == 0)
        {
            if (--word < 0) return -1;
            bits = _words[word];
        }
        return (word << 6) + BitOperations.Log2(bits);
    }

    /// <summary>Adds what was stored.</summary>
    /// <exception cref="InvalidDataException">It is no such form.</exception>
    public void Read(ReadOnlySpan<byte> stored)
    {
        if (stored.Length == BitmapBytes)
        {
            for (var i = 0; i < _words.Length; i++) _words[i] |= BinaryPrimitives.ReadUInt64LittleEndian(stored[(i * sizeof(ulong))..]);
            return;
        }
        if (stored.Length > BitmapBytes || stored.Length % sizeof(ushort) != 0) throw new InvalidDataException("the index of recordings holds a set that cannot be read; delete `recordings.db`, and it is made again");
        for (var at = 0; at < stored.Length; at += sizeof(ushort)) Add(BinaryPrimitives.ReadUInt16LittleEndian(stored[at..]) & (Size - 1));
    }

    /// <summary>Its stored form.</summary>
    /// <param name="to">At least <see cref="BitmapBytes"/>.</param>
    public ReadOnlySpan<byte> Write(Span<byte> to)
    {
        var count = 0;
        foreach (var word in _words) count += BitOperations.PopCount(word);
        if (count > MostListed)
        {
            for (var i = 0; i < _words.Length; i++) BinaryPrimitives.WriteUInt64LittleEndian(to[(i * sizeof(ulong))..], _words[i]);
            return to[..BitmapBytes];
        }
        var length = 0;
        for (var i = 0; i < _words.Length; i++)
        {
            for (var bits = _words[i]; bits != 0; bits &= bits - 1)
            {
                BinaryPrimitives.WriteUInt16LittleEndian(to[length..], (ushort)((i << 6) + BitOperations.TrailingZeroCount(bits)));
                length += sizeof(ushort);
            }
        }
        return to[..length];
    }
}
