using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Postern.Core.Json;

/// <summary>
/// Whether bytes known to be UTF-8 follow the grammar of RFC 8259, and nothing else: where nothing in a document is going to be
/// changed, this is all that has to be known of it. Names may repeat and surrogates stand alone; <see cref="StrictJson"/> refuses those.
/// </summary>
[StructLayout(LayoutKind.Auto)]
internal readonly ref struct JsonGrammar(ReadOnlySpan<byte> utf8)
{
    private readonly ref byte _utf8 = ref MemoryMarshal.GetReference(utf8);
    private readonly int _length = utf8.Length;

    /// <summary>True when the bytes are one document, nested at most 64 levels deep.</summary>
    public bool IsDocument()
    {
        // One bit for each level: set for an object.
        ulong levels = 0;
        var depth = 0;
        var at = Space(0);
        while (true)
        {
            if (at >= _length) return false;
            var first = At(at);
            if (first == '"')
            {
                at = Text(at + 1);
            }
            else if (first is (byte)'{' or (byte)'[')
            {
                if (depth == StrictJson.DefaultMaxDepth) return false;
                var isObject = first == '{';
                at = Space(at + 1);
                if (at >= _length) return false;
                if (At(at) != first + 2)
                {
                    depth++;
                    levels = (levels << 1) | (isObject ? 1UL : 0);
                    if (isObject && (at = Name(at)) < 0) return false;
                    continue;
                }
                at++;
            }
            else
            {
                at = first switch
                {
                    (byte)'t' => Literal(at, "true"u8),
                    (byte)'f' => Literal(at, "false"u8),
                    (byte)'n' => Literal(at, "null"u8),
                    _ => Number(at),
                };
            }
            if (at < 0) return false;
            // After a value: closing brackets, then a comma or the end.
            while (true)
            {
                at = Space(at);
                if (depth == 0) return at == _length;
                if (at >= _length) return false;
                var next = At(at++);
                var isObject = (levels & 1) != 0;
                if (next == ',')
                {
                    at = Space(at);
                    if (isObject && (at = Name(at)) < 0) return false;
                    break;
                }
                if (next != (isObject ? '}' : ']')) return false;
                levels >>= 1;
                depth--;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private byte At(int at) => Unsafe.Add(ref _utf8, at);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Space(int at)
    {
        while (at < _length && At(at) <= ' ' && At(at) is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t') at++;
        return at;
    }

    /// <summary>From a name's opening quote to where its value begins; -1 when it is none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Name(int at)
    {
        if (at >= _length || At(at) != '"') return -1;
        at = Text(at + 1);
        if (at < 0) return -1;
        at = Space(at);
        return at < _length && At(at) == ':' ? Space(at + 1) : -1;
    }

    /// <summary>From behind the opening quote to behind the closing one; -1 when there is none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Text(int at)
    {
        while (at + Vector256<byte>.Count <= _length)
        {
            var bytes = Vector256.LoadUnsafe(ref _utf8, (nuint)at);
            var special = Vector256.Equals(bytes, Vector256.Create((byte)'"')) | Vector256.Equals(bytes, Vector256.Create((byte)'\\')) | Vector256.LessThan(bytes, Vector256.Create((byte)' '));
            var bits = special.ExtractMostSignificantBits();
            if (bits == 0)
            {
                at += Vector256<byte>.Count;
                continue;
            }
            at += BitOperations.TrailingZeroCount(bits);
            if (At(at) == '"') return at + 1;
            at = Escape(at);
            if (at < 0) return -1;
        }
        return ShortText(at);
    }

    private int ShortText(int at)
    {
        while (at < _length)
        {
            var current = At(at);
            if (current == '"') return at + 1;
            if (current is (byte)'\\' or < (byte)' ')
            {
                at = Escape(at);
                if (at < 0) return -1;
            }
            else
            {
                at++;
            }
        }
        return -1;
    }

    /// <summary>From a backslash to behind the escape; -1 for any other byte, and for what is no escape.</summary>
    private int Escape(int at)
    {
        if (At(at) != '\\' || at + 1 >= _length) return -1;
        var kind = At(at + 1);
        if (kind is (byte)'"' or (byte)'\\' or (byte)'/' or (byte)'b' or (byte)'f' or (byte)'n' or (byte)'r' or (byte)'t') return at + 2;
        if (kind != 'u' || at + 6 > _length) return -1;
        for (var i = at + 2; i < at + 6; i++)
        {
            if (!char.IsAsciiHexDigit((char)At(i))) return -1;
        }
        return at + 6;
    }

    private int Literal(int at, ReadOnlySpan<byte> text) =>
        _length - at >= text.Length && MemoryMarshal.CreateReadOnlySpan(ref Unsafe.Add(ref _utf8, at), text.Length).SequenceEqual(text) ? at + text.Length : -1;

    private int Number(int at)
    {
        if (At(at) == '-') at++;
        if (at < _length && At(at) == '0') at++;
        else if ((at = Digits(at)) < 0) return -1;
        if (at < _length && At(at) == '.' && (at = Digits(at + 1)) < 0) return -1;
        if (at < _length && (At(at) | 0x20) == 'e')
        {
            at++;
            if (at < _length && At(at) is (byte)'+' or (byte)'-') at++;
            if ((at = Digits(at)) < 0) return -1;
        }
        return at;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Digits(int at)
    {
        var start = at;
        while (at < _length && (uint)(At(at) - '0') < 10) at++;
        return at > start ? at : -1;
    }
}
