using System.Buffers.Binary;
using System.Buffers.Text;

namespace Postern.Protocols.Postgres.Masking;

/// <summary>
/// The binary form of <c>numeric</c> (<c>numeric_send</c>): count of digits to the base of 10,000, weight of the first, sign, digits behind the
/// point, the digits.
/// </summary>
internal static class NumericText
{
    /// <summary>Zero: no digits, no weight, plus, nothing behind the point.</summary>
    public static ReadOnlySpan<byte> Zero => [0, 0, 0, 0, 0, 0, 0, 0];

    private const int HeaderLength = 8;
    private const int DigitsPerGroup = 4;

    // Longer numbers are no card and are hardly written out by anybody.
    private const int MaxGroups = 64;
    private const ushort Minus = 0x4000;

    /// <summary>Room for what <see cref="Write"/> writes.</summary>
    public const int MaxLength = 1 + (MaxGroups * 2 * DigitsPerGroup) + 2;

    /// <summary>Writes the number as it reads; 0 bytes when it is none, not finite, or too long.</summary>
    public static int Write(ReadOnlySpan<byte> value, Span<byte> text)
    {
        if (value.Length < HeaderLength) return 0;
        int groups = BinaryPrimitives.ReadInt16BigEndian(value);
        int weight = BinaryPrimitives.ReadInt16BigEndian(value[2..]);
        var sign = BinaryPrimitives.ReadUInt16BigEndian(value[4..]);
        int scale = BinaryPrimitives.ReadInt16BigEndian(value[6..]);
        if (sign is not (0 or Minus) || groups is < 0 or > MaxGroups || weight is < -1 or >= MaxGroups || scale is < 0 or > MaxGroups * DigitsPerGroup) return 0;
        if (value.Length != HeaderLength + (2 * groups)) return 0;
        var length = 0;
        if (sign == Minus) text[length++] = (byte)'-';
        var first = length;
        for (var i = 0; i <= weight; i++)
        {
            if (!Group(value, groups, i, text[length..])) return 0;
            length += DigitsPerGroup;
        }
        // Without the zeros that fill up the first group.
        var zeros = 0;
        while (first + zeros < length - 1 && text[first + zeros] == '0') zeros++;
        text[(first + zeros)..length].CopyTo(text[first..]);
        length -= zeros;
        if (length == first) text[length++] = (byte)'0';
        if (scale == 0) return length;
        text[length++] = (byte)'.';
        Span<byte> group = stackalloc byte[DigitsPerGroup];
        for (var (i, left) = (weight + 1, scale); left > 0; i++, left -= DigitsPerGroup)
        {
            if (!Group(value, groups, i, group)) return 0;
            var taken = Math.Min(left, DigitsPerGroup);
            group[..taken].CopyTo(text[length..]);
            length += taken;
        }
        return length;
    }

    private static bool Group(ReadOnlySpan<byte> value, int groups, int index, Span<byte> text)
    {
        var number = index >= 0 && index < groups ? BinaryPrimitives.ReadInt16BigEndian(value[(HeaderLength + (2 * index))..]) : (short)0;
        if (number is < 0 or > 9999) return false;
        return Utf8Formatter.TryFormat(number, text, out _, new System.Buffers.StandardFormat('D', DigitsPerGroup));
    }
}
