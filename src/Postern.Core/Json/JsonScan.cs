using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Postern.Core.Json;

/// <summary>
/// One pass over bytes known to be UTF-8, following the grammar of RFC 8259. It stops at the first byte that is wrong.
/// </summary>
internal ref struct JsonScan(ReadOnlySpan<byte> utf8, Span<int> levels, int maxDepth, int maxNames)
{
    private const int InArray = -1;

    // In place of an offset: `_fault` says what is wrong.
    private const int Failed = -1;

    private readonly ref byte _utf8 = ref MemoryMarshal.GetReference(utf8);
    private readonly int _length = utf8.Length;
    private readonly Span<int> _levels = levels;
    private readonly int _maxDepth = maxDepth;
    private readonly int _maxNames = maxNames;
    private JsonFault? _fault;

    // Large answers are read here from their first to their last byte, so the offset and the innermost level stay in registers.
    public JsonFault? Run(ref NameList names)
    {
        var at = Space(0);
        if (at == _length) return new JsonFault(JsonFaultKind.Empty, 0, "a document");
        var depth = 0;
        var level = InArray;
        while (true)
        {
            // A value, or what opens one: then the next value is its first (an empty container is a value).
            var first = at < _length ? At(at) : (byte)0;
            switch (first)
            {
                case (byte)'"':
                    at = Text(at + 1, out _);
                    break;
                case (byte)'{' or (byte)'[':
                    if (depth >= _maxDepth) return new JsonFault(JsonFaultKind.TooDeep, at, $"at most {_maxDepth} arrays and objects in each other");
                    at = Space(at + 1);
                    if (at < _length && At(at) == (first == '{' ? '}' : ']'))
                    {
                        at++;
                        break;
                    }
                    _levels[depth++] = level = first == '{' ? names.Count : InArray;
                    if (level != InArray && (at = Name(at, level, ref names)) < 0) return _fault;
                    continue;
                case (byte)'t': at = Literal(at, "true"u8, "`true`"); break;
                case (byte)'f': at = Literal(at, "false"u8, "`false`"); break;
                case (byte)'n': at = Literal(at, "null"u8, "`null`"); break;
                case (byte)'-' or (>= (byte)'0' and <= (byte)'9'): at = Number(at); break;
                default: at = Wrong(at, "a value"); break;
            }
            // Commas and closing brackets behind it, up to the next value, or to the document's end.
            while (true)
            {
                if (at < 0) return _fault;
                at = Space(at);
                if (depth == 0) return at == _length ? null : new JsonFault(JsonFaultKind.TrailingBytes, at, "the end");
                var next = at < _length ? At(at) : (byte)0;
                if (next == (byte)',')
                {
                    at = Space(at + 1);
                    if (level != InArray && (at = Name(at, level, ref names)) < 0) return _fault;
                    break;
                }
                if (level == InArray)
                {
                    if (next != (byte)']') return Fault(at, "`,` or `]`");
                }
                else
                {
                    if (next != (byte)'}') return Fault(at, "`,` or `}`");
                    if (!names.Close(level, out var twice)) return new JsonFault(JsonFaultKind.DuplicateName, twice, "each name once");
                }
                at++;
                level = --depth == 0 ? InArray : _levels[depth - 1];
            }
        }
    }

    /// <summary>From a name to the value behind it.</summary>
    private int Name(int at, int level, ref NameList names)
    {
        if (at == _length || At(at) != (byte)'"') return Wrong(at, "a name in double quotes");
        var start = at + 1;
        at = Text(start, out var isEscaped);
        if (at < 0) return Failed;
        if (names.Count - level >= _maxNames) return Fail(new JsonFault(JsonFaultKind.TooManyNames, start, $"at most {_maxNames} names"));
        switch (names.Add(level, start, at - 1 - start, isEscaped))
        {
            case NameVerdict.Twice: return Fail(new JsonFault(JsonFaultKind.DuplicateName, start, "each name once"));
            case NameVerdict.Nul: return Fail(new JsonFault(JsonFaultKind.NulInName, start, "a name without `\\u0000`"));
        }
        at = Space(at);
        if (at == _length || At(at) != (byte)':') return Wrong(at, "`:`");
        return Space(at + 1);
    }

    /// <summary>From behind the opening quote to behind the closing one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Text(int at, out bool isEscaped)
    {
        isEscaped = false;
        if (at + Vector256<byte>.Count <= _length && JsonText.SpecialIn(ref _utf8, at) is not 0 and var special)
        {
            var end = at + BitOperations.TrailingZeroCount(special);
            if (At(end) == (byte)'"') return end + 1;
        }
        return LongText(at, out isEscaped);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private int LongText(int at, out bool isEscaped)
    {
        isEscaped = false;
        while (true)
        {
            at = Special(at);
            if (at == _length) return Wrong(at, "`\"`");
            switch (At(at))
            {
                case (byte)'"':
                    return at + 1;
                case (byte)'\\':
                    isEscaped = true;
                    at = Escape(at);
                    if (at < 0) return Failed;
                    break;
                default:
                    return Wrong(at, "control characters in a string to be escaped");
            }
        }
    }

    /// <summary>What ends a run of plain characters in a string: the quote, the escape, and controls, which must be escaped; the end when there is none.</summary>
    private readonly int Special(int at)
    {
        for (; at + Vector256<byte>.Count <= _length; at += Vector256<byte>.Count)
        {
            if (JsonText.SpecialIn(ref _utf8, at) is not 0 and var special) return at + BitOperations.TrailingZeroCount(special);
        }
        while (at < _length && At(at) is not ((byte)'"' or (byte)'\\' or < (byte)' ')) at++;
        return at;
    }

    /// <summary>From a backslash to behind the escape, and behind the second of a pair.</summary>
    private int Escape(int at)
    {
        var start = at++;
        if (at == _length) return Wrong(at, "an escape");
        if (At(at) != (byte)'u') return "\"\\/bfnrt"u8.Contains(At(at)) ? at + 1 : Wrong(at, "one of `\"\\/bfnrtu` after `\\`");
        at = Hex(at, out var unit);
        if (at < 0 || !char.IsSurrogate((char)unit)) return at;
        const string pair = "a high surrogate followed at once by a low one";
        if (char.IsLowSurrogate((char)unit) || _length - at < 2 || At(at) != (byte)'\\' || At(at + 1) != (byte)'u') return Fail(new JsonFault(JsonFaultKind.LoneSurrogate, start, pair));
        at = Hex(at + 1, out var low);
        return at < 0 || char.IsLowSurrogate((char)low) ? at : Fail(new JsonFault(JsonFaultKind.LoneSurrogate, start, pair));
    }

    /// <summary>From a <c>u</c> to behind the four digits that follow it.</summary>
    private int Hex(int at, out int unit)
    {
        unit = 0;
        at++;
        for (var i = 0; i < 4; i++, at++)
        {
            if (at == _length || !char.IsAsciiHexDigit((char)At(at))) return Wrong(at, "four hexadecimal digits");
            unit = (unit << 4) | JsonText.HexValue(At(at));
        }
        return at;
    }

    private int Number(int at)
    {
        if (At(at) == (byte)'-') at++;
        if (at < _length && At(at) == (byte)'0') at++;
        else if ((at = Digits(at)) < 0) return Failed;
        if (at < _length && At(at) == (byte)'.' && (at = Digits(at + 1)) < 0) return Failed;
        if (at < _length && (At(at) | 0x20) == 'e')
        {
            at++;
            if (at < _length && At(at) is (byte)'+' or (byte)'-') at++;
            at = Digits(at);
        }
        return at;
    }

    private int Digits(int at)
    {
        var start = at;
        while (at < _length && char.IsAsciiDigit((char)At(at))) at++;
        return at > start ? at : Wrong(at, "a digit");
    }

    private int Literal(int at, ReadOnlySpan<byte> text, string expected) =>
        MemoryMarshal.CreateReadOnlySpan(ref Unsafe.Add(ref _utf8, at), _length - at).StartsWith(text) ? at + text.Length : Wrong(at, expected);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly byte At(int at) => Unsafe.Add(ref _utf8, at);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly int Space(int at) => JsonText.SkipSpace(ref _utf8, at, _length);

    private int Wrong(int at, string expected) => Fail(Fault(at, expected));

    private readonly JsonFault Fault(int at, string expected) => new(JsonFaultKind.NotJson, at, expected, at < _length ? At(at) : -1);

    private int Fail(JsonFault fault)
    {
        _fault = fault;
        return Failed;
    }
}
