using System.Buffers;
using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Text;
using Microsoft.Extensions.Logging;
using Postern.Core.Operations;
using Postern.Core.Sessions;

namespace Postern.Gateway.Identities;

/// <summary>
/// Bearer tokens of the configured issuers: read strictly, matched to exactly one issuer, judged by its rules, and only then
/// verified with that issuer's keys (G13). A verified token is remembered by hash until it ends; its audience, its end, its
/// keys and revocations are judged again every time.
/// </summary>
public sealed class TokenAuthenticator : IAuthenticator, IDisposable
{
    private readonly FrozenDictionary<string, Source> _byAuthority;
    private readonly ImmutableArray<Source> _sources;
    private readonly TokenDigests _digests = new();
    private readonly VerifiedTokens _verified = new();
    private readonly ConcurrentDictionary<Digest, DateTimeOffset> _revokedTokens = new();
    private readonly Revocations _revocations;
    private readonly ITokenVerifier _verifier;
    private readonly IOwnTokens? _own;
    private readonly TimeProvider _clock;

    /// <summary>Keys are fetched when the first token of an issuer comes.</summary>
    /// <param name="issuers">Whom to trust; names and authorities are distinct.</param>
    /// <param name="clock">All time.</param>
    /// <param name="logs">Learns why keys could not be refreshed.</param>
    /// <param name="handler">Answers in place of the network; each issuer's client owns the one that it gets.</param>
    /// <param name="verifier">Checks signatures; null for the product's own.</param>
    /// <param name="revocations">Whose tokens were taken back; null for a list of its own.</param>
    /// <exception cref="ArgumentException">An issuer's settings would trust too much.</exception>
    public TokenAuthenticator(
        IEnumerable<TrustedIssuer> issuers, TimeProvider clock, ILoggerFactory logs, Func<TrustedIssuer, HttpMessageHandler>? handler = null, ITokenVerifier? verifier = null, Revocations? revocations = null)
        : this(issuers, clock, logs, own: null, handler, verifier, revocations)
    {
    }

    /// <summary>The same, with tokens of the gateway's own: an issuer like the others, judged and verified on the same path.</summary>
    internal TokenAuthenticator(
        IEnumerable<TrustedIssuer> issuers, TimeProvider clock, ILoggerFactory logs, IOwnTokens? own, Func<TrustedIssuer, HttpMessageHandler>? handler = null, ITokenVerifier? verifier = null, Revocations? revocations = null)
    {
        _own = own;
        _revocations = revocations ?? new Revocations();
        _clock = clock;
        _verifier = verifier ?? new IdentityModelVerifier();
        var log = logs.CreateLogger<TokenAuthenticator>();
        _sources = [.. issuers.Select(issuer => Source.Of(issuer, handler, clock, log))];
        if (own is not null) _sources = _sources.Add(Source.Of(own.Issuer, _ => own.OpenHandler(), clock, log));
        _byAuthority = _sources.ToFrozenDictionary(source => source.Issuer.Authority, StringComparer.Ordinal);

        // one name has several exact issuers only where a template made them, one for each tenant
        if (_sources.GroupBy(source => source.Issuer.Name, StringComparer.Ordinal).Any(same => same.Count() > 1 && !same.All(source => source.Issuer.Shape.IsTenantInSubject && source.Issuer.Tenants.Count == 1)))
        {
            throw new ArgumentException("expected issuers with distinct names", nameof(issuers));
        }
    }

    internal sealed record Source(TrustedIssuer Issuer, IssuerClient Client, SigningKeys Keys, GroupDirectory? Directory)
    {
        public static Source Of(TrustedIssuer issuer, Func<TrustedIssuer, HttpMessageHandler>? handler, TimeProvider clock, ILogger log)
        {
            issuer.Check();
            var client = new IssuerClient(issuer, handler?.Invoke(issuer));
            var keys = new SigningKeys(issuer, client, clock, log);
            if (issuer.Directory is not { } options) return new(issuer, client, keys, null);
            var documents = new DocumentClient("the directory", new Uri(options.Url), handler?.Invoke(issuer));
            var tokens = new DocumentClient("the token endpoint", new Uri(options.TokenUrl ?? issuer.Authority), handler?.Invoke(issuer));
            return new(issuer, client, keys, new GroupDirectory(issuer, options, keys, documents, tokens, clock, log));
        }
    }

    /// <summary>The issuers that people can sign in at through a browser.</summary>
    internal ImmutableArray<Source> ForBrowsers => [.. _sources.Where(source => source.Issuer.ClientId is not null)];

