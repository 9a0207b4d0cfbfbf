using System.Buffers;
using System.Runtime.InteropServices;

namespace Postern.Core.Masking.Detection;

/// <summary>
/// Everything that a literal gives away: prefixed keys, JSON web tokens, private keys in PEM. One search for all literals, then
/// a look at what follows each. What a failed look has read is not read again for the same literal: linear in the text.
/// </summary>
internal static class SecretDetector
{
    private const string PemStart = "-----BEGIN ";

    // How far a look for the digit of a doubtful prefix goes, and for the end of a PEM label.
    private const int MaxLook = 64;

    private static readonly SearchValues<byte> s_url = SecretPrefixes.BytesOf(SecretAlphabet.Url);

    /// <summary>False when no text within these bytes can hold a secret: no literal occurs.</summary>
    public static bool IsPossible(ReadOnlySpan<byte> bytes) => SecretLiterals.Next(bytes, 0) >= 0;

    public static void Find(ReadOnlySpan<byte> text, in SecretRanks ranks, HitList hits)
    {
        var from = 0;
        var jwtFrom = 0;
        while (true)
        {
            var at = SecretLiterals.Next(text, from);
            if (at < 0) return;
            var here = text[at..];
            var (length, rank) = here[0] switch
            {
                (byte)'e' when here.StartsWith("eyJ"u8) => at < jwtFrom ? (0, 0) : (Jwt(here, ref jwtFrom, at), ranks.Jwt),
                (byte)'-' when here.StartsWith("-----BEGIN "u8) => (Pem(here), ranks.PrivateKey),
                _ => (Prefixed(text, at), ranks.ApiKey),
            };
            if (length > 0 && rank > 0)
            {
                hits.Add(new Hit(at, at + length, rank, IsCard: false));
                from = at + length;
            }
            else
            {
                from = at + 1;
            }
        }
    }

    private static int Prefixed(ReadOnlySpan<byte> text, int at)
    {
        var here = text[at..];
        foreach (var literal in SecretLiterals.Like(here))
        {
            var prefix = literal.Utf8;
            if (literal.Rule is not { } rule || !here.StartsWith(prefix)) continue;
            var alphabet = SecretPrefixes.BytesOf(rule.Alphabet);
            // A bounded look first: a run that fails must not be read to its end again and again.
            var body = here[prefix.Length..];
            var look = body[..Math.Min(body.Length, MaxLook)];
            var end = look.IndexOfAnyExcept(alphabet);
            if (end >= 0) look = look[..end];
            if (look.Length < rule.Min) continue;
            if (rule.IsWord && ((at > 0 && char.IsAsciiLetterOrDigit((char)text[at - 1])) || !look.ContainsAnyInRange((byte)'0', (byte)'9'))) continue;
            end = body.IndexOfAnyExcept(alphabet);
            return end < 0 ? here.Length : prefix.Length + end;
        }
        return 0;
    }

    /// <summary>Header, dot, payload, and any further parts: three for a signed token, five for an encrypted one, or cut short.</summary>
    private static int Jwt(ReadOnlySpan<byte> here, ref int failedUntil, int at)
    {
        const int minHeader = 10;
        const int minPayload = 4;
        var header = Run(here);
        var payload = header < here.Length && here[header] == '.' ? Run(here[(header + 1)..]) : 0;
        if (header < minHeader || payload < minPayload)
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
internal readonly record struct SecretRanks(int ApiKey, int Jwt, int PrivateKey)
{
    public bool Any => (ApiKey | Jwt | PrivateKey) != 0;
}
