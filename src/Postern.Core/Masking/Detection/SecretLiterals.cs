using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Text;

namespace Postern.Core.Masking.Detection;

/// <summary>What a literal stands for.</summary>
internal enum SecretLiteralKind
{
    /// <summary>The prefix of a key, with a rule for what follows.</summary>
    Prefix,

    /// <summary>The beginning of a JSON web token.</summary>
    Jwt,

    /// <summary>The beginning of a PEM block.</summary>
    Pem,

    /// <summary>The sign in e-mail addresses as URLs write it.</summary>
    At,

    /// <summary>What follows the scheme of a URL.</summary>
    Url,

    /// <summary>A word that names a password or key; case does not matter.</summary>
    Word,
}

/// <summary>A literal that something begins with.</summary>
internal sealed record SecretLiteral(byte[] Utf8, SecretLiteralKind Kind, SecretPrefix? Rule = null)
{
    public bool IsAt(ReadOnlySpan<byte> here) =>
        here.Length >= Utf8.Length && (Kind == SecretLiteralKind.Word ? Ascii.EqualsIgnoreCase(here[..Utf8.Length], Utf8) : here.StartsWith(Utf8));
}

/// <summary>
/// Finds all literals at once. Two tables for each of a literal's first three bytes, one by low and one by high half of the
/// byte, say which groups of literals the byte fits; 32 places are asked at a time. A place that fits some group in all three
/// is then compared with the literals themselves, so the tables may say yes too often, never no.
/// </summary>
internal static class SecretLiterals
{
    // What all literals have, and the tables look at.
    private const int KeyLength = 3;
    private const int SlotBits = 10;
    private const int KeyBits = 15;

    // Which first three bytes share a group, so that as few places as possible of prose, JSON, logs and code fit one by chance: found by
    // trying, 2.6 % where groups in alphabetical order have 9 %. What is not listed shares the first; it costs time, never a find.
    private const string Sharing = """
        %40 &si AGE ASI SG. SK1 SK5 SK6 SK7 SK8 SKa SKb SKe SKf Sha
        ?si Acc acc api cio dp. lin oy2
        --- ABI ABS ACC AKC AKI ATA ATC CCI GOC GR1 LTA SK9 hf_ rk_ sb_ sk- sk_
        :// eyJ fig hoo key r8_ xai
        :\/ bku dap doo dop dor gho ghp ghr ghs ghu git gla glc gld glf gli glp glr gls
        dck gsk hvb hvr hvs nfp npm ntn ops psc tsk whs
        SK0 SK2 SK3 SK4 SKc SKd pas pat ppl pul pwd rub sbp sec shp snt sq0 xap ya2
        AIz HRK NRA PMA pyp tok xox xwf
        """;

    /// <summary>All of them.</summary>
    public static readonly SecretLiteral[] All =
    [
        new("eyJ"u8.ToArray(), SecretLiteralKind.Jwt),
        new("-----BEGIN "u8.ToArray(), SecretLiteralKind.Pem),
        new("%40"u8.ToArray(), SecretLiteralKind.At),
        new("://"u8.ToArray(), SecretLiteralKind.Url),
        new(":\\/\\/"u8.ToArray(), SecretLiteralKind.Url), // as some writers of JSON spell it
        .. SecretWords.All.Select(word => new SecretLiteral(Encoding.ASCII.GetBytes(word), SecretLiteralKind.Word)),
        .. SecretPrefixes.All.Select(prefix => new SecretLiteral(Encoding.ASCII.GetBytes(prefix.Prefix), SecretLiteralKind.Prefix, prefix)),
    ];

