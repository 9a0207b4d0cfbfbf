using System.Buffers.Binary;
using System.Numerics;

namespace Postern.Gateway.Recordings.Search;

/// <summary>
/// A set of the places in one chunk of at most <see cref="Size"/> operations. How it is stored, <see cref="TermBlock"/> says.
/// </summary>
internal sealed class SlotSet
{
    /// <summary>Operations in one chunk: few look-ups for a million operations, and a place that leaves one of 16 bits to say what it is.</summary>
    public const int Size = 1 << 15;

    /// <summary>A bit for each place.</summary>
    public const int BitmapBytes = Size / 8;

    private readonly ulong[] _words = new ulong[Size / 64];

    public bool IsEmpty => _words.AsSpan().IndexOfAnyExcept(0UL) < 0;

    /// <summary>Makes it empty.</summary>
    public void Clear() => Array.Clear(_words);

    /// <summary>Makes it hold the first places.</summary>
    public void Fill(int count)
    {
        Array.Clear(_words);
        Array.Fill(_words, ulong.MaxValue, 0, count >> 6);
        if ((count & 63) != 0) _words[count >> 6] = (1UL << (count & 63)) - 1;
    }

    public void Add(int slot) => _words[slot >> 6] |= 1UL << (slot & 63);

    /// <summary>Adds 64 places that begin at a multiple of that.</summary>
    public void AddTogether(int word) => _words[word] = ulong.MaxValue;

    public bool Contains(int slot) => (_words[slot >> 6] & (1UL << (slot & 63))) != 0;

    /// <summary>Keeps only what <paramref name="other"/> holds too.</summary>
    public void And(SlotSet other)
    {
        for (var i = 0; i < _words.Length; i++) _words[i] &= other._words[i];
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

    /// <summary>Takes the least place from <paramref name="from"/> on, or -1.</summary>
    public int From(int from)
    {
        if (from >= Size) return -1;
        var word = from >> 6;
        var bits = _words[word] & (ulong.MaxValue << (from & 63));
        while (bits == 0)
        {
            if (++word == _words.Length) return -1;
            bits = _words[word];
        }
        return (word << 6) + BitOperations.TrailingZeroCount(bits);
    }

    /// <summary>Adds what a bitmap of <see cref="BitmapBytes"/> says.</summary>
    public void Read(ReadOnlySpan<byte> bitmap)
    {
        for (var i = 0; i < _words.Length; i++) _words[i] |= BinaryPrimitives.ReadUInt64LittleEndian(bitmap[(i * sizeof(ulong))..]);
    }
}
