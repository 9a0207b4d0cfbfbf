namespace Postern.Core.Masking.Detection;

/// <summary>
/// Payment card numbers (ISO/IEC 7812): 12 to 19 digits are too common to be masked for their check digit alone, so an issuer
/// range must fit as well. Digits stand in one run, or in groups with separators between them. Linear in the text.
/// </summary>
internal static class CardDetector
{
    private const int MinDigits = 13;
    private const int MaxDigits = 19;

    // Lists of small numbers are not cards: the first group has at least four digits, the others two.
    private const int MinFirstGroup = 4;
    private const int MinGroup = 2;
    private const int MaxSeparator = 9;

    // Groups that a card can have: four digits, seven times two, and one.
    private const int MaxGroups = 9;

    public static void Find(ReadOnlySpan<byte> text, int rank, HitList hits)
    {
        if (text.Length < MinDigits) return;
        Span<(int Start, int End)> groups = stackalloc (int, int)[MaxDigits];
        var at = 0;
        while (true)
        {
            // Shorter groups begin no card.
            at = CardScreen.NextRun(text, at);
            if (at < 0 || text.Length - at < MinDigits) return;
            at = Chain(text, at, groups, rank, hits);
        }
    }

    /// <summary>
    /// True when the integer part of a JSON number, exponent applied, is a card number: <c>4111111111111111</c>, but also
    /// <c>4111111111111111.0</c> and <c>4.111111111111111e15</c>.
    /// </summary>
    public static bool IsCard(ReadOnlySpan<byte> number)
    {
        if (number.Length < MinDigits) return false;
        Span<byte> digits = stackalloc byte[MaxDigits];
        var count = 0;
        long integers = 0;
        var isFraction = false;
        var exponent = 0L;
        for (var i = 0; i < number.Length; i++)
        {
            var current = number[i];
            if ((current | 0x20) == 'e')
            {
                if (!System.Buffers.Text.Utf8Parser.TryParse(number[(number[i + 1] == '+' ? i + 2 : i + 1)..], out exponent, out _) || Math.Abs(exponent) > 1000) return false;
                break;
            }
            if (current == '.')
            {
                isFraction = true;
                continue;
            }
            if (current == '-') continue;
            if (count == 0 && current == '0')
            {
                // A zero in front has no weight; behind the point it moves the first digit down.
                if (isFraction) integers--;
                continue;
            }
            if (count < MaxDigits) digits[count] = current;
            count++;
            if (!isFraction) integers++;
        }
        var length = integers + exponent;
        if (length is < MinDigits or > MaxDigits) return false;
        for (var i = Math.Min(count, MaxDigits); i < length; i++) digits[i] = (byte)'0';
        return IsCardNumber(digits[..(int)length]);
    }

    /// <summary>Reads groups of digits with separators between them, and returns where to go on.</summary>
    private static int Chain(ReadOnlySpan<byte> text, int at, scoped Span<(int Start, int End)> groups, int rank, HitList hits)
    {
        var count = 0;
        long total = 0;
        while (true)
        {
            var end = EndOfDigits(text, at);
            groups[count++] = (at, end);
            total += end - at;
            var next = text.Slice(end, SeparatorLength(text[end..]));
            var isLast = next.IsEmpty || end + next.Length == text.Length || !char.IsAsciiDigit((char)text[end + next.Length]);
            if (isLast || count == groups.Length)
            {
                if (isLast && total < MinDigits) return end;
                // A longer chain goes on from the first group whose runs cannot all be tried within this part of it.
                var tried = isLast ? count : count - MaxGroups + 1;
                var covered = Math.Max(tried, FindIn(text, groups[..count], tried, rank, hits));
                return covered == count ? end : groups[covered].Start;
            }
            at = end + next.Length;
        }
    }

