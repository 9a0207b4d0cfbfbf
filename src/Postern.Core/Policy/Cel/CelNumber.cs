using System.Globalization;
using System.Numerics;
using System.Text;

namespace Postern.Core.Policy.Cel;

/// <summary>
/// Numbers by exact decimal value. A double would make 9007199254740993 equal to 9007199254740992 and let an amount slip
/// under a bound that the target, reading more digits, sees exceeded.
/// </summary>
internal static class CelNumber
{
    private const int ExactDigits = 28;

    /// <summary>Reads a JSON number: exactly as <see cref="decimal"/> where that holds it, else by its text.</summary>
    public static CelValue FromJson(ReadOnlyMemory<byte> json)
    {
        var parts = NumberText.Of(json.Span);
        if (!parts.IsValid) return CelValue.Error("a number is not well-formed");
        var scale = parts.FractionDigits - parts.Exponent;
        if (parts.WrittenDigits <= ExactDigits && parts.Exponent is >= -ExactDigits and <= ExactDigits
            && scale <= ExactDigits && parts.IntegerDigits + parts.Exponent <= ExactDigits
            && decimal.TryParse(json.Span, NumberStyles.Float, CultureInfo.InvariantCulture, out var value))
        {
            return CelValue.Of(value);
        }
        return CelValue.LongNumber(json);
    }

    public static int Compare(in CelValue left, in CelValue right)
    {
        if (left.Kind == CelKind.Number && right.Kind == CelKind.Number) return decimal.Compare(left.Number, right.Number);
        return CompareText(Text(left), Text(right));
    }

    /// <summary>Exact sum, difference, product, quotient or remainder; an error where the result is not exact.</summary>
    public static CelValue Compute(char symbol, in CelValue left, in CelValue right)
    {
        if (left.Kind != CelKind.Number || right.Kind != CelKind.Number) return CelValue.Error("a number has too many digits to calculate with");
        var (a, scaleA) = Mantissa(left.Number);
        var (b, scaleB) = Mantissa(right.Number);
        switch (symbol)
        {
            case '*':
                return Exact(a * b, scaleA + scaleB);
            case '+' or '-':
                var scale = Math.Max(scaleA, scaleB);
                a *= BigInteger.Pow(10, scale - scaleA);
                b *= BigInteger.Pow(10, scale - scaleB);
                return Exact(symbol == '+' ? a + b : a - b, scale);
            default:
                return Divide(symbol, left.Number, right.Number);
        }
    }

    // As CEL's integers do: whole numbers divide to a whole number, rounded towards zero. Others divide as decimals.
    private static CelValue Divide(char symbol, decimal left, decimal right)
    {
        if (right == 0) return CelValue.Error("division by zero");
        var areWhole = decimal.Truncate(left) == left && decimal.Truncate(right) == right;
        if (symbol == '%') return areWhole ? CelValue.Of(decimal.Remainder(left, right)) : CelValue.Error("`%` needs whole numbers");
        try
        {
            return CelValue.Of(areWhole ? decimal.Truncate((left - decimal.Remainder(left, right)) / right) : left / right);
        }
        catch (OverflowException)
        {
            return CelValue.Error("the quotient is too large");
        }
    }

    private static (BigInteger Value, int Scale) Mantissa(decimal number)
    {
        Span<int> bits = stackalloc int[4];
        decimal.GetBits(number, bits);
        var value = (new BigInteger((uint)bits[2]) << 64) + (new BigInteger((uint)bits[1]) << 32) + (uint)bits[0];
        return (bits[3] < 0 ? -value : value, (bits[3] >> 16) & 0xFF);
    }

    private static CelValue Exact(BigInteger value, int scale)
    {
        while (scale > 0 && (scale > ExactDigits || BigInteger.Abs(value) > MaxMantissa))
        {
            var shorter = BigInteger.DivRem(value, 10, out var lost);
            if (!lost.IsZero) return CelValue.Error("the result has too many digits");
            value = shorter;
            scale--;
        }
        if (BigInteger.Abs(value) > MaxMantissa) return CelValue.Error("the result is too large");
        var magnitude = BigInteger.Abs(value);
        var low = (uint)(magnitude & uint.MaxValue);
        var middle = (uint)((magnitude >> 32) & uint.MaxValue);
        var high = (uint)(magnitude >> 64);
        return CelValue.Of(new decimal((int)low, (int)middle, (int)high, value.Sign < 0, (byte)scale));
    }

    private static readonly BigInteger MaxMantissa = (BigInteger.One << 96) - 1;

    private static ReadOnlyMemory<byte> Text(in CelValue value) =>
        value.Kind == CelKind.LongNumber ? value.Json : Encoding.ASCII.GetBytes(value.Number.ToString(CultureInfo.InvariantCulture));

    private static int CompareText(ReadOnlyMemory<byte> left, ReadOnlyMemory<byte> right) => NumberText.Of(left.Span).Order(NumberText.Of(right.Span));
}
