using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Postern.Core.Json;

/// <summary>Where arrays and objects end, in bytes known to be JSON; 32 bytes at a time, without a look at what is in them.</summary>
internal static class JsonBrackets
{
    private const int Block = 32;

    /// <summary>The offset behind the bracket that closes what is open at <paramref name="at"/> (outside any text); -1 when it is not in these bytes.</summary>
    public static int EndOf(ReadOnlySpan<byte> utf8, int at)
    {
        ref var first = ref MemoryMarshal.GetReference(utf8);
        var open = 1;
        // All ones within a text; one when the byte before was a backslash that escapes the next.
        uint text = 0;
        uint escaped = 0;
        for (; at + Block <= utf8.Length; at += Block)
        {
            var bytes = Vector256.LoadUnsafe(ref first, (nuint)at);
            var quotes = Vector256.Equals(bytes, Vector256.Create((byte)'"')).ExtractMostSignificantBits();
            var backslashes = Vector256.Equals(bytes, Vector256.Create((byte)'\\')).ExtractMostSignificantBits();
            if ((backslashes | escaped) != 0) quotes &= ~Escaped(backslashes, ref escaped);
            var texts = WithinTexts(quotes) ^ text;
            text = (uint)((int)texts >> (Block - 1));
            // The two kinds of brackets differ in one bit, which capitals and small letters differ in too.
            var folded = bytes | Vector256.Create((byte)0x20);
            var closes = Vector256.Equals(folded, Vector256.Create((byte)'}')).ExtractMostSignificantBits() & ~texts;
            var opens = Vector256.Equals(folded, Vector256.Create((byte)'{')).ExtractMostSignificantBits() & ~texts;
            if (BitOperations.PopCount(closes) >= open)
            {
                var place = Closing(opens, closes, open);
                if (place >= 0) return at + place + 1;
            }
            open += BitOperations.PopCount(opens) - BitOperations.PopCount(closes);
        }
        return EndOfFew(utf8, at, open, text != 0, escaped != 0);
    }

    /// <summary>
    /// From <paramref name="at"/> (outside any text, in an array or object) and before <paramref name="before"/>: where the array or object is
    /// closed, or else the last comma of its own, not of what it holds; -1 when neither is there.
    /// </summary>
    public static int LastBetween(ReadOnlySpan<byte> utf8, int at, int before)
    {
        ref var first = ref MemoryMarshal.GetReference(utf8);
        var open = 0;
        var last = -1;
        uint text = 0;
        uint escaped = 0;
        // The last block is read whole where the document has that many bytes; what is not before the end does not count.
        for (; at < before && at + Block <= utf8.Length; at += Block)
        {
            var counts = before - at >= Block ? uint.MaxValue : (1U << (before - at)) - 1;
            var bytes = Vector256.LoadUnsafe(ref first, (nuint)at);
            var quotes = Vector256.Equals(bytes, Vector256.Create((byte)'"')).ExtractMostSignificantBits();
            var backslashes = Vector256.Equals(bytes, Vector256.Create((byte)'\\')).ExtractMostSignificantBits();
            if ((backslashes | escaped) != 0) quotes &= ~Escaped(backslashes, ref escaped);
            var texts = WithinTexts(quotes) ^ text;
            text = (uint)((int)texts >> (Block - 1));
            counts &= ~texts;
            var folded = bytes | Vector256.Create((byte)0x20);
            var closes = Vector256.Equals(folded, Vector256.Create((byte)'}')).ExtractMostSignificantBits() & counts;
            var opens = Vector256.Equals(folded, Vector256.Create((byte)'{')).ExtractMostSignificantBits() & counts;
            // Mostly the block is wholly within something that is held, or holds no bracket at all.
            if (open > BitOperations.PopCount(closes))
            {
                open += BitOperations.PopCount(opens) - BitOperations.PopCount(closes);
                continue;
            }
            var commas = Vector256.Equals(bytes, Vector256.Create((byte)',')).ExtractMostSignificantBits() & counts;
            if ((opens | closes) == 0)
            {
                if (open == 0 && commas != 0) last = at + (Block - 1) - BitOperations.LeadingZeroCount(commas);
                continue;
            }
            for (var all = opens | closes | commas; all != 0; all &= all - 1)
            {
                var bit = all & (0 - all);
                var place = at + BitOperations.TrailingZeroCount(bit);
                if ((opens & bit) != 0) open++;
                else if ((closes & bit) == 0) last = open == 0 ? place : last;
                else if (--open < 0) return place;
            }
        }
        return at >= before ? last : LastOfFew(utf8[..before], at, open, text != 0, escaped != 0, last);
    }

    private static int LastOfFew(ReadOnlySpan<byte> utf8, int at, int open, bool isText, bool isEscaped, int last)
    {
        for (; at < utf8.Length; at++)
        {
            var current = utf8[at];
            if (isEscaped) isEscaped = false;
            else if (current == '\\') isEscaped = true;
            else if (current == '"') isText = !isText;
            else if (isText) continue;
            else if (current is (byte)'{' or (byte)'[') open++;
            else if (current == ',') last = open == 0 ? at : last;
            else if (current is (byte)'}' or (byte)']' && --open < 0) return at;
        }
        return last;
    }

    /// <summary>The place of the bracket that closes the last of those open; -1 when it is not here.</summary>
    private static int Closing(uint opens, uint closes, int open)
    {
        for (var both = opens | closes; both != 0; both &= both - 1)
        {
            var bit = both & (0 - both);
            if ((opens & bit) != 0) open++;
            else if (--open == 0) return BitOperations.TrailingZeroCount(bit);
        }
        return -1;
    }

    /// <summary>The bytes that a backslash escapes.</summary>
    private static uint Escaped(uint backslashes, ref uint escaped)
    {
        var result = escaped;
        backslashes &= ~escaped;
        escaped = 0;
        while (backslashes != 0)
        {
            var place = BitOperations.TrailingZeroCount(backslashes);
            backslashes &= backslashes - 1;
            if (place == Block - 1)
            {
                escaped = 1;
                break;
            }
            result |= 2U << place;
            backslashes &= ~(2U << place);
        }
        return result;
    }

    /// <summary>Each bit becomes the parity of itself and all below: set from an opening quote up to its closing one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint WithinTexts(uint quotes)
    {
        quotes ^= quotes << 1;
        quotes ^= quotes << 2;
        quotes ^= quotes << 4;
        quotes ^= quotes << 8;
        return quotes ^ (quotes << 16);
    }

    private static int EndOfFew(ReadOnlySpan<byte> utf8, int at, int open, bool isText, bool isEscaped)
    {
        for (; at < utf8.Length; at++)
        {
            var current = utf8[at];
            if (isEscaped) isEscaped = false;
            else if (current == '\\') isEscaped = true;
            else if (current == '"') isText = !isText;
            else if (isText) continue;
            else if (current is (byte)'{' or (byte)'[') open++;
            else if (current is (byte)'}' or (byte)']' && --open == 0) return at + 1;
        }
        return -1;
    }
}
