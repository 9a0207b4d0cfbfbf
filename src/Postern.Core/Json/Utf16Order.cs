using System.Buffers;

namespace Postern.Core.Json;

/// <summary>Orders escaped names by the UTF-16 code units of what they spell (RFC 8785 section 3.2.3).</summary>
internal static class Utf16Order
{
    public static int Compare(ReadOnlySpan<byte> one, ReadOnlySpan<byte> other)
    {
        if (!one.Contains((byte)'\\') && !other.Contains((byte)'\\')) return ComparePlain(one, other);
        var left = ArrayPool<byte>.Shared.Rent(one.Length);
        var right = ArrayPool<byte>.Shared.Rent(other.Length);
        var result = ComparePlain(left.AsSpan(0, JsonText.Unescape(one, left)), right.AsSpan(0, JsonText.Unescape(other, right)));
        ArrayPool<byte>.Shared.Return(left);
        ArrayPool<byte>.Shared.Return(right);
        return result;
    }

    private static int ComparePlain(ReadOnlySpan<byte> one, ReadOnlySpan<byte> other)
    {
        var same = one.CommonPrefixLength(other);
        if (same == one.Length || same == other.Length) return one.Length.CompareTo(other.Length);
        return Rank(one[same]).CompareTo(Rank(other[same]));
    }

    // Bytes of UTF-8 order as code points do. UTF-16 differs in one place: what lies above U+FFFF (lead bytes F0 to F4) is
    // written with surrogates (D800 to DFFF), which come before U+E000 to U+FFFF (lead bytes EE and EF).
    private static int Rank(byte lead) => lead is 0xee or 0xef ? lead + 0x10 : lead;
}
