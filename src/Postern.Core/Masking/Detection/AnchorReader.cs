using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Postern.Core.Masking.Detection;

/// <summary>
/// One pass over a text for every detector at once: the places where something may begin, in order. Each class of bytes becomes
/// one bit per place, 32 places at a time; what detectors begin with is then a few shifts of whole words. It may name places
/// where nothing is, and leaves out none.
/// </summary>
[StructLayout(LayoutKind.Auto)]
internal ref struct AnchorReader
{
    private const int Block = 32;

    // A place needs the block it is in, the next, and for literals two bytes more.
    private const int Ahead = (2 * Block) + 2;

    private readonly ReadOnlySpan<byte> _text;
    private readonly Anchors _wanted;

    // The end of the text with zeros behind it, so that short texts and ends of long ones need no loop of their own.
    private Tail _tail;
    private int _tailStart = -1;
    private int _block = -Block;
    private uint _lastDigit;
    private Classes _next;
    private uint _any;
    private uint _digits;
    private uint _iban;
    private uint _plus;
    private uint _phone;
    private uint _ssn;
    private uint _dots;
    private uint _colons;
    private uint _at;
    private uint _literal;
    private uint _escape;
    private uint _exponent;

    public AnchorReader(ReadOnlySpan<byte> text, Anchors wanted)
    {
        _text = text;
        _wanted = wanted;
        if (!text.IsEmpty) _next = Classify(Vector256.LoadUnsafe(ref At(0)));
    }

    [InlineArray(4 * Block + Ahead)]
    private struct Tail
    {
        private byte _first;
    }

    [StructLayout(LayoutKind.Auto)]
    private struct Classes
    {
        public uint Digit;
        public uint Dot;
        public uint Dash;
        public uint Colon;
        public uint Letter;
        public uint Plus;
        public uint At;
        public uint Escape;
        public uint E;
    }

    /// <summary>The next place and what may begin there; false at the end.</summary>
    public bool Next(out int place, out Anchors anchors)
    {
        while (_any == 0)
        {
            _block += Block;
            if (_block >= _text.Length)
            {
                (place, anchors) = (-1, Anchors.None);
                return false;
            }
            Look();
        }
        var bit = BitOperations.TrailingZeroCount(_any);
        _any &= _any - 1;
        place = _block + bit;
        anchors = (Anchors)(((_digits >> bit) & 1) | (((_iban >> bit) & 1) << 1) | (((_plus >> bit) & 1) << 2) | (((_phone >> bit) & 1) << 3) | (((_ssn >> bit) & 1) << 4)
            | (((_dots >> bit) & 1) << 5) | (((_colons >> bit) & 1) << 6) | (((_at >> bit) & 1) << 7) | (((_literal >> bit) & 1) << 8) | (((_escape >> bit) & 1) << 9) | (((_exponent >> bit) & 1) << 10));
        return true;
    }

    private void Look()
    {
        ref var here = ref At(_block);
        var current = _next;
        _next = Classify(Vector256.LoadUnsafe(ref here, Block));
        _literal = (_wanted & Anchors.Literal) != 0 ? SecretLiterals.Fits(ref here) : 0;
        _at = (_wanted & Anchors.At) != 0 ? current.At : 0;
        _escape = (_wanted & Anchors.Escape) != 0 && current.Escape != 0
            ? current.Escape & Vector256.Equals(Vector256.LoadUnsafe(ref here, 1), Vector256.Create((byte)'u')).ExtractMostSignificantBits()
            : 0;
        _any = _literal | _at | _escape;
        Numbers(current);
        if ((_wanted & Anchors.Colons) != 0) Colons(current);
        _lastDigit = current.Digit >> 31;
    }

    private void Numbers(in Classes current)
    {
        if ((current.Digit | _next.Digit) == 0)
        {
            _digits = _iban = _plus = _phone = _ssn = _dots = _exponent = 0;
            return;
        }
        var digit = Both(current.Digit, _next.Digit);
        var start = digit & ~((digit << 1) | _lastDigit);
        var two = start & (digit >> 1);
        var three = two & (digit >> 2);
        _digits = (_wanted & Anchors.Digits) != 0 ? (uint)(three & (digit >> 3)) : 0;
        _plus = (_wanted & Anchors.Plus) != 0 ? (uint)(current.Plus & (digit >> 1)) : 0;
        _exponent = (_wanted & Anchors.Exponent) != 0 ? (uint)(digit & (Both(current.E, _next.E) >> 1)) : 0;
        _iban = _phone = _ssn = _dots = 0;
        if ((_wanted & Anchors.Iban) != 0)
        {
            var letter = Both(current.Letter, _next.Letter);
            _iban = (uint)(letter & (letter >> 1) & (digit >> 2) & (digit >> 3));
        }
        if ((_wanted & (Anchors.Ssn | Anchors.Phone | Anchors.Dots)) != 0)
        {
            var dash = Both(current.Dash, _next.Dash);
            var dot = Both(current.Dot, _next.Dot);
            if ((_wanted & Anchors.Ssn) != 0)
                _ssn = (uint)(three & (dash >> 3) & (digit >> 4) & (digit >> 5) & (dash >> 6) & (digit >> 7) & (digit >> 8) & (digit >> 9) & (digit >> 10));
            if ((_wanted & Anchors.Phone) != 0)
            {
                var gap = dash | dot;
                _phone = (uint)(three & (gap >> 3) & (digit >> 4) & (digit >> 5) & (digit >> 6) & (gap >> 7) & (digit >> 8) & (digit >> 9) & (digit >> 10) & (digit >> 11));
            }
            if ((_wanted & Anchors.Dots) != 0)
            {
                var first = dot & (digit >> 1) & ((dot >> 2) | (dot >> 3) | (dot >> 4));
                _dots = (uint)((start & (first >> 1)) | (two & (first >> 2)) | (three & (first >> 3)));
            }
        }
        _any |= _exponent | _digits | _iban | _plus | _phone | _ssn | _dots;
    }

    private void Colons(in Classes current)
    {
        _colons = 0;
        if ((current.Colon | _next.Colon) == 0) return;
        var colon = Both(current.Colon, _next.Colon);
        // Times of the day have two; only what has three in a row, or two side by side, is looked at.
        var pair = colon & ((colon >> 1) | (colon >> 2) | (colon >> 3) | (colon >> 4) | (colon >> 5));
        _colons = (uint)((colon & (colon >> 1)) | (pair & ((pair >> 1) | (pair >> 2) | (pair >> 3) | (pair >> 4) | (pair >> 5))));
        _any |= _colons;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Both(uint current, uint next) => current | ((ulong)next << Block);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Classes Classify(Vector256<byte> bytes)
    {
        var lower = bytes | Vector256.Create((byte)0x20);
        return new Classes
        {
            Digit = Vector256.LessThan(bytes - Vector256.Create((byte)'0'), Vector256.Create((byte)10)).ExtractMostSignificantBits(),
            Dot = Vector256.Equals(bytes, Vector256.Create((byte)'.')).ExtractMostSignificantBits(),
            Dash = (Vector256.Equals(bytes, Vector256.Create((byte)'-')) | Vector256.Equals(bytes, Vector256.Create((byte)' '))).ExtractMostSignificantBits(),
            Colon = Vector256.Equals(bytes, Vector256.Create((byte)':')).ExtractMostSignificantBits(),
            Letter = Vector256.LessThan(lower - Vector256.Create((byte)'a'), Vector256.Create((byte)26)).ExtractMostSignificantBits(),
            Plus = (Vector256.Equals(bytes, Vector256.Create((byte)'+')) | Vector256.Equals(bytes, Vector256.Create((byte)'('))).ExtractMostSignificantBits(),
            E = Vector256.Equals(lower, Vector256.Create((byte)'e')).ExtractMostSignificantBits(),
            At = Vector256.Equals(bytes, Vector256.Create((byte)'@')).ExtractMostSignificantBits(),
            Escape = Vector256.Equals(bytes, Vector256.Create((byte)'\\')).ExtractMostSignificantBits(),
        };
    }

    /// <summary>The bytes from this place on, with enough behind them to look ahead.</summary>
    [UnscopedRef]
    private ref byte At(int place)
    {
        if (_tailStart < 0)
        {
            if (place + Ahead <= _text.Length) return ref Unsafe.Add(ref MemoryMarshal.GetReference(_text), place);
            _tailStart = place;
            _text[place..].CopyTo(_tail);
        }
        return ref Unsafe.Add(ref Unsafe.As<Tail, byte>(ref _tail), place - _tailStart);
    }
}