    /// <inheritdoc/>
    public ValueTask<Authentication> AuthenticateAsync(string token, string resource, CancellationToken cancellationToken)
    {
        if (token.Length is 0 or > TokenText.MaxLength || !_digests.TryGet(token, out var digest))
        {
            return new(Refused(TokenFault.NotAscii));
        }

        var now = _clock.GetUtcNow();
        if (_verified.Find(digest, now) is { } known && known.FreshUntil > now && ReferenceEquals(known.Keys.TryCurrent(), known.VerifiedWith))
        {
            return new(Admit(known, resource, now));
        }

        return VerifyAsync(token, digest, resource, now, cancellationToken);
    }

    /// <summary>The same, and nothing is remembered of it: nobody counts as seen for a token that was only looked at.</summary>
    internal ValueTask<Authentication> TryOutAsync(string token, string resource, CancellationToken cancellationToken) =>
        TokenDigests.TryDigest(token, out var digest) ? VerifyAsync(token, digest, resource, _clock.GetUtcNow(), cancellationToken, remembers: false) : new(Refused(TokenFault.NotAscii));

    /// <summary>The issuer with this exact text, or null.</summary>
    internal TrustedIssuer? IssuerOf(string? authority) => authority is not null && _byAuthority.TryGetValue(authority, out var source) ? source.Issuer : null;

    /// <summary>All issuers.</summary>
    internal IEnumerable<TrustedIssuer> Issuers => _sources.Select(source => source.Issuer);

    /// <summary>Null once the keys of at least one issuer are at hand; asks for them when nobody did yet, at most as often as keys are ever asked for.</summary>
    internal async ValueTask<string?> ComplaintAsync(CancellationToken cancellationToken)
    {
        foreach (var source in _sources)
        {
            // Its own keys are always at hand, and vouch for nobody whom no other issuer vouched for.
            if (ReferenceEquals(source.Issuer, _own?.Issuer)) continue;
            if (await source.Keys.CurrentAsync(cancellationToken).ConfigureAwait(false) is not null) return null;
        }

        return "the keys of no issuer can be read, so nobody can be let in";
    }

    /// <summary>Refuses this token from now on. What already runs on it is cut by the leash, not here.</summary>
    public void RevokeToken(string token)
    {
        if (TryDigestInput(token, out var digest))
        {
            Sweep();
            _revokedTokens[digest] = _clock.GetUtcNow();
        }
    }

    /// <summary>
    /// What was signed, without the signature: of an ECDSA signature anybody can make a second one that holds as well, and a revoked
    /// token must not come back under it.
    /// </summary>
    private static bool TryDigestInput(string token, out Digest digest)
    {
        digest = default;
        return token.LastIndexOf('.') is > 0 and var dot && TokenDigests.TryDigest(token[..dot], out digest);
    }

    /// <summary>Whose tokens were taken back.</summary>
    internal Revocations Revocations => _revocations;

    /// <summary>What verifies signatures here, for whatever else is signed and read as tokens are.</summary>
    internal ITokenVerifier Verifier => _verifier;

    /// <summary>The issuers that are asked whether their tokens still count, by name; set once, before anybody is let in.</summary>
    internal FrozenDictionary<string, Introspection> Introspections { get; set; } = FrozenDictionary<string, Introspection>.Empty;

    /// <summary>The client of an issuer.</summary>
    internal IssuerClient ClientOf(string issuer) => _sources.First(source => source.Issuer.Name == issuer).Client;

    /// <summary>The names of the issuers.</summary>
    internal IEnumerable<string> IssuerNames => _sources.Select(source => source.Issuer.Name).Distinct(StringComparer.Ordinal);

    /// <summary>No token lives longer than this, so neither need a revocation.</summary>
    internal TimeSpan LongestLife => _sources.Max(source => source.Issuer.MaxTokenLife) + TimeSpan.FromMinutes(2);

