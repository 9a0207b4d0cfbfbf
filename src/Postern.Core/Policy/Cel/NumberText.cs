namespace Postern.Core.Policy.Cel;

/// <summary>A JSON number (RFC 8259 section 6) taken apart, to be compared digit by digit.</summary>
internal readonly ref struct NumberText
{
    // No request is long enough for its digits to make up for an exponent beyond this.
    private const long LargestExponent = 1_000_000_000_000;

    private readonly ReadOnlySpan<byte> _integer;
    private readonly ReadOnlySpan<byte> _fraction;
    private readonly bool _isNegative;

    private NumberText(bool isNegative, ReadOnlySpan<byte> integer, ReadOnlySpan<byte> fraction, long exponent)
    {
        IsValid = true;
        _isNegative = isNegative;
        _integer = integer;
        _fraction = fraction;
        Exponent = exponent;
    }

    public bool IsValid { get; }

    public long Exponent { get; }

    public int WrittenDigits => _integer.Length + _fraction.Length;

    public int IntegerDigits => _integer.Length;

    public int FractionDigits => _fraction.Length;

    /// <summary>Not <see cref="IsValid"/> when the text is no JSON number.</summary>
    public static NumberText Of(ReadOnlySpan<byte> text)
    {
        var at = 0;
        var isNegative = !text.IsEmpty && text[0] == '-';
        if (isNegative) at++;
        var integer = Digits(text[at..]);
        at += integer.Length;
        ReadOnlySpan<byte> fraction = [];
        if (at < text.Length && text[at] == '.')
        {
            fraction = Digits(text[(at + 1)..]);
            if (fraction.IsEmpty) return default;
            at += 1 + fraction.Length;
        }
        long exponent = 0;
        if (at < text.Length && text[at] is (byte)'e' or (byte)'E')
        {
            at++;
            var isDown = at < text.Length && text[at] == '-';
            if (at < text.Length && text[at] is (byte)'-' or (byte)'+') at++;
            var digits = Digits(text[at..]);
            if (digits.IsEmpty) return default;
            foreach (var digit in digits) exponent = Math.Min(LargestExponent, (exponent * 10) + (digit - '0'));
            if (isDown) exponent = -exponent;
            at += digits.Length;
        }
        return integer.IsEmpty || at != text.Length ? default : new NumberText(isNegative, integer, fraction, exponent);
    }

    /// <summary>
    /// Sign, then the place of the leading digit, then the digits. Never expands an exponent, so <c>1e999999999</c> costs
    /// no more than its text.
    /// </summary>
    public int Order(NumberText other)
    {
        var sign = Sign;
        if (sign != other.Sign) return sign.CompareTo(other.Sign);
        if (sign == 0) return 0;
        var place = LeadingPlace.CompareTo(other.LeadingPlace);
        return sign * (place != 0 ? place : CompareDigits(other));
    }

    private int Sign => FirstSignificant == WrittenDigits ? 0 : _isNegative ? -1 : 1;

    private int FirstSignificant
    {
        get
        {
            var first = 0;
            while (first < WrittenDigits && DigitAt(first) == '0') first++;
            return first;
        }
    }

    private long LeadingPlace => IntegerDigits - FirstSignificant + Exponent;

    private int CompareDigits(NumberText other)
    {
        var left = FirstSignificant;
        var right = other.FirstSignificant;
        while (left < WrittenDigits || right < other.WrittenDigits)
        {
            var difference = DigitAt(left++) - other.DigitAt(right++);
            if (difference != 0) return Math.Sign(difference);
        }
        return 0;
    }

    private byte DigitAt(int index) =>
        index < _integer.Length ? _integer[index]
        : index < WrittenDigits ? _fraction[index - _integer.Length]
        : (byte)'0';

    private static ReadOnlySpan<byte> Digits(ReadOnlySpan<byte> text)
    {
        var end = text.IndexOfAnyExceptInRange((byte)'0', (byte)'9');
        return end < 0 ? text : text[..end];
    }
}
