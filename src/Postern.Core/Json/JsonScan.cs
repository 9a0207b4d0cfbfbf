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

    private readonly ReadOnlySpan<byte> _utf8 = utf8;
    private readonly Span<int> _levels = levels;
    private readonly int _maxDepth = maxDepth;
    private readonly int _maxNames = maxNames;
    private int _at;
    private int _depth;
    private JsonFault? _fault;

    public JsonFault? Run(ref NameList names)
    {
        SkipSpace();
        if (_at == _utf8.Length) return new JsonFault(JsonFaultKind.Empty, 0, "a document");
        while (true)
        {
            if (!Value(ref names, out var opened)) return _fault;
            if (opened) continue;
            if (!AfterValue(ref names, out var ended)) return _fault;
            if (ended) break;
        }
        return _at == _utf8.Length ? null : new JsonFault(JsonFaultKind.TrailingBytes, _at, "the end");
    }

    /// <summary>Reads a value, or opens one: then the next value is its first (an empty container is a value).</summary>
    private bool Value(ref NameList names, out bool opened)
    {
        opened = false;
        if (_at == _utf8.Length) return Wrong("a value");
        var first = _utf8[_at];
        switch (first)
        {
            case (byte)'"': return Text(out _);
            case (byte)'{': return Open(ref names, (byte)'}', names.Count, out opened);
            case (byte)'[': return Open(ref names, (byte)']', InArray, out opened);
            case (byte)'t': return Literal("true"u8, "`true`");
            case (byte)'f': return Literal("false"u8, "`false`");
            case (byte)'n': return Literal("null"u8, "`null`");
            case (byte)'-' or (>= (byte)'0' and <= (byte)'9'): return Number();
            default: return Wrong("a value");
        }
    }

    private bool Open(ref NameList names, byte close, int level, out bool opened)
    {
        opened = false;
        if (_depth >= _maxDepth) return Fail(new JsonFault(JsonFaultKind.TooDeep, _at, $"at most {_maxDepth} arrays and objects in each other"));
        _at++;
        SkipSpace();
        if (_at < _utf8.Length && _utf8[_at] == close)
        {
            _at++;
            return true;
        }
        _levels[_depth++] = level;
        opened = true;
        return level == InArray || Name(ref names);
    }

    /// <summary>Follows commas and closing brackets up to the next value, or to the document's end.</summary>
    private bool AfterValue(ref NameList names, out bool ended)
    {
        ended = false;
        while (true)
        {
            SkipSpace();
            if (_depth == 0)
            {
                ended = true;
                return true;
            }
            var level = _levels[_depth - 1];
            var next = _at < _utf8.Length ? _utf8[_at] : (byte)0;
            if (next == (byte)',')
            {
                _at++;
                SkipSpace();
                return level == InArray || Name(ref names);
            }
            if (level == InArray)
            {
                if (next != (byte)']') return Wrong("`,` or `]`");
            }
            else
            {
                if (next != (byte)'}') return Wrong("`,` or `}`");
                if (!names.Close(level, out var twice)) return Fail(new JsonFault(JsonFaultKind.DuplicateName, twice, "each name once"));
            }
            _at++;
            _depth--;
        }
    }

    private bool Name(ref NameList names)
    {
        if (_at == _utf8.Length || _utf8[_at] != (byte)'"') return Wrong("a name in double quotes");
        var start = _at + 1;
        if (!Text(out var isEscaped)) return false;
        var level = _levels[_depth - 1];
        if (names.Count - level >= _maxNames) return Fail(new JsonFault(JsonFaultKind.TooManyNames, start, $"at most {_maxNames} names"));
        switch (names.Add(level, start, _at - 1 - start, isEscaped))
        {
            case NameVerdict.Twice: return Fail(new JsonFault(JsonFaultKind.DuplicateName, start, "each name once"));
            case NameVerdict.Nul: return Fail(new JsonFault(JsonFaultKind.NulInName, start, "a name without `\\u0000`"));
        }
        SkipSpace();
        if (_at == _utf8.Length || _utf8[_at] != (byte)':') return Wrong("`:`");
        _at++;
        SkipSpace();
        return true;
    }

    private bool Text(out bool isEscaped)
    {
        isEscaped = false;
        _at++;
        while (true)
        {
            _at = Special(_at);
            if (_at == _utf8.Length) return Wrong("`\"`");
            switch (_utf8[_at])
            {
                case (byte)'"':
                    _at++;
                    return true;
                case (byte)'\\':
                    isEscaped = true;
                    if (!Escape()) return false;
                    break;
                default:
                    return Wrong("control characters in a string to be escaped");
            }
        }
    }

    /// <summary>What ends a run of plain characters in a string: the quote, the escape, and controls, which must be escaped; the end when there is none.</summary>
    private readonly int Special(int at)
    {
        ref var first = ref MemoryMarshal.GetReference(_utf8);
        while (at + Vector256<byte>.Count <= _utf8.Length)
        {
            var bytes = Vector256.LoadUnsafe(ref first, (nuint)at);
            var special = Vector256.Equals(bytes, Vector256.Create((byte)'"')) | Vector256.Equals(bytes, Vector256.Create((byte)'\\')) | Vector256.LessThan(bytes, Vector256.Create((byte)' '));
            var bits = special.ExtractMostSignificantBits();
            if (bits != 0) return at + BitOperations.TrailingZeroCount(bits);
            at += Vector256<byte>.Count;
        }
        while (at < _utf8.Length && Unsafe.Add(ref first, at) is not ((byte)'"' or (byte)'\\' or < (byte)' ')) at++;
        return at;
    }

    private bool Escape()
    {
        var start = _at++;
        if (_at == _utf8.Length) return Wrong("an escape");
        if (_utf8[_at] != (byte)'u')
        {
            if (!"\"\\/bfnrt"u8.Contains(_utf8[_at])) return Wrong("one of `\"\\/bfnrtu` after `\\`");
            _at++;
            return true;
        }
        if (!Hex(out var unit)) return false;
        if (!char.IsSurrogate((char)unit)) return true;
        const string pair = "a high surrogate followed at once by a low one";
        if (char.IsLowSurrogate((char)unit) || !_utf8[_at..].StartsWith("\\u"u8)) return Fail(new JsonFault(JsonFaultKind.LoneSurrogate, start, pair));
        _at++;
        if (!Hex(out var low)) return false;
        return char.IsLowSurrogate((char)low) || Fail(new JsonFault(JsonFaultKind.LoneSurrogate, start, pair));
    }

    /// <summary>Reads the four digits after the <c>u</c> that the scan stands on.</summary>
    private bool Hex(out int unit)
    {
        unit = 0;
        _at++;
        for (var i = 0; i < 4; i++, _at++)
        {
            if (_at == _utf8.Length || !char.IsAsciiHexDigit((char)_utf8[_at])) return Wrong("four hexadecimal digits");
            unit = (unit << 4) | JsonText.HexValue(_utf8[_at]);
        }
        return true;
    }

    private bool Number()
    {
        if (_utf8[_at] == (byte)'-') _at++;
        if (_at < _utf8.Length && _utf8[_at] == (byte)'0') _at++;
        else if (!Digits()) return false;
        if (_at < _utf8.Length && _utf8[_at] == (byte)'.')
        {
            _at++;
            if (!Digits()) return false;
        }
        if (_at < _utf8.Length && (_utf8[_at] | 0x20) == 'e')
        {
            _at++;
            if (_at < _utf8.Length && _utf8[_at] is (byte)'+' or (byte)'-') _at++;
            if (!Digits()) return false;
        }
        return true;
    }

    private bool Digits()
    {
        var start = _at;
        while (_at < _utf8.Length && char.IsAsciiDigit((char)_utf8[_at])) _at++;
        return _at > start || Wrong("a digit");
    }

    private bool Literal(ReadOnlySpan<byte> text, string expected)
    {
        if (!_utf8[_at..].StartsWith(text)) return Wrong(expected);
        _at += text.Length;
        return true;
    }

    private void SkipSpace()
    {
        while (_at < _utf8.Length && _utf8[_at] <= ' ' && _utf8[_at] is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t') _at++;
    }

    private bool Wrong(string expected) =>
        Fail(new JsonFault(JsonFaultKind.NotJson, _at, expected, _at < _utf8.Length ? _utf8[_at] : -1));

    private bool Fail(JsonFault fault)
    {
        _fault = fault;
        return false;
    }
}
