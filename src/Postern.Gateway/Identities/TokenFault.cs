using System.Collections.Immutable;

namespace Postern.Gateway.Identities;

/// <summary>One way in which a token is not accepted: a reason that holds no part of the token, and what the operator can change.</summary>
/// <param name="Reason">Told to whoever asked, and recorded.</param>
/// <param name="Advice">For operators, in <c>postern idp test</c>.</param>
internal sealed record TokenFault(string Reason, string Advice)
{
    public static readonly TokenFault NotAscii = new("token is too long or not in ASCII", "an access token is short and in ASCII; let the issuer put fewer claims into it (16 KiB is the most)");
    public static readonly TokenFault TooLong = new("token is too long", "let the issuer put fewer claims into it (16 KiB is the most)");
    public static readonly TokenFault NotThreeParts = new("token does not have three parts", "this is no signed JWT: opaque and encrypted tokens cannot be checked here; ask the issuer for a JWT access token, for an API of its own");
    public static readonly TokenFault NotBase64 = new("token is not base64url", "the text was cut, padded or wrapped on its way; pass it on as it was issued");
    public static readonly TokenFault NotStrictJson = new("token is not strict JSON", "the issuer writes something twice, or what is no valid JSON; nothing in Postern's configuration accepts that");
    public static readonly TokenFault Extension = new("token header asks for an extension", "the issuer uses `crit` or `b64`, which are not supported; turn that off there");
    public static readonly TokenFault NoAlgorithm = new("token header has no algorithm", "the issuer must sign with an asymmetric algorithm and say which");
    public static readonly TokenFault NoKeyId = new("token header has no usable key id", "the issuer must name its key by `kid`");
    public static readonly TokenFault TypeNotText = new("token type is not text", "the issuer writes `typ` in a shape that no standard knows");
    public static readonly TokenFault OtherIssuer = new("token issuer is not configured", "add the issuer under `issuers`, with `authority` exactly as the token writes `iss`, to the last slash");
    public static readonly TokenFault OtherType = new("token type is not one of an access token", "if the issuer writes access tokens of this type, name it in `types` (`none` where it writes no `typ`), or use the issuer's `preset`; an id token is never an access token");
    public static readonly TokenFault OtherUse = new("token was made for another use", "this is an id, refresh or logout token; ask the issuer for an access token");
    public static readonly TokenFault Bound = new("token is bound to a key that is not proven here", "the client asked for a sender-constrained token (`cnf`: DPoP or mutual TLS), which is not supported; let it ask for a bearer token");
    public static readonly TokenFault LacksClaim = new("token lacks a claim that the configuration requires", "compare `requiredClaims` with what the issuer writes");
    public static readonly TokenFault LacksScope = new("token was not issued for every scope that is needed here", "let the client ask for all of the issuer's `scopes`; the answer to it names them");
    public static readonly TokenFault LacksMark = new("token lacks a mark of an access token of this provider", "this looks like an id token or one of another version; ask for an access token for the configured audience");
    public static readonly TokenFault OtherTenant = new("token is of a tenant that is not configured", "add the tenant to `tenants` of the issuer, if its people may come in");
    public static readonly TokenFault Overage = new("token says that its groups are elsewhere (overage); let the issuer send only groups assigned to the application, or configure the issuer's `directory`", "in Entra: Token configuration, groups claim, `Groups assigned to the application`; or give the issuer a `directory`");
    public static readonly TokenFault OtherElsewhere = new("token says that claims other than groups are elsewhere", "only groups are read from a directory; let the issuer write the other claims into the token");
    public static readonly TokenFault OtherAlgorithm = new("token algorithm is not accepted", "name it in `algorithms`, if it is asymmetric; shared secrets and `none` are never accepted");
    public static readonly TokenFault NoSubject = new("token has no usable subject", "the issuer must write the stable identifier of whom it vouches for (`sub`, or what the preset says)");
    public static readonly TokenFault NoTimes = new("token needs `exp` and `iat` in whole seconds", "let the issuer write both");
    public static readonly TokenFault NotYet = new("token is not valid yet", "compare the clocks of issuer and gateway; `clockSkew` allows at most a minute");
    public static readonly TokenFault FromFuture = new("token is from the future", "compare the clocks of issuer and gateway; `clockSkew` allows at most a minute");
    public static readonly TokenFault Expired = new("token has expired", "get a new one");
    public static readonly TokenFault LivesTooLong = new("token lives longer than the configuration permits", "let the issuer issue shorter ones, or raise `tokenLife`");
    public static readonly TokenFault OtherAudience = new("token is for another audience", "ask for a token for the audience that is configured, or set `audience` to what the issuer writes for the gateway's API");
    public static readonly TokenFault NoKeys = new("issuer keys cannot be read", "the gateway must reach the issuer's discovery document and key set over https; its log says what went wrong");
    public static readonly TokenFault UnknownKey = new("token key is unknown to its issuer", "the key set of the issuer does not hold this key: the token is of another environment, or of a key that was withdrawn, or the set holds no key of that kind");
    public static readonly TokenFault BadSignature = new("token signature does not hold", "the token was changed on its way, or another party signed it");
    public static readonly TokenFault TwoClients = new("token names two clients", "`client_id`, `azp`, `act` and their like must name one and the same client");
    public static readonly TokenFault BadActor = new("token names its actor in a way that cannot be understood", "`act` must be an object with `sub` (RFC 8693), of the same issuer, nested at most eight deep");
    public static readonly TokenFault BadGroups = new("token groups are not a list of text", "let the issuer write groups and roles as a list of texts, or name another claim in `groupsClaim`");
    public static readonly TokenFault BothKinds = new("token says both that a person and that a program asks", "the issuer marks this token as app-only although it holds a person's scopes; nothing in Postern's configuration accepts that");
    public static readonly TokenFault NoDirectory = new("the directory that knows the groups of this token cannot be asked", "check `directory` of the issuer: address, client, secret and permission; the gateway's log says what went wrong");
    public static readonly TokenFault NotInDirectory = new("the directory does not know whom this token vouches for", "the account is gone, or the directory is another tenant's");
    public static readonly TokenFault SignInOther = new("sign-in token is of another kind or issuer", "the issuer answered a sign-in with something else than an id token");
    public static readonly TokenFault SignInReplay = new("sign-in token was made for another sign-in", "begin the sign-in anew");
    public static readonly TokenFault SignInNoTime = new("sign-in token does not say when the person signed in; let the issuer send `auth_time`", "add the optional claim `auth_time` to the id token at the issuer");
    public static readonly TokenFault Revoked = new("token was revoked", "get a new one, if you still may");
    public static readonly TokenFault IdentityRevoked = new("identity was revoked after this token was issued", "get a new one, if you still may");
    public static readonly TokenFault FamilyEnded = new("the sign-in of this token was ended", "sign in again, if you still may");
    public static readonly TokenFault OwnIssuerGone = new("token speaks of an issuer that is not configured any more", "sign in again");
    public static readonly TokenFault NotOwn = new("token is not one that this gateway makes", "sign in again");
    public static readonly TokenFault SignInRevoked = new("identity was revoked after this sign-in", "sign in again, if you still may");

    private static readonly ImmutableDictionary<string, TokenFault> _byReason = new[]
    {
        NotAscii, TooLong, NotThreeParts, NotBase64, NotStrictJson, Extension, NoAlgorithm, NoKeyId, TypeNotText, OtherIssuer, OtherType, OtherUse, Bound, LacksClaim, LacksScope, LacksMark, OtherTenant, Overage,
        OtherElsewhere, OtherAlgorithm, NoSubject, NoTimes, NotYet, FromFuture, Expired, LivesTooLong, OtherAudience, NoKeys, UnknownKey, BadSignature, TwoClients, BadActor, BadGroups, BothKinds,
        NoDirectory, NotInDirectory, SignInOther, SignInReplay, SignInNoTime, Revoked, IdentityRevoked, SignInRevoked, FamilyEnded, OwnIssuerGone, NotOwn,
    }.ToImmutableDictionary(fault => fault.Reason, StringComparer.Ordinal);

    /// <summary>What the operator can change about a reason; null for one that is not ours.</summary>
    public static string? AdviceOn(string reason) => _byReason.GetValueOrDefault(reason)?.Advice;
}
