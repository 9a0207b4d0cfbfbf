using System.Buffers.Binary;

namespace Postern.Protocols.Kubernetes.Wire.Spdy;

/// <summary>
/// Reads the compressed headers of one direction of one SPDY connection: a single zlib stream with a preset dictionary, which every block of headers goes on
/// with (RFC 1950, RFC 1951; the platform's zlib takes no dictionary). Each block must end where its frame does, as a sync flush leaves it. Not for several threads.
/// </summary>
internal sealed class HeaderInflater
{
    /// <summary>Longest block once it is read: a bomb (attack K15) ends there.</summary>
    public const int MaxOutput = 16 * 1024;

    private const int Window = 32 * 1024;

    private static readonly ushort[] s_lengthBase = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];
    private static readonly byte[] s_lengthExtra = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
    private static readonly ushort[] s_distanceBase = [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577];
    private static readonly byte[] s_order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
    private static readonly HuffmanCode s_fixedLiterals = FixedLiterals();
    private static readonly HuffmanCode s_fixedDistances = new HuffmanCode().Make(Filled(32, 5), mayBeSingle: false);

    private readonly byte[] _window = new byte[Window + MaxOutput];
    private readonly HuffmanCode _lengths = new();
    private readonly HuffmanCode _literals = new();
    private readonly HuffmanCode _distances = new();
    private int _count;
    private int _start;
    private bool _hasBegun;

    public HeaderInflater()
    {
        SpdyDictionary.Text.Span.CopyTo(_window);
        _count = SpdyDictionary.Text.Length;
    }

    /// <summary>Reads one block; what it gives is good until the next.</summary>
    /// <exception cref="FormatException">It is no block that goes on with what came before; nothing can be read after it.</exception>
    public ReadOnlySpan<byte> Read(ReadOnlySpan<byte> block)
    {
        if (!_hasBegun)
        {
            // A window of any size, DEFLATE, and the one dictionary.
            if (block.Length < 6 || (block[0] & 0x0f) != 8 || block[0] >> 4 > 7 || BinaryPrimitives.ReadUInt16BigEndian(block) % 31 != 0 || (block[1] & 0x20) == 0 || BinaryPrimitives.ReadUInt32BigEndian(block[2..]) != SpdyDictionary.Id)
                throw new FormatException("the compressed headers do not begin with the dictionary of SPDY/3");
            block = block[6..];
            _hasBegun = true;
        }
        if (_count > Window)
        {
            Buffer.BlockCopy(_window, _count - Window, _window, 0, Window);
            _count = Window;
        }
        _start = _count;
        var bits = new DeflateBits(block);
        while (!bits.IsAtEnd) ReadBlock(ref bits);
        if (!bits.IsAligned) throw new FormatException("the compressed headers of a stream do not end with it");
        return _window.AsSpan(_start, _count - _start);
    }

    private void ReadBlock(ref DeflateBits bits)
    {
        if (bits.Take(1) != 0) throw new FormatException("the compressed headers say that no more follow");
        switch (bits.Take(2))
        {
            case 0:
                var sizes = bits.TakeBytes(4);
                var size = BinaryPrimitives.ReadUInt16LittleEndian(sizes);
                if ((ushort)~size != BinaryPrimitives.ReadUInt16LittleEndian(sizes[2..])) throw new FormatException("the compressed headers hold a stored block whose length is not proven");
                Room(size);
                bits.TakeBytes(size).CopyTo(_window.AsSpan(_count));
                _count += size;
                break;
            case 1:
                ReadWords(ref bits, s_fixedLiterals, s_fixedDistances);
                break;
            case 2:
                ReadCodes(ref bits);
                ReadWords(ref bits, _literals, _distances);
                break;
            default:
                throw new FormatException("the compressed headers hold a block of no known type");
        }
    }

    private void ReadCodes(ref DeflateBits bits)
    {
        var literals = bits.Take(5) + 257;
        var distances = bits.Take(5) + 1;
        var count = bits.Take(4) + 4;
        if (literals > 286 || distances > 30) throw new FormatException("the compressed headers hold more words than there are");
        Span<byte> lengths = stackalloc byte[286 + 30];
        Span<byte> ofLengths = stackalloc byte[19];
        ofLengths.Clear();
        for (var i = 0; i < count; i++) ofLengths[s_order[i]] = (byte)bits.Take(3);
        _lengths.Make(ofLengths, mayBeSingle: false);
        for (var at = 0; at < literals + distances;)
        {
            var symbol = _lengths.Read(ref bits);
            if (symbol < 16)
            {
                lengths[at++] = (byte)symbol;
                continue;
            }
            if (symbol == 16 && at == 0) throw new FormatException("the compressed headers repeat what is not there");
            var (value, times) = symbol switch
            {
                16 => (lengths[at - 1], 3 + bits.Take(2)),
                17 => ((byte)0, 3 + bits.Take(3)),
                _ => ((byte)0, 11 + bits.Take(7)),
            };
            if (at + times > literals + distances) throw new FormatException("the compressed headers hold more words than they said");
            lengths.Slice(at, times).Fill(value);
            at += times;
        }
        if (lengths[256] == 0) throw new FormatException("the compressed headers hold a block that cannot end");
        _literals.Make(lengths[..literals], mayBeSingle: true);
        _distances.Make(lengths[literals..(literals + distances)], mayBeSingle: true);
    }

    private void ReadWords(ref DeflateBits bits, HuffmanCode literals, HuffmanCode distances)
    {
        while (true)
        {
            var symbol = literals.Read(ref bits);
            if (symbol < 256)
            {
                Room(1);
                _window[_count++] = (byte)symbol;
                continue;
            }
            if (symbol == 256) return;
            if (symbol - 257 >= s_lengthBase.Length) throw new FormatException("the compressed headers hold a length that there is not");
            var length = s_lengthBase[symbol - 257] + bits.Take(s_lengthExtra[symbol - 257]);
            var far = distances.Read(ref bits);
            if (far >= s_distanceBase.Length) throw new FormatException("the compressed headers hold a distance that there is not");
            var distance = s_distanceBase[far] + bits.Take(far < 4 ? 0 : (far >> 1) - 1);
            if (distance > Math.Min(_count, Window)) throw new FormatException("the compressed headers copy from before their beginning");
            Room(length);
            // Byte by byte: what is copied may lie in what is being written.
            for (var end = _count + length; _count < end; _count++) _window[_count] = _window[_count - distance];
        }
    }

    private void Room(int count)
    {
        if (_count + count - _start > MaxOutput) throw new FormatException("headers are longer than 16 KiB once they are read");
    }

    private static HuffmanCode FixedLiterals()
    {
        var lengths = Filled(288, 8);
        lengths.AsSpan(144, 112).Fill(9);
        lengths.AsSpan(256, 24).Fill(7);
        return new HuffmanCode().Make(lengths, mayBeSingle: false);
    }

    private static byte[] Filled(int count, byte value)
    {
        var lengths = new byte[count];
        Array.Fill(lengths, value);
        return lengths;
    }
}
