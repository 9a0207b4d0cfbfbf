using System.Text.Json;

namespace Postern.Gateway.Identities;

/// <summary>What an access token must say, before anyone looks at its signature. Each rule gives a reason without token content.</summary>
internal static class TokenRules
{
    // marks of tokens that are not access tokens: OpenID Connect Core section 2, Back-Channel Logout section 2.4, RFC 8417
    private static readonly string[] OtherUses = ["nonce", "at_hash", "c_hash", "s_hash", "events"];

    // seconds: some days before the last instant that a date can hold, so that adding the skew cannot overflow
    private const long LastInstant = 253_402_000_000;
    private const int MaxSubjectLength = 255;
    private const int MaxAudiences = 32;

    /// <summary>Why <see cref="IsElsewhere"/> refuses.</summary>
    public const string Overage = "token says that its groups are elsewhere (overage); let the issuer send only groups assigned to the application";

    /// <summary>Null when the token may be an access token of this issuer; otherwise the reason against it.</summary>
    public static string? Refuse(TokenText token, TrustedIssuer issuer)
    {
        if (!issuer.Types.Contains(token.Type ?? string.Empty, StringComparer.Ordinal))
        {
            return "token type is not one of an access token";
        }

        foreach (var mark in OtherUses)
        {
            if (token.Claims.TryGetProperty(mark, out _))
            {
                return "token was made for another use";
            }
        }

        // Cognito and Keycloak name the use in a claim
        if ((token.Claims.TryGetProperty("token_use", out var use) && !IsText(use, "access"))
            || (token.Claims.TryGetProperty("typ", out var kind) && !IsText(kind, "Bearer")))
        {
            return "token was made for another use";
        }

        foreach (var (name, text) in issuer.RequiredClaims)
        {
            if (!token.Claims.TryGetProperty(name, out var value) || !IsText(value, text))
            {
                return "token lacks a claim that the configuration requires";
            }
        }

        return IsElsewhere(token.Claims) ? Overage : null;
    }

    /// <summary>What holds for every signed token of an issuer: algorithm and subject.</summary>
    public static string? RefuseCommon(TokenText token, TrustedIssuer issuer)
    {
        if (!issuer.Algorithms.Contains(token.Algorithm, StringComparer.Ordinal))
        {
            return "token algorithm is not accepted";
        }

        return TokenText.Text(token.Claims, "sub") is { Length: > 0 and <= MaxSubjectLength } subject && !subject.Any(char.IsControl)
            ? null
            : "token has no usable subject";
    }

    /// <summary>Reads <c>exp</c>, <c>iat</c> and <c>nbf</c>, and says why they do not fit the present instant.</summary>
    public static string? RefuseTimes(JsonElement claims, TrustedIssuer issuer, DateTimeOffset now, out DateTimeOffset expiresAt, out DateTimeOffset issuedAt)
    {
        expiresAt = issuedAt = default;
        if (!TryInstant(claims, "exp", out expiresAt) || !TryInstant(claims, "iat", out issuedAt))
        {
            return "token needs `exp` and `iat` in whole seconds";
        }

        if (claims.TryGetProperty("nbf", out _) && (!TryInstant(claims, "nbf", out var notBefore) || notBefore > now + issuer.ClockSkew))
        {
            return "token is not valid yet";
        }

        if (issuedAt > now + issuer.ClockSkew)
        {
            return "token is from the future";
        }

        if (expiresAt + issuer.ClockSkew <= now)
        {
            return "token has expired";
        }

        return expiresAt <= issuedAt || expiresAt - issuedAt > issuer.MaxTokenLife ? "token lives longer than the configuration permits" : null;
    }

    /// <summary>The audiences: one text or a list of them (RFC 7519 section 4.1.3); null for any other shape.</summary>
    public static string[]? Audiences(JsonElement claims)
    {
        if (!claims.TryGetProperty("aud", out var value))
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.String)
        {
            return [value.GetString()!];
        }

        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() is 0 or > MaxAudiences)
        {
            return null;
        }

        var audiences = new string[value.GetArrayLength()];
        var next = 0;
        foreach (var one in value.EnumerateArray())
        {
            if (one.ValueKind != JsonValueKind.String)
            {
                return null;
            }

            audiences[next++] = one.GetString()!;
        }

        return audiences;
    }

    /// <summary>
    /// Entra's group overage: the list is elsewhere, at an address that the token names. It is never followed, and
    /// "no groups" would be a wrong answer (J12).
    /// </summary>
    public static bool IsElsewhere(JsonElement claims) => claims.TryGetProperty("_claim_names", out _) || claims.TryGetProperty("hasgroups", out _);

    public static bool IsText(JsonElement value, string text) => value.ValueKind == JsonValueKind.String && value.ValueEquals(text);

    public static bool TryInstant(JsonElement claims, string name, out DateTimeOffset instant)
    {
        instant = default;
        if (!claims.TryGetProperty(name, out var value) || !TokenText.TryInteger(value, out var seconds) || seconds is <= 0 or > LastInstant)
        {
            return false;
        }

        instant = DateTimeOffset.FromUnixTimeSeconds(seconds);
        return true;
    }
}
