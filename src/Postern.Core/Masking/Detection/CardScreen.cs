using System.Buffers;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Postern.Core.Masking.Detection;

/// <summary>Quick answers to where card numbers cannot be. They may say yes too often, never no.</summary>
internal static class CardScreen
{
    /// <summary>Fewest digits of a card.</summary>
    public const int Least = 13;


    // Eleven bytes of separators are the most between two groups; in a document inside a string each may be written with four.
    private const int MaxGap = 64;

    // All that separators are written with: themselves, `\t` and `\/`, and what they begin and go on with outside ASCII.
    private static readonly SearchValues<byte> s_gap = SearchValues.Create(
        [.. " -._/\t\\t"u8, .. Enumerable.Range(0x80, 0x80).Select(value => (byte)value)]);

    /// <summary>True for a byte that may stand between the digits of a card.</summary>
    public static bool IsGap(byte value) => s_gap.Contains(value);

    /// <summary>
    /// False when the run of digits that begins here begins no card in a text, nor a number in a document within it. Only for
    /// bytes whose <c>\u</c> escapes are looked at apart: they hide digits.
    /// </summary>
    public static bool IsPossibleAt(ReadOnlySpan<byte> bytes, int at)
    {
        // Times in milliseconds and long fractions are common, and stand alone: one run is judged at once.
        var end = CardDetector.EndOfDigits(bytes, at);
        if (end == bytes.Length || !s_gap.Contains(bytes[end])) return CardDetector.IsCardNumber(bytes[at..end]);
        var (digits, gap) = (0, 0);
        for (; at < bytes.Length && gap <= MaxGap; at++)
        {
            if (char.IsAsciiDigit((char)bytes[at]))
            {
                if (++digits == Least) return true;
                gap = 0;
            }
            else if (s_gap.Contains(bytes[at]))
            {
                gap++;
            }
            else
            {
                break;
            }
        }
        return false;
    }

    /// <summary>
    /// Where the next run of at least four digits begins, without which no card is; -1 for none. <paramref name="from"/> is not
    /// within a run.
    /// </summary>
    public static int NextRun(ReadOnlySpan<byte> text, int from)
    {
        const int span = 16 + 3;
        if (text.Length - from < span) return NextRunOfFew(text, from);
        ref var start = ref MemoryMarshal.GetReference(text);
        var last = text.Length - span;
        for (var at = from; ; at += 16)
        {
            if (at > last) at = last;
            var run = Digits(ref start, at) & Digits(ref start, at + 1) & Digits(ref start, at + 2) & Digits(ref start, at + 3);
            if (run != Vector128<byte>.Zero) return at + BitOperations.TrailingZeroCount(run.ExtractMostSignificantBits());
            if (at == last) return -1;
        }
    }

    private static int NextRunOfFew(ReadOnlySpan<byte> text, int from)
    {
        var run = 0;
        for (var at = from; at < text.Length; at++)
        {
            run = char.IsAsciiDigit((char)text[at]) ? run + 1 : 0;
            if (run == 4) return at - 3;
        }
        return -1;
    }

    /// <summary>True when the letter here is the exponent of a number long enough for a card: its digits need not be written out.</summary>
    public static bool IsLongExponent(ReadOnlySpan<byte> bytes, int letter)
    {
        if ((bytes[letter] | 0x20) != 'e' || !char.IsAsciiDigit((char)bytes[letter - 1]) || letter + 1 == bytes.Length) return false;
        if (bytes[letter + 1] is not ((byte)'+' or (byte)'-' or (>= (byte)'0' and <= (byte)'9'))) return false;
        // More than the least is not read, so that many letters near each other stay linear.
        var (from, to) = (letter, letter + 1);
        while (from > 0 && letter - from < Least && IsOfNumber(bytes[from - 1])) from--;
        while (to < bytes.Length && to - letter < Least && IsOfNumber(bytes[to])) to++;
        return to - from >= Least;
    }

    private static bool IsOfNumber(byte value) => value is (>= (byte)'0' and <= (byte)'9') or (byte)'.' or (byte)'+' or (byte)'-';

    private static Vector128<byte> Digits(ref byte start, int at) =>
        Vector128.LessThan(Vector128.LoadUnsafe(ref start, (nuint)at) - Vector128.Create((byte)'0'), Vector128.Create((byte)10));
}