    private static readonly SecretLiteral[]?[] s_slots = Slots();
    private static readonly ulong[] s_known = Keys();
    private static readonly string[] s_keys = [.. All.Select(literal => Encoding.ASCII.GetString(literal.Utf8, 0, KeyLength)).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
    private static readonly Vector256<byte> s_low0 = Table(0, isHigh: false);
    private static readonly Vector256<byte> s_high0 = Table(0, isHigh: true);
    private static readonly Vector256<byte> s_low1 = Table(1, isHigh: false);
    private static readonly Vector256<byte> s_high1 = Table(1, isHigh: true);
    private static readonly Vector256<byte> s_low2 = Table(2, isHigh: false);
    private static readonly Vector256<byte> s_high2 = Table(2, isHigh: true);

    /// <summary>One bit for each of 32 places where the first three bytes of a literal stand. Reads 36 bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint At(ref byte here)
    {
        var fits = Fits(Vector256.LoadUnsafe(ref here), s_low0, s_high0)
            & Fits(Vector256.LoadUnsafe(ref here, 1), s_low1, s_high1)
            & Fits(Vector256.LoadUnsafe(ref here, 2), s_low2, s_high2);
        var places = ~Vector256.Equals(fits, Vector256<byte>.Zero).ExtractMostSignificantBits();
        return places == 0 ? 0 : Known(ref here, places);
    }

    private static uint Known(ref byte here, uint places)
    {
        var known = 0U;
        for (; places != 0; places &= places - 1)
        {
            var place = BitOperations.TrailingZeroCount(places);
            var key = Hash(Unsafe.ReadUnaligned<uint>(ref Unsafe.Add(ref here, place))) >> (32 - KeyBits);
            known |= (uint)((s_known[key >> 6] >> (int)(key & 63)) & 1) << place;
        }
        return known;
    }

    /// <summary>Literals that the text here could begin with, the longest first; others may be among them.</summary>
    public static ReadOnlySpan<SecretLiteral> Like(ReadOnlySpan<byte> here) => here.Length < KeyLength ? [] : s_slots[Slot(here)];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<byte> Fits(Vector256<byte> bytes, Vector256<byte> low, Vector256<byte> high) =>
        Vector256.ShuffleNative(low, bytes & Vector256.Create((byte)0x0f)) & Vector256.ShuffleNative(high, (bytes >>> 4) & Vector256.Create((byte)0x0f));

    private static int Slot(ReadOnlySpan<byte> here) => (int)(Hash((uint)(here[0] | (here[1] << 8) | (here[2] << 16))) >> (32 - SlotBits));

    // Of the first three bytes. Case folds together what is apart by one bit, letters or not; the literals themselves are compared after.
    private static uint Hash(uint bytes) => ((bytes & 0xffffff) | 0x202020) * 0x9e3779b1;

    private static ulong[] Keys()
    {
        var keys = new ulong[1 << (KeyBits - 6)];
        foreach (var literal in All)
        {
            var key = Hash((uint)(literal.Utf8[0] | (literal.Utf8[1] << 8) | (literal.Utf8[2] << 16))) >> (32 - KeyBits);
            keys[key >> 6] |= 1UL << (int)(key & 63);
        }
        return keys;
    }

    private static SecretLiteral[]?[] Slots()
    {
        var slots = new SecretLiteral[]?[1 << SlotBits];
        foreach (var slot in All.GroupBy(literal => Slot(literal.Utf8))) slots[slot.Key] = [.. slot.OrderByDescending(literal => literal.Utf8.Length)];
        return slots;
    }

    /// <summary>For each half of a byte, one bit for each group with a literal that has it at this place.</summary>
    private static Vector256<byte> Table(int place, bool isHigh)
    {
        Span<byte> table = stackalloc byte[32];
        var groups = Sharing.Split('\n', StringSplitOptions.TrimEntries);
        foreach (var key in s_keys)
        {
            var group = Math.Max(0, Array.FindIndex(groups, keys => keys.Split(' ').Contains(key, StringComparer.Ordinal)));
            var isWord = Array.Exists(All, literal => literal.Kind == SecretLiteralKind.Word && Encoding.ASCII.GetString(literal.Utf8, 0, KeyLength) == key);
            foreach (var letter in isWord ? [char.ToUpperInvariant(key[place]), char.ToLowerInvariant(key[place])] : new[] { key[place] })
            {
                table[isHigh ? letter >> 4 : letter & 0x0f] |= (byte)(1 << group);
            }
        }
        // Shuffles look up within each half of a vector.
        table[..16].CopyTo(table[16..]);
        return Vector256.Create<byte>(table);
    }
}
