using Microsoft.AspNetCore.Http;
using Postern.Core.Operations;
using Postern.Gateway.Identities;

namespace Postern.Gateway.Authorization;

/// <summary>The one issuer behind the authorization server, at which the gateway is one confidential client.</summary>
internal sealed class ProviderDoor(TokenAuthenticator authenticator, string url, string issuer, string scope, TimeProvider clock)
{
    /// <summary>The code of an answer that may be of another issuer.</summary>
    public const string MixUp = "mix_up";

    private readonly TokenAuthenticator.Source _source = authenticator.ForBrowsers.First(source => source.Issuer.Name == issuer);
    private readonly string _callback = url + ServerMetadata.CallbackPath;

    public SignInAttempt Begin() => SignInAttempt.Begin(issuer, "/", isFresh: false, clock.GetUtcNow());

    /// <summary>Where people sign in; null when the issuer cannot be reached.</summary>
    public async ValueTask<string?> AddressAsync(SignInAttempt attempt, CancellationToken cancellationToken) =>
        await _source.Keys.CurrentAsync(cancellationToken).ConfigureAwait(false) is { Metadata: { Authorization: { } authorization, Token: not null } }
            ? IssuerSignIn.AuthorizationUrl(_source, authorization, attempt, _callback, scope, PageSessions.WholeLife)
            : null;

    /// <summary>Who signed in, or why nobody did.</summary>
    public async ValueTask<(SignInOutcome? Outcome, OAuthError? Refusal)> FinishAsync(SignInAttempt attempt, IQueryCollection query, CancellationToken cancellationToken)
    {
        if (await _source.Keys.CurrentAsync(cancellationToken).ConfigureAwait(false) is not { Metadata: { Token: { } tokenEndpoint } metadata }) return (null, new("temporarily_unavailable", "the issuer cannot be reached"));
        if (!IssuerSignIn.IsAnswerOf(_source, metadata, query)) return (null, new(MixUp, "the answer came from another issuer"));
        if (query["code"].ToString() is not { Length: > 0 } code || query.ContainsKey("error")) return (null, new("access_denied", "the issuer did not sign the person in"));
        var outcome = await IssuerSignIn.RedeemAsync(authenticator, _source, tokenEndpoint, code, attempt, _callback, cancellationToken).ConfigureAwait(false);
        return outcome.Answer switch
        {
            Authentication.Accepted => (outcome, null),
            Authentication.Refused refused => (null, new(refused.IsTransient ? "temporarily_unavailable" : "access_denied", refused.Reason)),
            _ => (null, new("server_error", "the authenticator gave no answer")),
        };
    }

    /// <summary>What the issuer says of a person now, by the token that it gave at their sign-in.</summary>
    public Task<SignInOutcome> RenewAsync(string issuerToken, Identity person, CancellationToken cancellationToken) => IssuerSignIn.RenewAsync(authenticator, _source, issuerToken, person, cancellationToken);
}
