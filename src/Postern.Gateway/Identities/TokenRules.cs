using System.Collections.Immutable;
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

    /// <summary>Null when the token may be an access token of this issuer; otherwise the reason against it.</summary>
    public static TokenFault? Refuse(TokenText token, TrustedIssuer issuer)
    {
        if (!HasType(token, issuer)) return TokenFault.OtherType;

        foreach (var mark in OtherUses)
        {
            // where id tokens are what is taken, their own marks stand against nothing; a security event is never one
            if (token.Claims.TryGetProperty(mark, out _) && !(issuer.Shape.TakesIdTokens && mark != "events")) return TokenFault.OtherUse;
        }

        // RFC 7800: whoever holds this token must prove a key besides; taken as it is, a stolen one would do (RFC 9449, RFC 8705)
        if (token.Claims.TryGetProperty("cnf", out _)) return TokenFault.Bound;

        // Cognito and Keycloak name the use in a claim
        if ((token.Claims.TryGetProperty("token_use", out var use) && !IsText(use, "access"))
            || (token.Claims.TryGetProperty("typ", out var kind) && !IsText(kind, "Bearer")))
        {
            return TokenFault.OtherUse;
        }

        foreach (var (name, text) in issuer.Shape.Fixed)
        {
            if (!token.Claims.TryGetProperty(name, out var value) || !IsText(value, text)) return TokenFault.LacksMark;
        }

        foreach (var marks in issuer.Shape.Marks)
        {
            if (!HasAny(token.Claims, marks)) return TokenFault.LacksMark;
        }

        foreach (var (name, text) in issuer.RequiredClaims)
        {
            if (!token.Claims.TryGetProperty(name, out var value) || !IsText(value, text)) return TokenFault.LacksClaim;
        }

        return null;
    }

    /// <summary>What holds for every signed token of an issuer: algorithm, subject, tenant, and groups that can be known.</summary>
    public static TokenFault? RefuseCommon(TokenText token, TrustedIssuer issuer)
    {
        if (!issuer.Algorithms.Contains(token.Algorithm, StringComparer.Ordinal)) return TokenFault.OtherAlgorithm;
        if (!IsUsableSubject(TokenText.Text(token.Claims, "sub"))) return TokenFault.NoSubject;

        // the signature says which issuer, the claim which of its tenants; both must be configured (J11)
        if (issuer.Shape.TenantClaim is { } tenant && issuer.Tenants.Count > 0 && !(TokenText.Text(token.Claims, tenant) is { } named && issuer.Tenants.Contains(named))) return TokenFault.OtherTenant;
        if (!IsElsewhere(token.Claims)) return null;
        if (issuer.Directory is null) return TokenFault.Overage;
        return token.Claims.TryGetProperty("_claim_names", out var names) && !(names.ValueKind == JsonValueKind.Object && names.EnumerateObject().All(claim => claim.NameEquals(issuer.GroupsClaim)))
            ? TokenFault.OtherElsewhere
            : null;
    }

    /// <summary>
    /// Whether a token was issued for all of these: <c>scope</c> (RFC 9068 section 2.2.3.1) or <c>scp</c>, as a text or a list. What stands before the last slash of a
    /// scope says whose it is, which the audience says in the token.
    /// </summary>
    public static bool HasScopes(JsonElement claims, ImmutableArray<string> needed)
    {
        if (needed.IsEmpty) return true;
        var given = new HashSet<string>(StringComparer.Ordinal);
        foreach (var name in (ReadOnlySpan<string>)["scope", "scp"])
        {
            if (!claims.TryGetProperty(name, out var value)) continue;
            if (value.ValueKind == JsonValueKind.String) given.UnionWith(value.GetString()!.Split(' ', StringSplitOptions.RemoveEmptyEntries));
            else if (value.ValueKind == JsonValueKind.Array) given.UnionWith(value.EnumerateArray().Where(one => one.ValueKind == JsonValueKind.String).Select(one => one.GetString()!));
        }
        return needed.All(scope => given.Contains(scope) || given.Contains(scope[(scope.LastIndexOf('/') + 1)..]));
    }

    /// <summary>Reads <c>exp</c>, <c>iat</c> and <c>nbf</c>, and says why they do not fit the present instant.</summary>
    public static TokenFault? RefuseTimes(JsonElement claims, TrustedIssuer issuer, DateTimeOffset now, out DateTimeOffset expiresAt, out DateTimeOffset issuedAt)
    {
        expiresAt = issuedAt = default;
        if (!TryInstant(claims, "exp", out expiresAt) || !TryInstant(claims, "iat", out issuedAt)) return TokenFault.NoTimes;
        if (claims.TryGetProperty("nbf", out _) && (!TryInstant(claims, "nbf", out var notBefore) || notBefore > now + issuer.ClockSkew)) return TokenFault.NotYet;
        if (issuedAt > now + issuer.ClockSkew) return TokenFault.FromFuture;
        if (expiresAt + issuer.ClockSkew <= now) return TokenFault.Expired;
        return expiresAt <= issuedAt || expiresAt - issuedAt > issuer.MaxTokenLife ? TokenFault.LivesTooLong : null;
    }

    /// <summary>Whether a text can stand for somebody.</summary>
    public static bool IsUsableSubject(string? subject) => subject is { Length: > 0 and <= MaxSubjectLength } && !subject.Any(char.IsControl);

    public static bool HasAny(JsonElement claims, ImmutableArray<string> names)
    {
        foreach (var name in names)
        {
            if (claims.TryGetProperty(name, out _)) return true;
        }

        return false;
    }

    private static bool HasType(TokenText token, TrustedIssuer issuer) => token.Type is { } type
        ? type != TrustedIssuer.NoType && issuer.Types.Contains(type, StringComparer.Ordinal)
        : issuer.Types.Contains(TrustedIssuer.NoType, StringComparer.Ordinal);

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
