using System.Collections.Frozen;
using Microsoft.AspNetCore.Http;
using Postern.Core.Operations;
using Postern.Gateway.Identities;

namespace Postern.Gateway.Authorization;

/// <summary>
/// A token of a configured issuer for one that is good for a single connection (RFC 8693). It speaks of the same identity, acted for by
/// the same client, and ends no later: it can say less than the first, never more.
/// </summary>
internal sealed class ExchangeGrant(TokenAuthenticator authenticator, FamilyTokens tokens, ResourceRules resources, string url, IEnumerable<string> issuers) : IGrant
{
    private const string AccessToken = "urn:ietf:params:oauth:token-type:access_token";
    private const string Jwt = "urn:ietf:params:oauth:token-type:jwt";
    private readonly FrozenSet<string> _issuers = issuers.ToFrozenSet(StringComparer.Ordinal);

    public string Type => ServerMetadata.ExchangeGrant;

    public bool NeedsClient => false;

    public async ValueTask<TokenAnswer> AnswerAsync(OAuthClient? client, IFormCollection form, CancellationToken cancellationToken)
    {
        if (form["subject_token_type"].ToString() is not (AccessToken or Jwt)) return TokenAnswer.Refuse("invalid_request", "expected a subject_token_type of access_token or jwt");
        if (form.ContainsKey("actor_token") || form.ContainsKey("actor_token_type")) return TokenAnswer.Refuse("invalid_request", "who acts is what the subject token says; expected no actor_token");
        if (form.ContainsKey("audience")) return TokenAnswer.Refuse("invalid_target", "expected `resource` instead of `audience`");
        if (form["requested_token_type"].ToString() is not ("" or AccessToken or Jwt)) return TokenAnswer.Refuse("invalid_request", "only access tokens are issued");
        if (!resources.TryRead(form["resource"], out var resource)) return TokenAnswer.Refuse("invalid_target", "expected `resource`, the URL of one connection of this gateway");
        switch (await authenticator.AuthenticateAsync(form["subject_token"].ToString(), url, cancellationToken).ConfigureAwait(false))
        {
            case Authentication.Refused { IsTransient: true }:
                return TokenAnswer.Refuse("temporarily_unavailable", "the issuer's keys cannot be read at the moment", StatusCodes.Status503ServiceUnavailable);
            case Authentication.Accepted { Identity: var subject } when _issuers.Contains(subject.Issuer) && subject.Family is null:
                // a client that says who it is must be the one that the token was given to
                if (client is not null && subject.Agent != client.Id) return TokenAnswer.Refuse("invalid_grant", "the subject token was given to another client");
                var identity = new Identity
                {
                    Issuer = subject.Issuer,
                    Subject = subject.Subject,
                    Kind = subject.Kind,
                    Agent = subject.Agent,
                    Groups = subject.Groups,
                    DisplayName = subject.DisplayName,
                    Family = OAuthText.NewSecret(),
                    SessionId = subject.SessionId,
                    Claims = TokenFamily.ClaimsOf(subject.Claims),
                };
                if (await tokens.IssueAsync(identity, resource, subject.ExpiresAt, "token-exchange", cancellationToken).ConfigureAwait(false) is not var (token, life)) return TokenAnswer.Refuse("server_error", "the issuer says more than a token can carry, or its token is over");
                var answer = TokenAnswer.Of(token, life);
                answer.Tokens!["issued_token_type"] = AccessToken;
                return answer;
            default:
                return TokenAnswer.Refuse("invalid_grant", "the subject token is not accepted, or its issuer's tokens are not exchanged");
        }
    }
}