    /// <summary>
    /// An id token of a browser sign-in (OpenID Connect Core section 3.1.3.7): its own type, the client as its only audience, the
    /// nonce of this very sign-in, and <c>auth_time</c>. Without a nonce it is one that renews a sign-in (section 12.2), and the person need
    /// not have proved again who they are. Never accepted anywhere else.
    /// </summary>
    internal async ValueTask<Authentication> AuthenticateSignInAsync(string idToken, TrustedIssuer issuer, string? nonce, CancellationToken cancellationToken)
    {
        var now = _clock.GetUtcNow();
        if (TokenText.TryRead(idToken, out var unreadable) is not { } text)
        {
            return Refused(unreadable!);
        }

        if (text.Type is not (null or "JWT") || TokenText.Text(text.Claims, "iss") != issuer.Authority || text.Claims.TryGetProperty("events", out _))
        {
            return Refused(TokenFault.SignInOther);
        }

        var untimely = TokenRules.RefuseTimes(text.Claims, issuer, now, out _, out var issuedAt);
        if ((TokenRules.RefuseCommon(text, issuer) ?? untimely) is { } refusal)
        {
            return Refused(refusal);
        }

        DateTimeOffset signedInAt;
        if (TokenRules.Audiences(text.Claims) is not [var audience] || audience != issuer.ClientId || (nonce is not null && TokenText.Text(text.Claims, "nonce") != nonce))
        {
            return Refused(TokenFault.SignInReplay);
        }

        if (nonce is null && !text.Claims.TryGetProperty("auth_time", out _)) signedInAt = DateTimeOffset.UnixEpoch;
        else if (!TokenRules.TryInstant(text.Claims, "auth_time", out signedInAt) || signedInAt > now + issuer.ClockSkew)
        {
            return Refused(TokenFault.SignInNoTime);
        }

        var source = _byAuthority[issuer.Authority];
        var (_, failure) = await VerifySignatureAsync(source, idToken, text, audience, cancellationToken);
        if (failure is not null)
        {
            return failure;
        }

        var elsewhere = await ElsewhereAsync(source, text, isSignIn: true, cancellationToken);
        if (elsewhere?.Fault is { } unknown) return Refused(unknown);
        if (IdentityClaims.Read(issuer, text, issuedAt, now + PageSessions.WholeLife, signedInAt, elsewhere?.Groups, out var unread) is not { } identity)
        {
            return Refused(unread!);
        }

        if (_revocations.Covers(identity)) return Refused(TokenFault.SignInRevoked);
        Vouched?.Invoke(identity);
        return new Authentication.Accepted(identity);
    }

    /// <summary>What is known of whoever a credential names since it was issued; set once, before anybody is let in.</summary>
    internal Func<Identity, Identity> Standing { get; set; } = static credential => credential;

