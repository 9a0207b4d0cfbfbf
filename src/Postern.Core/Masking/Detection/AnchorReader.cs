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
    private const int Ahead = (2 * Block) + 4;

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
        if (_any == 0 && !Look())
        {
            (place, anchors) = (-1, Anchors.None);
            return false;
        }
        var bit = BitOperations.TrailingZeroCount(_any);
        _any &= _any - 1;
        place = _block + bit;
        anchors = (Anchors)(((_digits >> bit) & 1) | (((_iban >> bit) & 1) << 1) | (((_plus >> bit) & 1) << 2) | (((_phone >> bit) & 1) << 3) | (((_ssn >> bit) & 1) << 4)
            | (((_dots >> bit) & 1) << 5) | (((_colons >> bit) & 1) << 6) | (((_at >> bit) & 1) << 7) | (((_literal >> bit) & 1) << 8) | (((_escape >> bit) & 1) << 9)
            | (((_exponent >> bit) & 1) << 10));
        return true;
    }

    /// <summary>Goes on to the next block with a place in it; false when there is none.</summary>
    private bool Look()
    {
        var wanted = _wanted;
        var next = _next;
        var lastDigit = _lastDigit;
        for (var block = _block + Block; block < _text.Length; block += Block)
        {
            ref var here = ref At(block);
            var current = next;
            next = Classify(Vector256.LoadUnsafe(ref here, Block));
            var at = (wanted & Anchors.At) != Anchors.None ? current.At : 0;
            var literal = (wanted & Anchors.Literal) != Anchors.None ? SecretLiterals.At(ref here) : 0;
            var escape = (wanted & Anchors.Escape) != Anchors.None && current.Escape != 0
                ? current.Escape & Vector256.Equals(Vector256.LoadUnsafe(ref here, 1), Vector256.Create((byte)'u')).ExtractMostSignificantBits()
                : 0;
            uint digits = 0, iban = 0, plus = 0, phone = 0, ssn = 0, dots = 0, exponent = 0, colons = 0;
            if ((current.Digit | next.Digit) != 0)
            {
                var digit = Both(current.Digit, next.Digit);
                var two = digit & (digit >> 1);
                if ((wanted & Anchors.Plus) != Anchors.None) plus = (uint)(current.Plus & (digit >> 1));
                if ((wanted & Anchors.Exponent) != Anchors.None) exponent = (uint)(digit & (Both(current.E, next.E) >> 1));
                if ((wanted & Anchors.Iban) != Anchors.None)
                {
                    var letter = Both(current.Letter, next.Letter);
                    iban = (uint)(letter & (letter >> 1) & (two >> 2));
                }
                var start = digit & ~((digit << 1) | lastDigit);
                if ((wanted & Anchors.Digits) != Anchors.None) digits = (uint)(start & two & (two >> 2));
                if ((wanted & (Anchors.Ssn | Anchors.Phone | Anchors.Dots)) != Anchors.None)
                {
                    var dot = Both(current.Dot, next.Dot);
                    var gap = Both(current.Dash, next.Dash) | dot;
                    var three = two & (digit >> 2);
                    // Three digits and a separator begin both; few places have as much.
                    var group = start & three & (gap >> 3);
                    if (group != 0)
                    {
                        if ((wanted & Anchors.Ssn) != Anchors.None) ssn = (uint)(group & (two >> 4) & (gap >> 6) & (two >> 7) & (two >> 9));
                        if ((wanted & Anchors.Phone) != Anchors.None) phone = (uint)(group & (three >> 4) & (gap >> 7) & (two >> 8) & (two >> 10));
                    }
                    if ((wanted & Anchors.Dots) != Anchors.None && dot != 0)
                    {
                        var first = dot & (digit >> 1) & ((dot >> 2) | (dot >> 3) | (dot >> 4));
                        dots = (uint)(start & ((first >> 1) | (digit >> 1 & (first >> 2)) | (three & (first >> 3))));
                    }
                }
            }
            if ((wanted & Anchors.Colons) != Anchors.None && current.Colon != 0)
            {
                // Times of the day have two; only what has three in a row, or two side by side, is looked at.
                var colon = Both(current.Colon, next.Colon);
                var pair = colon & ((colon >> 1) | (colon >> 2) | (colon >> 3) | (colon >> 4) | (colon >> 5));
                if (pair != 0) colons = (uint)((colon & (colon >> 1)) | (pair & ((pair >> 1) | (pair >> 2) | (pair >> 3) | (pair >> 4) | (pair >> 5))));
            }
            lastDigit = current.Digit >> (Block - 1);
            var any = at | literal | escape | digits | iban | plus | phone | ssn | dots | exponent | colons;
            if (any == 0) continue;
            (_at, _literal, _escape, _digits, _iban, _plus, _phone, _ssn, _dots, _exponent, _colons) = (at, literal, escape, digits, iban, plus, phone, ssn, dots, exponent, colons);
            (_any, _block, _next, _lastDigit) = (any, block, next, lastDigit);
            return true;
        }
        _block = _text.Length;
        return false;
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
