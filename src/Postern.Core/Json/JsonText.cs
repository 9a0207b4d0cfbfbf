using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Text;

namespace Postern.Core.Json;

/// <summary>Text between quotes: unescaping, and the one escaped spelling that we write (RFC 8785 section 3.2.2.2).</summary>
internal static class JsonText
{
    // What must be written as an escape; everything else stands for itself.
    private static readonly SearchValues<byte> s_escaped = SearchValues.Create(
        [.. "\"\\"u8, .. Enumerable.Range(0, 0x20).Select(control => (byte)control)]);

    /// <summary>The most bytes that one byte of text can become when escaped.</summary>
    public const int MaxExpansion = 6;

    public static int HexValue(byte digit) => digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10;

    /// <summary>A bit for each of the 32 bytes from an offset on that ends a run of plain characters in a string: the quote, the escape, and controls, which must be escaped.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint SpecialIn(ref byte utf8, int at)
    {
        var bytes = Vector256.LoadUnsafe(ref utf8, (nuint)at);
        var special = Vector256.Equals(bytes, Vector256.Create((byte)'"')) | Vector256.Equals(bytes, Vector256.Create((byte)'\\')) | Vector256.LessThan(bytes, Vector256.Create((byte)' '));
        return special.ExtractMostSignificantBits();
    }

    /// <summary>The offset of the first byte from an offset on that is not white space (RFC 8259 section 2); the length when there is none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int SkipSpace(ref byte utf8, int at, int length)
    {
        while (at < length && Unsafe.Add(ref utf8, at) is <= (byte)' ' and ((byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t')) at++;
        return at;
    }

    /// <summary>The length of the text up to the closing quote, in a string that is valid JSON.</summary>
    public static int IndexOfQuote(ReadOnlySpan<byte> text, out bool isEscaped)
    {
        isEscaped = false;
        var at = 0;
        while (true)
        {
            at += text[at..].IndexOfAny((byte)'"', (byte)'\\');
            if (text[at] == (byte)'"') return at;
            isEscaped = true;
            at += 2;
        }
    }

    /// <summary>
    /// Unescapes what stands between the quotes of a string that is valid JSON. Text never grows, so that a destination
    /// of the same length suffices. Returns the length, or -1 when an escape names half of a surrogate pair.
    /// </summary>
    public static int Unescape(ReadOnlySpan<byte> escaped, Span<byte> destination)
    {
        var written = 0;
        while (true)
        {
            var plain = escaped.IndexOf((byte)'\\');
            if (plain < 0)
            {
                escaped.CopyTo(destination[written..]);
                return written + escaped.Length;
            }
            escaped[..plain].CopyTo(destination[written..]);
            written += plain;
            var kind = escaped[plain + 1];
            if (kind != (byte)'u')
            {
                destination[written++] = kind switch
                {
                    (byte)'b' => (byte)'\b',
                    (byte)'f' => (byte)'\f',
                    (byte)'n' => (byte)'\n',
                    (byte)'r' => (byte)'\r',
                    (byte)'t' => (byte)'\t',
                    _ => kind,
                };
                escaped = escaped[(plain + 2)..];
                continue;
            }
            var unit = Unit(escaped[(plain + 2)..]);
            escaped = escaped[(plain + 6)..];
            if (!Rune.TryCreate(unit, out var rune))
            {
                if (!escaped.StartsWith("\\u"u8) || !Rune.TryCreate(unit, Unit(escaped[2..]), out rune)) return -1;
                escaped = escaped[6..];
            }
            written += rune.EncodeToUtf8(destination[written..]);
        }
    }

    /// <summary>Writes text as it stands between quotes, with the fewest escapes. Returns the length written.</summary>
    public static int Escape(ReadOnlySpan<byte> text, Span<byte> destination)
    {
        var written = 0;
        while (true)
        {
            var plain = text.IndexOfAny(s_escaped);
            if (plain < 0)
            {
                text.CopyTo(destination[written..]);
                return written + text.Length;
            }
            text[..plain].CopyTo(destination[written..]);
            written += plain;
            var special = text[plain];
            destination[written++] = (byte)'\\';
            var letter = special switch
            {
                (byte)'"' => (byte)'"',
                (byte)'\\' => (byte)'\\',
                (byte)'\b' => (byte)'b',
                (byte)'\f' => (byte)'f',
                (byte)'\n' => (byte)'n',
                (byte)'\r' => (byte)'r',
                (byte)'\t' => (byte)'t',
                _ => (byte)'u',
            };
            destination[written++] = letter;
            if (letter == (byte)'u')
            {
                "00"u8.CopyTo(destination[written..]);
                destination[written + 2] = (byte)"0123456789abcdef"[special >> 4];
                destination[written + 3] = (byte)"0123456789abcdef"[special & 15];
                written += 4;
            }
            text = text[(plain + 1)..];
        }
    }

    private static char Unit(ReadOnlySpan<byte> digits) =>
        (char)((HexValue(digits[0]) << 12) | (HexValue(digits[1]) << 8) | (HexValue(digits[2]) << 4) | HexValue(digits[3]));
}
