using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Text.Json;

namespace Postern.Core.Json;

/// <summary>
/// The tokens of bytes known to be UTF-8, one after another, by the grammar of RFC 8259 and nothing else: names may repeat and
/// surrogates stand alone; <see cref="StrictJson"/> refuses those. Nested at most 64 levels deep. Several times as quick as the
/// platform's reader, which reads from pieces and keeps more to say where it failed.
/// </summary>
/// <param name="utf8">The bytes.</param>
/// <param name="areMany">True when any number of documents may stand one after another, none included.</param>
[StructLayout(LayoutKind.Auto)]
public ref struct JsonTokens(ReadOnlySpan<byte> utf8, bool areMany = false)
{
    private readonly ref byte _utf8 = ref MemoryMarshal.GetReference(utf8);
    private readonly int _length = utf8.Length;
    private readonly bool _areMany = areMany;

    // One bit for each level around the reader, the innermost lowest: set for an object.
    private ulong _levels;
    private int _inside;
    private int _at;
    private bool _isBehindValue;
    private bool _isOpened;

    /// <summary>What was read; a boolean or null is told by itself.</summary>
    public JsonTokenType Kind { get; private set; }

    /// <summary>Arrays and objects around the token; its own brackets do not count.</summary>
    public int Depth { get; private set; }

    /// <summary>Offset of the token's first byte; of a text, its opening quote.</summary>
    public int Start { get; private set; }

    /// <summary>Offset behind the token's last byte; of a text, its closing quote.</summary>
    public readonly int End => _end;

    /// <summary>The token as it stands; of a text, what is between its quotes.</summary>
    public readonly ReadOnlySpan<byte> Value => Kind is JsonTokenType.String or JsonTokenType.PropertyName
        ? MemoryMarshal.CreateReadOnlySpan(ref Unsafe.Add(ref _utf8, Start + 1), _end - Start - 2)
        : MemoryMarshal.CreateReadOnlySpan(ref Unsafe.Add(ref _utf8, Start), _end - Start);

    /// <summary>True for a text in which a backslash stands.</summary>
    public bool IsEscaped { get; private set; }

    private int _end;

    /// <summary>The next token. False at the end.</summary>
    /// <exception cref="JsonException">What comes next is not JSON.</exception>
    public bool Read()
    {
        var at = Space(_at);
        if (_isBehindValue)
        {
            if (_inside == 0)
            {
                if (at == _length) return false;
                if (!_areMany) throw NotJson();
                return Item(at);
            }
            if (at == _length) throw NotJson();
            var isObject = (_levels & 1) != 0;
            var next = At(at);
            if (next == ',') return isObject ? Name(Space(at + 1)) : Item(Space(at + 1));
            return next == (isObject ? '}' : ']') ? Close(at, isObject) : throw NotJson();
        }
        if (_isOpened)
        {
            _isOpened = false;
            if (at == _length) throw NotJson();
            var isObject = (_levels & 1) != 0;
            if (At(at) == (isObject ? '}' : ']')) return Close(at, isObject);
            return isObject ? Name(at) : Item(at);
        }
        // Behind a name, or at the very beginning.
        return at < _length ? Item(at) : _areMany && _inside == 0 ? false : throw NotJson();
    }

    /// <summary>True for a text that is this one, whatever it is spelled like. Of texts known to be JSON (<see cref="StrictJson"/>).</summary>
    public readonly bool Is(ReadOnlySpan<byte> text)
    {
        if (!IsEscaped) return Value.SequenceEqual(text);
        var value = Value;
        return value.Length <= JsonText.MaxExpansion * text.Length && Unescaped(new byte[value.Length]).SequenceEqual(text);
    }

    /// <summary>The text without its escapes. Of texts known to be JSON (<see cref="StrictJson"/>).</summary>
    /// <param name="scratch">As many bytes as <see cref="Value"/> has.</param>
    public readonly ReadOnlySpan<byte> Unescaped(Span<byte> scratch) => IsEscaped ? scratch[..JsonText.Unescape(Value, scratch)] : Value;

    /// <summary>
    /// In a document known to be JSON: goes to the end of the array or object that was just opened, without a look at what is in it; behind a name, to the end of its value.
    /// </summary>
    public void Skip()
    {
        if (Kind == JsonTokenType.PropertyName) Read();
        if (Kind is not (JsonTokenType.StartObject or JsonTokenType.StartArray)) return;
        var end = JsonBrackets.EndOf(MemoryMarshal.CreateReadOnlySpan(ref _utf8, _length), _at);
        if (end < 0) throw NotJson();
        _isOpened = false;
        Close(end - 1, isObject: Kind == JsonTokenType.StartObject);
    }

    /// <summary>Where reading goes on.</summary>
    public readonly int Place => _at;

    /// <summary>Arrays and objects around the place where reading goes on, when a member or item may begin or its container end there; 0 elsewhere.</summary>
    public readonly int Container => _isBehindValue || _isOpened ? _inside : 0;

    /// <summary>
    /// Where <see cref="Container"/> is above 0, in a document known to be JSON: leaves out members and items that end before this offset,
    /// as many as there are, without a look at what they are. What is read next is the one around the offset, or the container's end.
    /// </summary>
    public void GoTowards(int offset)
    {
        var place = JsonBrackets.LastBetween(MemoryMarshal.CreateReadOnlySpan(ref _utf8, _length), _at, Math.Min(offset, _length));
        if (place >= 0) (_at, _isOpened, _isBehindValue) = (place, false, true);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly byte At(int at) => Unsafe.Add(ref _utf8, at);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly int Space(int at) => JsonText.SkipSpace(ref _utf8, at, _length);

    private bool Item(int at)
    {
        if (at == _length) throw NotJson();
        var first = At(at);
        Start = at;
        Depth = _inside;
        _isBehindValue = true;
        switch (first)
        {
            case (byte)'"':
                Kind = JsonTokenType.String;
                return Ends(Text(at + 1));
            case (byte)'{' or (byte)'[':
                if (_inside == StrictJson.DefaultMaxDepth) throw NotJson();
                Kind = first == '{' ? JsonTokenType.StartObject : JsonTokenType.StartArray;
                _levels = (_levels << 1) | (first == '{' ? 1UL : 0);
                _inside++;
                (_isBehindValue, _isOpened) = (false, true);
                return Ends(at + 1);
            case (byte)'t':
                Kind = JsonTokenType.True;
                return Ends(Literal(at, "true"u8));
            case (byte)'f':
                Kind = JsonTokenType.False;
                return Ends(Literal(at, "false"u8));
            case (byte)'n':
                Kind = JsonTokenType.Null;
                return Ends(Literal(at, "null"u8));
            default:
                Kind = JsonTokenType.Number;
                return Ends(Number(at));
        }
    }

    private bool Name(int at)
    {
        if (at == _length || At(at) != '"') throw NotJson();
        Kind = JsonTokenType.PropertyName;
        Start = at;
        Depth = _inside;
        at = _end = Text(at + 1);
        if (at < _length && At(at) != ':') at = Space(at);
        if (at == _length || At(at) != ':') throw NotJson();
        _at = at + 1;
        _isBehindValue = false;
        return true;
    }

    private bool Close(int at, bool isObject)
    {
        Kind = isObject ? JsonTokenType.EndObject : JsonTokenType.EndArray;
        Start = at;
        Depth = --_inside;
        _levels >>= 1;
        _isBehindValue = true;
        return Ends(at + 1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool Ends(int at)
    {
        _at = _end = at;
        return true;
    }

    /// <summary>From behind the opening quote to behind the closing one.</summary>
    private int Text(int at)
    {
        IsEscaped = false;
        while (at + Vector256<byte>.Count <= _length)
        {
            var special = JsonText.SpecialIn(ref _utf8, at);
            if (special == 0)
            {
                at += Vector256<byte>.Count;
                continue;
            }
            at += BitOperations.TrailingZeroCount(special);
            if (At(at) == '"') return at + 1;
            at = Escape(at);
        }
        while (at < _length)
        {
            var current = At(at);
            if (current == '"') return at + 1;
            at = current is (byte)'\\' or < (byte)' ' ? Escape(at) : at + 1;
        }
        throw NotJson();
    }

    /// <summary>From a backslash to behind the escape.</summary>
    private int Escape(int at)
    {
        IsEscaped = true;
        if (At(at) != '\\' || at + 1 >= _length) throw NotJson();
        var kind = At(at + 1);
        if (kind is (byte)'"' or (byte)'\\' or (byte)'/' or (byte)'b' or (byte)'f' or (byte)'n' or (byte)'r' or (byte)'t') return at + 2;
        if (kind != 'u' || at + 6 > _length) throw NotJson();
        for (var i = at + 2; i < at + 6; i++)
        {
            if (!char.IsAsciiHexDigit((char)At(i))) throw NotJson();
        }
        return at + 6;
    }

    private readonly int Literal(int at, ReadOnlySpan<byte> text) =>
        _length - at >= text.Length && MemoryMarshal.CreateReadOnlySpan(ref Unsafe.Add(ref _utf8, at), text.Length).SequenceEqual(text) ? at + text.Length : throw NotJson();

    private readonly int Number(int at)
    {
        if (At(at) == '-') at++;
        if (at < _length && At(at) == '0') at++;
        else at = Digits(at);
        if (at < _length && At(at) == '.') at = Digits(at + 1);
        if (at < _length && (At(at) | 0x20) == 'e')
        {
            at++;
            if (at < _length && At(at) is (byte)'+' or (byte)'-') at++;
            at = Digits(at);
        }
        // Of documents in a row, one that is a number ends with white space: `01` is not two of them.
        return _inside > 0 || at == _length || Space(at) > at ? at : throw NotJson();
    }

    private readonly int Digits(int at)
    {
        var start = at;
        while (at < _length && (uint)(At(at) - '0') < 10) at++;
        return at > start ? at : throw NotJson();
    }

    // Says nothing of the content, which may be secret.
    private static JsonException NotJson() => new("not a JSON document");
}
