using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Text;

namespace Postern.Core.Masking.Detection;

/// <summary>A literal that a secret begins with, and the rule for what follows; no rule for web tokens and PEM, which have their own.</summary>
internal sealed record SecretLiteral(byte[] Utf8, SecretPrefix? Rule);

/// <summary>
/// Finds the literals of all secrets at once. Two tables for each of a literal's first three bytes, one by low and one by high
/// half of the byte, say which groups of literals the byte fits; sixteen places are asked at a time. A place that fits some
/// group in all three is then compared with the literals themselves, so the tables may say yes too often, never no.
/// </summary>
internal static class SecretLiterals
{
    // What all literals have, and the tables look at.
    private const int KeyLength = 3;
    private const int Groups = 8;
    private const int SlotBits = 8;

    private static readonly SecretLiteral[] s_all =
    [
        new("eyJ"u8.ToArray(), Rule: null),
        new("-----BEGIN "u8.ToArray(), Rule: null),
        .. SecretPrefixes.All.Select(prefix => new SecretLiteral(Encoding.ASCII.GetBytes(prefix.Prefix), prefix)),
    ];

    private static readonly SecretLiteral[]?[] s_slots = Slots();
    private static readonly Vector128<byte> s_low0 = Table(0, isHigh: false);
    private static readonly Vector128<byte> s_high0 = Table(0, isHigh: true);
    private static readonly Vector128<byte> s_low1 = Table(1, isHigh: false);
    private static readonly Vector128<byte> s_high1 = Table(1, isHigh: true);
    private static readonly Vector128<byte> s_low2 = Table(2, isHigh: false);
    private static readonly Vector128<byte> s_high2 = Table(2, isHigh: true);

    /// <summary>The first place, from here on, where a literal begins; -1 for none.</summary>
    public static int Next(ReadOnlySpan<byte> text, int from)
    {
        const int span = 16 + KeyLength - 1;
        if (text.Length - from < span) return NextOfFew(text, from);
        ref var start = ref MemoryMarshal.GetReference(text);
        var last = text.Length - span;
        for (var at = from; ; at += 16)
        {
            // The last look goes back over places already seen, which change nothing.
            if (at > last) at = last;
            var fits = Fits(Vector128.LoadUnsafe(ref start, (nuint)at), s_low0, s_high0)
                & Fits(Vector128.LoadUnsafe(ref start, (nuint)at + 1), s_low1, s_high1)
                & Fits(Vector128.LoadUnsafe(ref start, (nuint)at + 2), s_low2, s_high2);
            if (fits != Vector128<byte>.Zero)
            {
                for (var bits = ~Vector128.Equals(fits, Vector128<byte>.Zero).ExtractMostSignificantBits() & 0xffff; bits != 0; bits &= bits - 1)
                {
                    var place = at + BitOperations.TrailingZeroCount(bits);
                    if (place >= from && IsLiteral(text[place..])) return place;
                }
            }
            if (at == last) return -1;
        }
    }

    /// <summary>Literals that the text here could begin with, the longest first; others may be among them.</summary>
    public static ReadOnlySpan<SecretLiteral> Like(ReadOnlySpan<byte> here) => here.Length < KeyLength ? [] : s_slots[Slot(here)];

    private static int NextOfFew(ReadOnlySpan<byte> text, int from)
    {
        for (var place = from; place <= text.Length - KeyLength; place++)
        {
            if (IsLiteral(text[place..])) return place;
        }
        return -1;
    }

    private static bool IsLiteral(ReadOnlySpan<byte> here)
    {
        foreach (var literal in Like(here))
        {
            if (here.StartsWith(literal.Utf8)) return true;
        }
        return false;
    }

    private static Vector128<byte> Fits(Vector128<byte> bytes, Vector128<byte> low, Vector128<byte> high) =>
        Vector128.ShuffleNative(low, bytes & Vector128.Create((byte)0x0f)) & Vector128.ShuffleNative(high, bytes >>> 4);

    private static int Slot(ReadOnlySpan<byte> here) =>
        (int)((uint)(here[0] | (here[1] << 8) | (here[2] << 16)) * 0x9e3779b1 >> (32 - SlotBits));

    private static SecretLiteral[]?[] Slots()
    {
        var slots = new SecretLiteral[]?[1 << SlotBits];
        foreach (var slot in s_all.GroupBy(literal => Slot(literal.Utf8))) slots[slot.Key] = [.. slot.OrderByDescending(literal => literal.Utf8.Length)];
        return slots;
    }

    /// <summary>For each half of a byte, one bit for each group with a literal that has it at this place. Like literals share a group.</summary>
    private static Vector128<byte> Table(int place, bool isHigh)
    {
        Span<byte> table = stackalloc byte[16];
        var keys = s_all.Select(literal => Encoding.ASCII.GetString(literal.Utf8, 0, KeyLength)).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToArray();
        for (var i = 0; i < keys.Length; i++)
        {
            var half = isHigh ? keys[i][place] >> 4 : keys[i][place] & 0x0f;
            table[half] |= (byte)(1 << (i * Groups / keys.Length));
        }
        return Vector128.Create<byte>(table);
    }
}
