using System.Buffers;
using System.Runtime.InteropServices;

namespace Postern.Core.Masking.Detection;

/// <summary>
/// Everything that a literal gives away: prefixed keys, JSON web tokens, private keys in PEM, passwords in URLs and behind
/// their name. What a failed look has read is not read again for the same literal: linear in the text.
/// </summary>
[StructLayout(LayoutKind.Auto)]
internal ref struct SecretDetector(ReadOnlySpan<byte> text, in SecretRanks ranks)
{
    private const string PemStart = "-----BEGIN ";

    // The shortest header of a web token, encoded.
    private const int MinHeader = 10;

    // How far a look for the digit of a doubtful prefix goes, and for the end of a PEM label.
    private const int MaxLook = 64;

    // Where the name of the host of a URL begins at the latest.
    private const int MaxUserInfo = 512;

    private static readonly SearchValues<byte> s_url = SecretPrefixes.BytesOf(SecretAlphabet.Url);
    private static readonly SearchValues<byte> s_authorityEnds = SearchValues.Create("/?# \t\r\n\"'<>`\\"u8);

    private readonly ReadOnlySpan<byte> _text = text;
    private readonly SecretRanks _ranks = ranks;
    private int _from;
    private int _jwtFrom;

    // What was found further on, behind the user of a URL or a word's separators. What stands before it is looked at: a token may be the user.
    private int _laterStart;
    private int _laterEnd;

    /// <summary>Looks at a place where a literal may begin; places come in order. True when it is the sign of an e-mail address.</summary>
    public bool Look(int at, HitList hits)
    {
        var here = _text[at..];
        foreach (var literal in SecretLiterals.Like(here))
        {
            if (!literal.IsAt(here)) continue;
            if (literal.Kind == SecretLiteralKind.At) return true;
            if (at < _from || (at >= _laterStart && at < _laterEnd)) return false;
            var (start, length, rank) = literal.Kind switch
            {
                SecretLiteralKind.Jwt => _ranks.Jwt == 0 || at < _jwtFrom ? default : (at, Jwt(here, ref _jwtFrom, at), _ranks.Jwt),
                SecretLiteralKind.Pem => _ranks.PrivateKey == 0 ? default : (at, Pem(here), _ranks.PrivateKey),
                SecretLiteralKind.Url => _ranks.Connection == 0 ? default : Url(at, literal.Utf8.Length),
                SecretLiteralKind.Word => (_ranks.Password | _ranks.Connection) == 0 ? default : Word(at, literal.Utf8),
                _ => _ranks.ApiKey == 0 ? default : (at, Prefixed(_text, at, literal, isRaw: false), _ranks.ApiKey),
            };
            if (length == 0 || rank == 0) continue;
            hits.Add(new Hit(start, start + length, rank, IsCard: false));
            if (start > at) (_laterStart, _laterEnd) = (start, start + length);
            else _from = start + length;
            return false;
        }
        return false;
    }

    /// <summary>
    /// True when something may begin here in a text of which only its spelling in JSON is known. It may say yes too often.
    /// </summary>
    public static bool IsPossible(ReadOnlySpan<byte> raw, int at, in SecretRanks ranks, bool mayBeEmail)
    {
        var here = raw[at..];
        foreach (var literal in SecretLiterals.Like(here))
        {
            if (!literal.IsAt(here)) continue;
            var isPossible = literal.Kind switch
            {
                SecretLiteralKind.At => mayBeEmail,
                SecretLiteralKind.Jwt => ranks.Jwt > 0 && IsJwt(here),
                SecretLiteralKind.Pem => ranks.PrivateKey > 0,
                SecretLiteralKind.Url => ranks.Connection > 0 && HasUserInfo(here[literal.Utf8.Length..]),
                SecretLiteralKind.Word => (ranks.Password | ranks.Connection) > 0,
                _ => ranks.ApiKey > 0 && Prefixed(raw, at, literal, isRaw: true) > 0,
            };
            if (isPossible) return true;
        }
        return false;
    }

    private static int Prefixed(ReadOnlySpan<byte> text, int at, SecretLiteral literal, bool isRaw)
    {
        var (prefix, rule) = (literal.Utf8, literal.Rule!.Value);
        var alphabet = SecretPrefixes.BytesOf(rule.Alphabet);
        // A bounded look first: a run that fails must not be read to its end again and again.
        var body = text[(at + prefix.Length)..];
        var look = body[..Math.Min(body.Length, MaxLook)];
        var end = look.IndexOfAnyExcept(alphabet);
        // A slash may be escaped in raw JSON, and cuts the look short.
        if (isRaw && end >= 0 && look[end] == '\\') return prefix.Length;
        if (end >= 0) look = look[..end];
        if (look.Length < Math.Min(rule.Min, MaxLook)) return 0;
        if (rule.IsWord && ((!isRaw && at > 0 && char.IsAsciiLetterOrDigit((char)text[at - 1])) || !look.ContainsAnyInRange((byte)'0', (byte)'9'))) return 0;
        // A screen is asked for every place: it does not read to the end of the run.
        if (isRaw) return prefix.Length;
        end = body.IndexOfAnyExcept(alphabet);
        if (end < 0) end = body.Length;
        return end >= rule.Min && (rule.Max == 0 || end <= rule.Max) ? prefix.Length + end : 0;
    }

    /// <summary>The password between a user and a host.</summary>
    private readonly (int Start, int Length, int Rank) Url(int at, int sign)
    {
        if (at == 0 || !char.IsAsciiLetterOrDigit((char)_text[at - 1])) return default;
        var authority = _text[(at + sign)..];
        if (authority.Length > MaxUserInfo) authority = authority[..MaxUserInfo];
        var end = authority.IndexOfAny(s_authorityEnds);
        if (end >= 0) authority = authority[..end];
        var host = authority.LastIndexOf((byte)'@');
        var password = host < 0 ? -1 : authority[..host].IndexOf((byte)':') + 1;
        return password <= 0 || password == host ? default : (at + sign + password, host - password, _ranks.Connection);
    }

    private static bool HasUserInfo(ReadOnlySpan<byte> authority)
    {
        if (authority.Length > MaxUserInfo) authority = authority[..MaxUserInfo];
        var end = authority.IndexOfAny(s_authorityEnds);
        return authority[..(end < 0 ? authority.Length : end)].Contains((byte)'@');
    }

    private readonly (int Start, int Length, int Rank) Word(int at, ReadOnlySpan<byte> word)
    {
        var (start, length) = SecretWords.ValueAfter(_text, at, word, out var isList);
        return (start, length, isList ? Math.Max(_ranks.Connection, _ranks.Password) : _ranks.Password);
    }

    private static bool IsJwt(ReadOnlySpan<byte> here) => here.Length >= MinHeader && here[..MinHeader].IndexOfAnyExcept(s_url) < 0;

    /// <summary>Header, dot, payload, and any further parts: three for a signed token, five for an encrypted one, or cut short.</summary>
    private static int Jwt(ReadOnlySpan<byte> here, ref int failedUntil, int at)
    {
        const int minPayload = 4;
        var header = Run(here);
        var payload = header < here.Length && here[header] == '.' ? Run(here[(header + 1)..]) : 0;
        if (header < MinHeader || payload < minPayload)
        {
            // Another `eyJ` inside this run would meet the same end.
            failedUntil = at + header;
            return 0;
        }
        var length = header + 1 + payload;
        while (length < here.Length && here[length] == '.')
        {
            var part = Run(here[(length + 1)..]);
            if (part == 0) break;
            length += part + 1;
        }
        return length;
    }

    private static int Run(ReadOnlySpan<byte> text)
    {
        var end = text.IndexOfAnyExcept(s_url);
        return end < 0 ? text.Length : end;
    }

    /// <summary>The whole block; a block without an end is masked to the end of the text.</summary>
    private static int Pem(ReadOnlySpan<byte> here)
    {
        var label = here[PemStart.Length..];
        if (label.Length > MaxLook) label = label[..MaxLook];
        var endOfLabel = label.IndexOf("-----"u8);
        if (endOfLabel >= 0) label = label[..endOfLabel];
        if (label.IndexOf("PRIVATE KEY"u8) < 0) return 0;
        var footer = here.IndexOf("-----END "u8);
        if (footer < 0) return here.Length;
        footer += "-----END ".Length;
        var close = here[footer..].IndexOf("-----"u8);
        return close < 0 ? here.Length : footer + close + "-----".Length;
    }
}

/// <summary>The treatments of what literals give away; 0 where no mask names the detector.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct SecretRanks(int ApiKey, int Jwt, int PrivateKey, int Connection, int Password)
{
    public bool Any => (ApiKey | Jwt | PrivateKey | Connection | Password) != 0;
}
