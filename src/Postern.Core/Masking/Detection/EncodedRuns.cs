using System.Buffers;
using Postern.Core.Json;

namespace Postern.Core.Masking.Detection;

/// <summary>Runs of base 64 and of hexadecimal digits in a text, and what they decode to.</summary>
internal static class EncodedRuns
{
    // Shorter runs are words; what hides in them is shorter than any value.
    private const int MinRun = 12;

    private static readonly SearchValues<byte> s_base64 = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_\r\n"u8);
    private static readonly SearchValues<byte> s_hex = SearchValues.Create("0123456789abcdefABCDEF"u8);
    private static readonly sbyte[] s_sextets = Sextets();

    /// <summary>The next run from here on, or length 0.</summary>
    public static (int Start, int Length) Next(ReadOnlySpan<byte> text, int from, bool isHex)
    {
        var alphabet = isHex ? s_hex : s_base64;
        while (from < text.Length)
        {
            var start = text[from..].IndexOfAny(alphabet);
            if (start < 0) break;
            start += from;
            var length = text[start..].IndexOfAnyExcept(alphabet);
            if (length < 0) length = text.Length - start;
            if (length >= MinRun) return (start, length);
            from = start + length;
        }
        return default;
    }

    /// <summary>How many ways there are to read a run: what stands before it without a gap may shift it.</summary>
    public static int Shifts(bool isHex) => isHex ? 2 : 4;

    /// <summary>Decodes the run from this digit on; returns the length. Zeros are left out: UTF-16 then reads as ASCII.</summary>
    public static int Decode(ReadOnlySpan<byte> run, int shift, bool isHex, Span<byte> destination)
    {
        var (written, value, bits) = (0, 0, 0);
        foreach (var digit in run[Math.Min(shift, run.Length)..])
        {
            var sextet = isHex ? JsonText.HexValue(digit) : s_sextets[digit];
            if (sextet < 0) continue;
            value = (value << (isHex ? 4 : 6)) | sextet;
            bits += isHex ? 4 : 6;
            if (bits < 8) continue;
            bits -= 8;
            var decoded = (byte)(value >> bits);
            value &= (1 << bits) - 1;
            if (decoded != 0) destination[written++] = decoded;
        }
        return written;
    }

    private static sbyte[] Sextets()
    {
        var sextets = new sbyte[256];
        Array.Fill(sextets, (sbyte)-1);
        const string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        for (var i = 0; i < alphabet.Length; i++) sextets[alphabet[i]] = (sbyte)i;
        (sextets['-'], sextets['_']) = (62, 63);
        return sextets;
    }
}
