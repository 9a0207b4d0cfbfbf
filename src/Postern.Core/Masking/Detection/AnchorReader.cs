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

    // What is asked of every block; all else is looked at where digits stand.
    [StructLayout(LayoutKind.Auto)]
    private struct Classes
    {
        public uint Digit;
        public uint Dot;
        public uint Colon;
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
            var bytes = Vector256.LoadUnsafe(ref here);
            var at = (wanted & Anchors.At) != Anchors.None ? Vector256.Equals(bytes, Vector256.Create((byte)'@')).ExtractMostSignificantBits() : 0;
            var literal = (wanted & Anchors.Literal) != Anchors.None ? SecretLiterals.At(ref here) : 0;
            uint digits = 0, iban = 0, plus = 0, phone = 0, ssn = 0, dots = 0, exponent = 0, colons = 0, escape = 0;
            if ((wanted & Anchors.Escape) != Anchors.None)
            {
                escape = Vector256.Equals(bytes, Vector256.Create((byte)'\\')).ExtractMostSignificantBits();
                if (escape != 0) escape &= Vector256.Equals(Vector256.LoadUnsafe(ref here, 1), Vector256.Create((byte)'u')).ExtractMostSignificantBits();
            }
            if ((current.Digit | (next.Digit & 0xf)) != 0)
            {
                var digit = Both(current.Digit, next.Digit);
                var start = digit & ~((digit << 1) | lastDigit);
                var two = digit & (digit >> 1);
                var three = two & (digit >> 2);
                if ((wanted & Anchors.Plus) != Anchors.None)
                {
                    plus = (uint)(digit >> 1) & (Vector256.Equals(bytes, Vector256.Create((byte)'+')) | Vector256.Equals(bytes, Vector256.Create((byte)'('))).ExtractMostSignificantBits();
                }
                if ((wanted & Anchors.Exponent) != Anchors.None)
                {
                    exponent = current.Digit & Vector256.Equals(Vector256.LoadUnsafe(ref here, 1) | Vector256.Create((byte)0x20), Vector256.Create((byte)'e')).ExtractMostSignificantBits();
                }
                if ((wanted & Anchors.Iban) != Anchors.None && (uint)(two >> 2) != 0) iban = (uint)(two >> 2) & Letters(bytes) & Letters(Vector256.LoadUnsafe(ref here, 1));
                if ((wanted & Anchors.Digits) != Anchors.None) digits = Runs(ref here, digit, (uint)(start & three & (digit >> 3)));
                var group = (uint)(start & three & ~(digit >> 3));
                if (group != 0 && (wanted & (Anchors.Ssn | Anchors.Phone)) != Anchors.None) Groups(ref here, digit, group, wanted, out ssn, out phone);
                if ((wanted & Anchors.Dots) != Anchors.None && (current.Dot | next.Dot) != 0)
                {
                    var dot = Both(current.Dot, next.Dot);
                    var first = dot & (digit >> 1) & ((dot >> 2) | (dot >> 3) | (dot >> 4));
                    dots = (uint)(start & ((first >> 1) | (digit >> 1 & (first >> 2)) | (three & (first >> 3))));
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
    private static Classes Classify(Vector256<byte> bytes) => new()
    {
        Digit = Vector256.LessThan(bytes - Vector256.Create((byte)'0'), Vector256.Create((byte)10)).ExtractMostSignificantBits(),
        Dot = Vector256.Equals(bytes, Vector256.Create((byte)'.')).ExtractMostSignificantBits(),
        Colon = Vector256.Equals(bytes, Vector256.Create((byte)':')).ExtractMostSignificantBits(),
    };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Letters(Vector256<byte> bytes) =>
        Vector256.LessThan((bytes | Vector256.Create((byte)0x20)) - Vector256.Create((byte)'a'), Vector256.Create((byte)26)).ExtractMostSignificantBits();

    /// <summary>Of these runs of four digits and more, those that are long enough for a card or that something joins to more digits.</summary>
    private static uint Runs(ref byte here, ulong digit, uint starts)
    {
        var kept = starts;
        for (; starts != 0; starts &= starts - 1)
        {
            var place = BitOperations.TrailingZeroCount(starts);
            var length = BitOperations.TrailingZeroCount(~(digit >> place));
            var end = place + length;
            if (length < CardScreen.Least && end < 2 * Block && !CardScreen.IsGap(Unsafe.Add(ref here, end))) kept &= ~(1U << place);
        }
        return kept;
    }

    /// <summary>Of these runs of three digits, those that are followed as social security and telephone numbers are.</summary>
    private static void Groups(ref byte here, ulong digit, uint starts, Anchors wanted, out uint ssn, out uint phone)
    {
        ssn = phone = 0;
        for (; starts != 0; starts &= starts - 1)
        {
            var place = BitOperations.TrailingZeroCount(starts);
            var first = Unsafe.Add(ref here, place + 3);
            if (first is not ((byte)'-' or (byte)' ' or (byte)'.')) continue;
            // The digits behind: two and four with a gap between, or three and four.
            var rest = digit >> (place + 4);
            if ((wanted & Anchors.Ssn) != Anchors.None && (rest & 0x7b) == 0x7b && Unsafe.Add(ref here, place + 6) is (byte)'-' or (byte)' ') ssn |= 1U << place;
            if ((wanted & Anchors.Phone) != Anchors.None && (rest & 0xf7) == 0xf7 && Unsafe.Add(ref here, place + 7) is (byte)'-' or (byte)' ' or (byte)'.') phone |= 1U << place;
        }
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