    /// <summary>Told of everybody whom an issuer vouched for just now, in a token not seen before or a sign-in.</summary>
    internal Action<Identity>? Vouched { private get; set; }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var source in _sources)
        {
            source.Client.Dispose();
            source.Directory?.Dispose();
        }
    }

    private async ValueTask<Authentication> VerifyAsync(string token, Digest digest, string resource, DateTimeOffset now, CancellationToken cancellationToken, bool remembers = true)
    {
        // 1. One reading.
        if (TokenText.TryRead(token, out var unreadable) is not { } text)
        {
            return Refused(unreadable!);
        }

        // 2. One issuer, by its exact text.
        if (TokenText.Text(text.Claims, "iss") is not { } authority || !_byAuthority.TryGetValue(authority, out var source))
        {
            return Refused(TokenFault.OtherIssuer);
        }

        // 3. That issuer's rules.
        var issuer = source.Issuer;
        var untimely = TokenRules.RefuseTimes(text.Claims, issuer, now, out var expiresAt, out var issuedAt);
        if ((TokenRules.Refuse(text, issuer) ?? TokenRules.RefuseCommon(text, issuer) ?? untimely) is { } refusal)
        {
            return Refused(refusal);
        }

        var audiences = TokenRules.Audiences(text.Claims) ?? [];
        if (AcceptedAudience(issuer, audiences, resource) is not { } audience)
        {
            return Refused(TokenFault.OtherAudience);
        }

        // 4. That issuer's signature.
        var (state, failure) = await VerifySignatureAsync(source, token, text, audience, cancellationToken);
        if (state is null)
        {
            return failure!;
        }

        // 5. Groups that are too many for a token, from the configured directory.
        var endsAt = expiresAt + issuer.ClockSkew;
        var isOwn = ReferenceEquals(issuer, _own?.Issuer);
        var elsewhere = isOwn ? null : await ElsewhereAsync(source, text, isSignIn: false, cancellationToken);
        if (elsewhere?.Fault is { } unknown) return Refused(unknown);
        TokenFault? unread;
        var identity = isOwn ? _own!.Read(text, issuedAt, endsAt, out unread) : IdentityClaims.Read(issuer, text, issuedAt, endsAt, interactiveSince: null, elsewhere?.Groups, out unread);
        if (identity is null)
        {
            return Refused(unread!);
        }

        // 6. For a person: everything that the client had to ask them for. Told only to whoever holds a token that is good otherwise.
        if (identity.Kind == IdentityKind.Person && !isOwn && !TokenRules.HasScopes(text.Claims, issuer.Scopes))
        {
            return new Authentication.Refused(TokenFault.LacksScope.Reason) { NeededScopes = issuer.Scopes };
        }

        var freshUntil = elsewhere is null ? DateTimeOffset.MaxValue : now + GroupDirectory.Fresh;
        var verified = new VerifiedToken(new Authentication.Accepted(identity), issuer, source.Keys, state, audiences, endsAt, freshUntil) { Input = TryDigestInput(token, out var input) ? input : default };
        var answer = Admit(verified, resource, now);
        if (answer is Authentication.Accepted && Introspections.TryGetValue(issuer.Name, out var introspection))
        {
            var (known, refusedThere) = await introspection.FirstAsync(token, identity, endsAt, cancellationToken);
            if (known is null)
            {
                return refusedThere!;
            }

            verified = verified with { Introspected = known };
        }

        if (remembers && answer is Authentication.Accepted)
        {
            _verified.Keep(digest, verified);
            if (!ReferenceEquals(issuer, _own?.Issuer)) Vouched?.Invoke(identity);
        }

        return answer;
    }

    /// <summary>What the directory knows of the groups; null where the token has them itself.</summary>
    private static async ValueTask<DirectoryAnswer?> ElsewhereAsync(Source source, TokenText text, bool isSignIn, CancellationToken cancellationToken)
    {
        if (!TokenRules.IsElsewhere(text.Claims)) return null;
        if (source.Directory is not { } directory) return new([], TokenFault.Overage);
        if (!IdentityAgent.TryRead(source.Issuer, text.Claims, out var agent, out var fault)) return new([], fault);
        var isWorkload = !isSignIn && IdentityClaims.IsWorkload(source.Issuer, text.Claims, agent);
        var tenant = source.Issuer.Shape.TenantClaim is { } claim ? TokenText.Text(text.Claims, claim) : null;
        return await directory.GroupsOfAsync(tenant, TokenText.Text(text.Claims, source.Issuer.Shape.SubjectClaim), isWorkload, cancellationToken);
    }

    private static Authentication.Refused Refused(TokenFault fault) => new(fault.Reason) { IsTransient = fault == TokenFault.NoKeys || fault == TokenFault.NoDirectory };

    /// <summary>A signature by the issuer's key with this id; an unknown id asks the issuer again, at most once per interval.</summary>
    internal async ValueTask<(IssuerState? State, Authentication.Refused? Failure)> VerifySignatureAsync(Source source, string token, TokenText text, string audience, CancellationToken cancellationToken)
    {
        if (await source.Keys.CurrentAsync(cancellationToken) is not { } state)
        {
            return (null, Refused(TokenFault.NoKeys));
        }

        var keys = Fitting(state, text);
        if (keys.IsEmpty && await source.Keys.NewerAsync(state, cancellationToken) is { } newer)
        {
            (state, keys) = (newer, Fitting(newer, text));
        }

        if (keys.IsEmpty)
        {
            return (null, Refused(TokenFault.UnknownKey));
        }

        return _verifier.Holds(token, text.Algorithm, source.Issuer.Authority, audience, keys) ? (state, null) : (null, Refused(TokenFault.BadSignature));
    }

    private static ImmutableArray<IssuerKey> Fitting(IssuerState state, TokenText text) =>
        [.. state.Keys.Where(key => string.Equals(key.Id, text.KeyId, StringComparison.Ordinal) && key.Fits(text.Algorithm))];

    // what can change between two uses of one token
    private Authentication Admit(VerifiedToken token, string resource, DateTimeOffset now)
    {
        if (token.EndsAt <= now)
        {
            return Refused(TokenFault.Expired);
        }

        if (AcceptedAudience(token.Issuer, token.Audiences, resource) is null)
        {
            return Refused(TokenFault.OtherAudience);
        }

        if (!_revokedTokens.IsEmpty && _revokedTokens.ContainsKey(token.Input))
        {
            return Refused(TokenFault.Revoked);
        }

        if (token.Accepted.Identity.Family is { } family && _own?.HasEnded(family) == true)
        {
            return Refused(TokenFault.FamilyEnded);
        }

        if (token.Introspected?.Complaint(now) is { } unconfirmed)
        {
            return unconfirmed;
        }

        if (_revocations.Covers(token.Accepted.Identity))
        {
            return Refused(TokenFault.IdentityRevoked);
        }

        var identity = token.Accepted.Identity;
        var standing = Standing(identity);
        return ReferenceEquals(standing, identity) ? token.Accepted : new Authentication.Accepted(standing);
    }

    private static string? AcceptedAudience(TrustedIssuer issuer, string[] audiences, string resource)
    {
        foreach (var audience in audiences)
        {
            if (string.Equals(audience, resource, StringComparison.Ordinal) || issuer.Audiences.Contains(audience, StringComparer.Ordinal))
            {
                return audience;
            }
        }

        return null;
    }

    // no token outlives its issuer's longest life, so neither does a revocation
    private void Sweep()
    {
        var before = _clock.GetUtcNow() - LongestLife;
        foreach (var (digest, at) in _revokedTokens)
        {
            if (at < before)
            {
                _revokedTokens.TryRemove(digest, out _);
            }
        }
    }
}
