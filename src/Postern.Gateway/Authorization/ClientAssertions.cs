using System.Collections.Immutable;
using Postern.Gateway.Identities;

namespace Postern.Gateway.Authorization;

/// <summary>
/// Assertions by which clients authenticate (<c>private_key_jwt</c>, RFC 7523 section 3): made for this server, for minutes, once. Read
/// and verified as tokens are.
/// </summary>
internal sealed class ClientAssertions(string url, ITokenVerifier verifier, TimeProvider clock)
{
    public const string Type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

    /// <summary>How far ahead an assertion may end.</summary>
    public static readonly TimeSpan LongestLife = TimeSpan.FromMinutes(5);

    private const int MaxId = 256;
    private static readonly TimeSpan _skew = TimeSpan.FromSeconds(30);
    private readonly ReplayMemory _used = new(clock);

    public static ImmutableArray<string> Algorithms { get; } = ["ES256", "ES384", "RS256", "PS256"];

    /// <summary>Whom an assertion says that it is from, not believed yet; null when it cannot be read.</summary>
    public static string? ClientOf(string assertion) => TokenText.TryRead(assertion, out _, mayLackKeyId: true) is { } text && TokenText.Text(text.Claims, "sub") is { Length: > 0 } client && TokenText.Text(text.Claims, "iss") == client ? client : null;

    /// <summary>Null when the client made it, for us and for now; otherwise why not.</summary>
    public string? Complaint(string assertion, OAuthClient client)
    {
        if (TokenText.TryRead(assertion, out _, mayLackKeyId: true) is not { } text) return "the assertion cannot be read";
        var claims = text.Claims;
        if (TokenText.Text(claims, "iss") != client.Id || TokenText.Text(claims, "sub") != client.Id) return "the assertion is of another client";

        // One audience: an assertion that is good at two servers can be carried from one to the other.
        if (TokenRules.Audiences(claims) is not [var audience] || (audience != url && audience != url + ServerMetadata.TokenPath)) return "the assertion is for another server";
        var now = clock.GetUtcNow();
        if (!TokenRules.TryInstant(claims, "exp", out var endsAt) || endsAt + _skew <= now) return "the assertion is over, or does not end";
        if (endsAt > now + LongestLife + _skew) return "the assertion lives longer than five minutes";
        if (claims.TryGetProperty("nbf", out _) && (!TokenRules.TryInstant(claims, "nbf", out var notBefore) || notBefore > now + _skew)) return "the assertion is not valid yet";
        if (claims.TryGetProperty("iat", out _) && (!TokenRules.TryInstant(claims, "iat", out var issuedAt) || issuedAt > now + _skew)) return "the assertion is from the future";
        if (TokenText.Text(claims, "jti") is not { Length: > 0 and <= MaxId } id) return "the assertion has no id";
        if (!Algorithms.Contains(text.Algorithm)) return "the assertion's algorithm is not accepted";
        ImmutableArray<IssuerKey> keys = [.. client.Keys.Where(key => (text.KeyId.Length == 0 || string.Equals(key.Id, text.KeyId, StringComparison.Ordinal)) && key.Fits(text.Algorithm))];
        if (keys.IsEmpty || !verifier.Holds(assertion, text.Algorithm, client.Id, audience, keys)) return "the assertion is not signed by a key of the client";
        return _used.TryUse($"{client.Id}\n{id}", endsAt + _skew) ? null : "the assertion was used before";
    }
}
