using System.Buffers.Binary;

namespace Postern.Core.Recording;

/// <summary>
/// A segment whose zeros are not kept: a prefix of 16 bytes (<c>PSTNFOLD</c>, version, zero), the stretches that are kept one behind the other,
/// a table of them (offset in the segment and length, 8 bytes each), and their number (8 bytes). Whoever reads it sees the segment at its full
/// length, so every offset that was ever noted is still right.
/// </summary>
internal sealed class FoldedFile : IJournalFile
{
    /// <summary>No segment is longer; a table that says so is damage, and must not make anyone read zeros for years.</summary>
    public const long MostBytes = 4L * JournalFormat.MaxPayloadBytes;

    private const uint Version = 1;
    private const int PrefixBytes = 8 + 4 + 4;
    private const int StretchBytes = 8 + 8;
    private const int NumberBytes = 8;

    private readonly IJournalFile _file;
    private readonly (long At, long Length, long Place)[] _stretches;

    private FoldedFile(IJournalFile file, (long At, long Length, long Place)[] stretches)
    {
        _file = file;
        _stretches = stretches;
        Length = stretches[^1].At + stretches[^1].Length;
    }

    private static ReadOnlySpan<byte> Magic => "PSTNFOLD"u8;

    /// <inheritdoc/>
    public long Length { get; }

    /// <summary>The segment in a file: the file itself, unless it is folded.</summary>
    /// <param name="file">The file; released when it cannot be read.</param>
    /// <param name="name">For errors.</param>
    /// <exception cref="IOException">It is folded, and not as this version folds.</exception>
    public static IJournalFile Unfold(IJournalFile file, string name)
    {
        try
        {
            Span<byte> prefix = stackalloc byte[PrefixBytes];
            if (file.ReadFully(prefix, 0) != prefix.Length || !prefix.StartsWith(Magic)) return file;
            if (BinaryPrimitives.ReadUInt32LittleEndian(prefix[8..]) != Version || prefix[12..].ContainsAnyExcept((byte)0)) throw new IOException($"`{name}` is folded in a way that is not known; expected version {Version}");
            return new FoldedFile(file, Stretches(file) ?? throw new IOException($"`{name}` is folded, and its table does not fit what it holds"));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public int Read(Span<byte> destination, long offset)
    {
        var count = (int)Math.Min(destination.Length, Length - offset);
        if (count <= 0) return 0;
        destination = destination[..count];
        destination.Clear();
        for (var i = First(offset); i < _stretches.Length && _stretches[i].At < offset + count; i++)
        {
            var (at, length, place) = _stretches[i];
            var begin = Math.Max(at, offset);
            var part = destination[(int)(begin - offset)..(int)(Math.Min(at + length, offset + count) - offset)];
            if (_file.ReadFully(part, place + begin - at) != part.Length) throw new IOException("a folded segment became shorter while it was read");
        }
        return count;
    }

    /// <inheritdoc/>
    public void Write(ReadOnlySpan<byte> bytes, long offset) => throw new IOException("a folded segment is never written to");

    /// <inheritdoc/>
    public void SetLength(long length) => throw new IOException("a folded segment is never cut");

    /// <inheritdoc/>
    public void Flush()
    {
        // Nothing is written.
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    /// <summary>The stretch that an offset is in, or the next one.</summary>
    private int First(long offset)
    {
        var (low, high) = (0, _stretches.Length);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (_stretches[middle].At + _stretches[middle].Length <= offset) low = middle + 1;
            else high = middle;
        }
        return low;
    }

    /// <summary>The table; null unless every byte of the file is the prefix's, one stretch's, or the table's.</summary>
    private static (long At, long Length, long Place)[]? Stretches(IJournalFile file)
    {
        Span<byte> last = stackalloc byte[NumberBytes];
        if (file.Length < PrefixBytes + StretchBytes + NumberBytes || file.ReadFully(last, file.Length - NumberBytes) != last.Length) return null;
        var number = BinaryPrimitives.ReadInt64LittleEndian(last);
        if (number <= 0 || number > (file.Length - PrefixBytes - NumberBytes) / StretchBytes) return null;
        var table = new byte[number * StretchBytes];
        var begin = file.Length - NumberBytes - table.Length;
        if (file.ReadFully(table, begin) != table.Length) return null;
        var stretches = new (long At, long Length, long Place)[number];
        var (end, place) = (0L, (long)PrefixBytes);
        for (var i = 0; i < stretches.Length; i++)
        {
            var at = BinaryPrimitives.ReadInt64LittleEndian(table.AsSpan(i * StretchBytes));
            var length = BinaryPrimitives.ReadInt64LittleEndian(table.AsSpan((i * StretchBytes) + 8));
            // The first begins the segment, the others leave something out before them, and none is longer than what is there.
            if ((i == 0 ? at != 0 : at <= end) || length <= 0 || length > begin - place || at > MostBytes - length) return null;
            stretches[i] = (at, length, place);
            (end, place) = (at + length, place + length);
        }
        return place == begin ? stretches : null;
    }

    /// <summary>Writes a folded segment from its begin to its end.</summary>
    internal sealed class Writer(Stream to)
    {
        private readonly List<(long At, long Length)> _stretches = [];
        private bool _hasBegun;

        /// <summary>Keeps bytes of the segment; what lies between them and those before is zeros.</summary>
        public void Keep(ReadOnlySpan<byte> bytes, long at)
        {
            if (!_hasBegun)
            {
                Span<byte> prefix = stackalloc byte[PrefixBytes];
                prefix.Clear();
                Magic.CopyTo(prefix);
                BinaryPrimitives.WriteUInt32LittleEndian(prefix[8..], Version);
                to.Write(prefix);
                _hasBegun = true;
            }
            to.Write(bytes);
            if (_stretches.Count > 0 && _stretches[^1] is var last && last.At + last.Length == at) _stretches[^1] = (last.At, last.Length + bytes.Length);
            else _stretches.Add((at, bytes.Length));
        }

        /// <summary>Writes the table.</summary>
        public void End()
        {
            Span<byte> numbers = stackalloc byte[StretchBytes];
            foreach (var (at, length) in _stretches)
            {
                BinaryPrimitives.WriteInt64LittleEndian(numbers, at);
                BinaryPrimitives.WriteInt64LittleEndian(numbers[8..], length);
                to.Write(numbers);
            }
            BinaryPrimitives.WriteInt64LittleEndian(numbers, _stretches.Count);
            to.Write(numbers[..NumberBytes]);
        }
    }
}
