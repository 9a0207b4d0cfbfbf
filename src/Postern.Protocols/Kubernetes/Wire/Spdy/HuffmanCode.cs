namespace Postern.Protocols.Kubernetes.Wire.Spdy;

/// <summary>One canonical code of DEFLATE (RFC 1951 section 3.2.2), made of the lengths of its words.</summary>
internal sealed class HuffmanCode
{
    /// <summary>Longest word, in bits.</summary>
    public const int MaxBits = 15;

    private readonly int[] _counts = new int[MaxBits + 1];
    private readonly ushort[] _symbols = new ushort[288];

    /// <summary>The code of these lengths; zero stands for a symbol that has no word.</summary>
    /// <exception cref="FormatException">They are no code: two words would be the same, or some bits no word.</exception>
    public HuffmanCode Make(ReadOnlySpan<byte> lengths, bool mayBeSingle)
    {
        Array.Clear(_counts);
        foreach (var length in lengths) _counts[length]++;
        var used = lengths.Length - _counts[0];
        _counts[0] = 0;
        var left = 1;
        for (var bits = 1; bits <= MaxBits; bits++)
        {
            left = (left << 1) - _counts[bits];
            if (left < 0) throw new FormatException("the compressed headers hold a code in which words collide");
        }
        // As zlib: a code of one word of one bit is complete enough, and one of no words is never read from.
        if (left > 0 && used > 0 && !(mayBeSingle && used == 1 && _counts[1] == 1)) throw new FormatException("the compressed headers hold a code that is not complete");
        Span<int> offsets = stackalloc int[MaxBits + 2];
        for (var bits = 1; bits <= MaxBits; bits++) offsets[bits + 1] = offsets[bits] + _counts[bits];
        for (var symbol = 0; symbol < lengths.Length; symbol++)
        {
            if (lengths[symbol] > 0) _symbols[offsets[lengths[symbol]]++] = (ushort)symbol;
        }
        return this;
    }

    /// <summary>Reads one symbol.</summary>
    public int Read(ref DeflateBits bits)
    {
        int code = 0, first = 0, index = 0;
        for (var length = 1; length <= MaxBits; length++)
        {
            code |= bits.Take(1);
            var count = _counts[length];
            if (code - count < first) return _symbols[index + (code - first)];
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        throw new FormatException("the compressed headers hold bits that are no word of their code");
    }
}

/// <summary>The bits of one piece of DEFLATE, lowest first.</summary>
internal ref struct DeflateBits(ReadOnlySpan<byte> bytes)
{
    private readonly ReadOnlySpan<byte> _bytes = bytes;
    private int _at;
    private int _held;
    private int _count;

    /// <summary>True when every whole byte was read.</summary>
    public readonly bool IsAtEnd => _at == _bytes.Length;

    /// <summary>True when no bit of a byte is left.</summary>
    public readonly bool IsAligned => _count == 0;

    /// <summary>Reads up to 16 bits.</summary>
    public int Take(int count)
    {
        while (_count < count)
        {
            if (_at == _bytes.Length) throw new FormatException("the compressed headers break off");
            _held |= _bytes[_at++] << _count;
            _count += 8;
        }
        var value = _held & ((1 << count) - 1);
        _held >>= count;
        _count -= count;
        return value;
    }

    /// <summary>Goes to the next whole byte and reads that many.</summary>
    public ReadOnlySpan<byte> TakeBytes(int count)
    {
        Align();
        if (_bytes.Length - _at < count) throw new FormatException("the compressed headers break off");
        _at += count;
        return _bytes.Slice(_at - count, count);
    }

    /// <summary>Goes to the next whole byte.</summary>
    public void Align() => (_held, _count) = (0, 0);
}