    /// <summary>Tries every run of groups that begins with one of the first <paramref name="firsts"/>; returns the group after the last hit.</summary>
    private static int FindIn(ReadOnlySpan<byte> text, ReadOnlySpan<(int Start, int End)> groups, int firsts, int rank, HitList hits)
    {
        Span<byte> digits = stackalloc byte[MaxDigits];
        var covered = 0;
        for (var first = 0; first < firsts; first++)
        {
            var length = 0;
            var best = -1;
            for (var last = first; last < groups.Length; last++)
            {
                var group = text[groups[last].Start..groups[last].End];
                if (length + group.Length > MaxDigits) break;
                if (last > first && (length < MinFirstGroup || (last > first + 1 && groups[last - 1].End - groups[last - 1].Start < MinGroup))) break;
                group.CopyTo(digits[length..]);
                length += group.Length;
                if (length >= MinDigits && IsCardNumber(digits[..length])) best = last;
            }
            if (best < 0) continue;
            hits.Add(new Hit(groups[first].Start, groups[best].End, rank, IsCard: true));
            first = best;
            covered = best + 1;
        }
        return covered;
    }

    /// <summary>True when digits in one run, however many, are a card number.</summary>
    public static bool IsCardNumber(ReadOnlySpan<byte> digits) => digits.Length is >= MinDigits and <= MaxDigits && IsIssued(digits) && HasLuhn(digits);

    /// <summary>The ranges that card schemes issue from, with the lengths that they use.</summary>
    private static bool IsIssued(ReadOnlySpan<byte> digits)
    {
        var four = ((digits[0] - '0') * 1000) + ((digits[1] - '0') * 100) + ((digits[2] - '0') * 10) + (digits[3] - '0');
        return digits.Length switch
        {
            13 => four / 1000 == 4 || IsMaestro(four),
            14 => four / 10 is (>= 300 and <= 305) or 309 || four / 100 is 36 or 38 or 39 || IsMaestro(four),
            15 => four / 100 is 34 or 37 || four is 1800 or 2131 || IsMaestro(four),
            _ => four / 1000 is 4 or 5 or 6
                || four is (>= 2200 and <= 2204) or (>= 2221 and <= 2720) or (>= 3528 and <= 3589) or 9792
                || four / 10 is (>= 300 and <= 305) or 309
                || four / 100 is 36 or 38 or 39 or 81 or 82,
        };
    }

    private static bool IsMaestro(int four) => four / 100 is 50 or (>= 56 and <= 69);

    private static bool HasLuhn(ReadOnlySpan<byte> digits)
    {
        var sum = 0;
        for (var i = 0; i < digits.Length; i++)
        {
            var digit = digits[digits.Length - 1 - i] - '0';
            if (i % 2 == 1)
            {
                digit *= 2;
                if (digit > 9) digit -= 9;
            }
            sum += digit;
        }
        return sum % 10 == 0;
    }

    /// <summary>Where the run of digits here ends.</summary>
    public static int EndOfDigits(ReadOnlySpan<byte> text, int at)
    {
        var run = text[at..].IndexOfAnyExceptInRange((byte)'0', (byte)'9');
        return run < 0 ? text.Length : at + run;
    }

    /// <summary>The length of the separator here, up to three characters long, or 0.</summary>
    private static int SeparatorLength(ReadOnlySpan<byte> text)
    {
        var length = 0;
        while (length < MaxSeparator && length < text.Length)
        {
            var one = OneSeparator(text[length..]);
            if (one == 0) break;
            length += one;
        }
        return length;
    }

    private static int OneSeparator(ReadOnlySpan<byte> text) => text[0] switch
    {
        (byte)' ' or (byte)'-' or (byte)'.' or (byte)'_' or (byte)'/' or (byte)'\t' => 1,
        // no-break space, soft hyphen, middle dot
        0xc2 when text.Length > 1 && text[1] is 0xa0 or 0xad or 0xb7 => 2,
        // spaces and zero-width characters U+2000 to U+200D, dashes U+2010 to U+2015, narrow no-break space U+202F
        0xe2 when text.Length > 2 && text[1] == 0x80 && text[2] is (>= 0x80 and <= 0x8d) or (>= 0x90 and <= 0x95) or 0xaf => 3,
        // word joiner, minus sign
        0xe2 when text.Length > 2 && ((text[1] == 0x81 && text[2] == 0xa0) || (text[1] == 0x88 && text[2] == 0x92)) => 3,
        // zero-width no-break space
        0xef when text.Length > 2 && text[1] == 0xbb && text[2] == 0xbf => 3,
        _ => 0,
    };
}
