namespace Postern.Core.Masking.Detection;

/// <summary>
/// International bank account numbers (ISO 13616): the length of their country and the check digits (ISO 7064, modulo 97),
/// in one run or in groups.
/// </summary>
internal static class IbanDetector
{
    private const int MaxLength = 34;
    private const int Letters = 26;

    // Countries of the registry, each with the length of its numbers.
    private const string Countries = """
        AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22
        GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20
        MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26
        UA29 VA22 VG24 XK20 YE30
        """;

    private static readonly byte[] s_lengths = Lengths();

    /// <summary>The length of the number here, or 0.</summary>
    public static int At(ReadOnlySpan<byte> text, int at, bool isRaw)
    {
        var length = s_lengths[(((text[at] | 0x20) - 'a') * Letters) + (text[at + 1] | 0x20) - 'a'];
        if (length == 0 || text.Length - at < length) return 0;
        if (!isRaw && at > 0 && char.IsAsciiLetterOrDigit((char)text[at - 1])) return 0;
        Span<byte> number = stackalloc byte[MaxLength];
        var (count, end) = (0, at);
        for (; count < length; end++)
        {
            if (end == text.Length) return 0;
            if (char.IsAsciiLetterOrDigit((char)text[end])) number[count++] = text[end];
            else if (text[end] is not ((byte)' ' or (byte)'-') || end == at || !char.IsAsciiLetterOrDigit((char)text[end - 1])) return 0;
        }
        if (end < text.Length && char.IsAsciiLetterOrDigit((char)text[end])) return 0;
        return IsChecked(number[..length]) ? end - at : 0;
    }

    private static bool IsChecked(ReadOnlySpan<byte> number)
    {
        var rest = 0;
        for (var i = 0; i < number.Length; i++)
        {
            // The country and the check digits go to the end; a letter counts as two digits.
            var current = number[(i + 4) % number.Length];
            rest = char.IsAsciiDigit((char)current) ? ((rest * 10) + current - '0') % 97 : ((rest * 100) + (current | 0x20) - 'a' + 10) % 97;
        }
        return rest == 1;
    }

    private static byte[] Lengths()
    {
        var lengths = new byte[Letters * Letters];
        foreach (var country in Countries.Split([' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries))
        {
            lengths[((country[0] - 'A') * Letters) + country[1] - 'A'] = byte.Parse(country[2..], System.Globalization.CultureInfo.InvariantCulture);
        }
        return lengths;
    }
}
