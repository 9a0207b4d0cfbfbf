namespace Postern.Gateway.Recordings.Search;

/// <summary>Numbers in as few bytes as they need: seven bits in each, the lowest first, the top bit set while more follow (LEB128).</summary>
internal static class Varint
{
    /// <summary>The longest form.</summary>
    public const int MaxBytes = 10;

    /// <summary>Writes one; how many bytes it took.</summary>
    public static int Write(Span<byte> to, ulong value)
    {
        var at = 0;
        for (; value >= 0x80; value >>= 7) to[at++] = (byte)(value | 0x80);
        to[at++] = (byte)value;
        return at;
    }

    /// <summary>Reads one and goes on behind it.</summary>
    /// <exception cref="InvalidDataException">The bytes end before it does, or it is none.</exception>
    public static ulong Read(ReadOnlySpan<byte> from, ref int at)
    {
        ulong value = 0;
        for (var shift = 0; shift < 64 && (uint)at < (uint)from.Length; shift += 7)
        {
            var next = from[at++];
            value |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80) return value;
        }
        throw Damaged();
    }

    /// <summary>A number that may be negative, so that small ones of either sign are short.</summary>
    public static ulong Fold(long value) => (ulong)((value << 1) ^ (value >> 63));

    /// <summary>What was folded.</summary>
    public static long Unfold(ulong value) => (long)(value >> 1) ^ -(long)(value & 1);

    /// <summary>For whoever reads what cannot be.</summary>
    public static InvalidDataException Damaged() => new("the index of recordings holds what cannot be read; delete `recordings.db`, and it is made again");
}
