using System.Collections.Immutable;
using System.Text.Json;
using Postern.Core.Operations;

namespace Postern.Gateway.Identities.Logout;

/// <summary>What an issuer says is over.</summary>
/// <param name="Issuer">The issuer's configured name.</param>
/// <param name="Subject">Whose sign-in, or null when the session alone is named.</param>
/// <param name="SessionId">Which session, or null for all of the person's.</param>
internal sealed record LogoutNotice(string Issuer, string? Subject, string? SessionId);

/// <summary>What became of reading a logout token.</summary>
/// <param name="Notice">What it says, or null.</param>
/// <param name="Reason">Why it says nothing; holds no part of it.</param>
/// <param name="IsTransient">True when the same token may be good a little later.</param>
internal readonly record struct LogoutReading(LogoutNotice? Notice, string Reason = "", bool IsTransient = false);

/// <summary>
/// Reads logout tokens (OpenID Connect Back-Channel Logout 1.0 sections 2.4 and 2.6): signed by the issuer's keys, made for the client with which people sign in here,
/// of their own type, fresh, with the logout event and without a nonce, and each good once.
/// </summary>
internal sealed class LogoutTokens(TokenAuthenticator authenticator, TimeProvider clock)
{
    /// <summary>The member of <c>events</c> that makes a token one that logs out.</summary>
    public const string Event = "http://schemas.openid.net/event/backchannel-logout";

    /// <summary>A token that was signed longer ago comes from somewhere else than the issuer's queue.</summary>
    public static readonly TimeSpan Freshness = TimeSpan.FromMinutes(5);

    private const int MaxMark = 255;

    // Each issuer signs its own: this many in five minutes is more than any gateway has people.
    private const int MaxSeen = 100_000;

    private readonly Dictionary<(string Issuer, string Id), DateTimeOffset> _seen = [];
    private readonly Lock _lock = new();

    /// <param name="token">What was sent.</param>
    /// <param name="sources">The issuer that is meant; several where it has tenants.</param>
    /// <param name="cancellationToken">Interrupt.</param>
    public async ValueTask<LogoutReading> ReadAsync(string token, ImmutableArray<TokenAuthenticator.Source> sources, CancellationToken cancellationToken)
    {
        var now = clock.GetUtcNow();
        if (TokenText.TryRead(token, out var reason) is not { } text) return new LogoutReading(null, reason?.Reason ?? "token cannot be read");
        if (sources.FirstOrDefault(one => one.Issuer.Authority == TokenText.Text(text.Claims, "iss")) is not { } source) return new LogoutReading(null, "token is of another issuer");
        var issuer = source.Issuer;
        if (Refuse(text, issuer, now, out var notice, out var id) is { } refusal) return new LogoutReading(null, refusal);
        var (_, failure) = await authenticator.VerifySignatureAsync(source, token, text, issuer.ClientId!, cancellationToken).ConfigureAwait(false);
        if (failure is not null) return new LogoutReading(null, failure.Reason, failure.IsTransient);
        // After the signature: whoever cannot sign cannot use up the ids of those who can.
        return TryTake(issuer.Name, id, now) ? new LogoutReading(notice) : new LogoutReading(null, "logout token was used before");
    }

    private static string? Refuse(TokenText text, TrustedIssuer issuer, DateTimeOffset now, out LogoutNotice? notice, out string id)
    {
        (notice, id) = (null, "");
        var claims = text.Claims;
        if (text.Type is not ("logout+jwt" or "application/logout+jwt")) return "token type is not one of a logout token";
        if (!issuer.Algorithms.Contains(text.Algorithm, StringComparer.Ordinal)) return "token algorithm is not accepted";
        if (TokenRules.Audiences(claims) is not [var audience] || audience != issuer.ClientId) return "token is for another audience";
        if (TokenRules.RefuseTimes(claims, issuer, now, out _, out var issuedAt) is { } untimely) return untimely.Reason;
        if (issuedAt < now - Freshness - issuer.ClockSkew) return "logout token is not fresh";
        if (claims.TryGetProperty("nonce", out _)) return "token was made for another use";
        if (!claims.TryGetProperty("events", out var events) || events.ValueKind != JsonValueKind.Object || !events.TryGetProperty(Event, out var logout) || logout.ValueKind != JsonValueKind.Object) return "token does not log out";
        if (TokenText.Text(claims, "jti") is not { Length: > 0 and <= MaxMark } jti) return "logout token has no usable id";
        if (!TryMark(claims, issuer.Shape.SignInSubjectClaim ?? issuer.Shape.SubjectClaim, out var subject) || !TryMark(claims, "sid", out var session) || (subject ?? session) is null) return "logout token names neither a subject nor a session";
        if (subject is { } named && (subject = issuer.SubjectOf(named, issuer.OnlyTenant)) is null) return "logout token names a subject without its tenant";
        (notice, id) = (new LogoutNotice(issuer.Name, subject, session), jti);
        return null;
    }

    private static bool TryMark(JsonElement claims, string name, out string? mark)
    {
        mark = null;
        if (!claims.TryGetProperty(name, out _)) return true;
        mark = TokenText.Text(claims, name);
        return mark is { Length: > 0 and <= MaxMark } && !mark.Any(char.IsControl);
    }

    private bool TryTake(string issuer, string id, DateTimeOffset now)
    {
        lock (_lock)
        {
            if (_seen.Count >= MaxSeen)
            {
                foreach (var (key, until) in _seen)
                {
                    if (until < now) _seen.Remove(key);
                }
                // A logout that comes twice ends nothing more; one that is lost would.
                if (_seen.Count >= MaxSeen) _seen.Clear();
            }
            return _seen.TryAdd((issuer, id), now + Freshness + TrustedIssuer.MaxClockSkew + TrustedIssuer.MaxClockSkew);
        }
    }
}
