using System.Collections.Concurrent;
using Microsoft.AspNetCore.Http;
using Postern.Core.Operations;
using Postern.Core.Sessions;

namespace Postern.Gateway.Authorization;

/// <summary>
/// A refresh token for the next one and an access token (RFC 6749 section 6, rotating as RFC 9700 section 4.14.2 says). The issuer is
/// asked each time, where it gave the means: whoever was disabled or left a group there learns it here within one token's life.
/// </summary>
internal sealed class RefreshGrant(ProviderDoor provider, TokenFamilies families, FamilyTokens tokens, ResourceRules resources, Revocations revocations) : IGrant
{
    // One renewal of a family at a time: two would use one token of the issuer's twice, and it would end the sign-in there.
    private readonly ConcurrentDictionary<string, bool> _underWay = new(StringComparer.Ordinal);

    public string Type => "refresh_token";

    public async ValueTask<TokenAnswer> AnswerAsync(OAuthClient? client, IFormCollection form, CancellationToken cancellationToken)
    {
        var refresh = form["refresh_token"].ToString();
        switch (await families.FindAsync(refresh, cancellationToken).ConfigureAwait(false))
        {
            case Presented.Good { Family: var family }:
                if (family.Client != client!.Id) return await EndAsync(family.Id, "a refresh token came from another client").ConfigureAwait(false);
                if (form.ContainsKey("resource") && (!resources.TryRead(form["resource"], out var resource) || resource != family.Resource)) return TokenAnswer.Refuse("invalid_target", "the resource is not the one that was agreed to");
                if (!OAuthText.IsScope(form["scope"].ToString())) return TokenAnswer.Refuse("invalid_scope", "expected scopes, each apart by one space");
                if (revocations.Covers(family.Person)) return await EndAsync(family.Id, "the person's credentials were taken back").ConfigureAwait(false);
                if (!_underWay.TryAdd(family.Id, true)) return TokenAnswer.Refuse("temporarily_unavailable", "this sign-in is being renewed already", StatusCodes.Status503ServiceUnavailable);
                try
                {
                    return await RenewAsync(family, refresh, cancellationToken).ConfigureAwait(false);
                }
                finally
                {
                    _underWay.TryRemove(family.Id, out _);
                }
            case Presented.Reused { Family: var copied }:
                return await EndAsync(copied, "a refresh token was used twice").ConfigureAwait(false);
            default:
                return Over;
        }
    }

    private static TokenAnswer Over => TokenAnswer.Refuse("invalid_grant", "the refresh token is unknown, used or over");

    private async ValueTask<TokenAnswer> RenewAsync(TokenFamily family, string refresh, CancellationToken cancellationToken)
    {
        // 1. Is it still who it was? The issuer's word; where it cannot be asked, nothing is used up and nothing is given.
        if (family.IssuerToken is { } issuerToken)
        {
            var outcome = await provider.RenewAsync(issuerToken, family.Person, cancellationToken).ConfigureAwait(false);
            if (outcome.IsUnknown) return TokenAnswer.Refuse("temporarily_unavailable", "the issuer cannot be asked at the moment", StatusCodes.Status503ServiceUnavailable);
            if (outcome.Answer is not Authentication.Accepted { Identity: var person }) return await EndAsync(family.Id, "the issuer does not renew the sign-in").ConfigureAwait(false);
            family = family.Renewed(person, outcome.RefreshToken);
        }

        // 2. One token for the next; whoever comes second with the same one holds a copy. From here on the caller's patience does not count:
        // the issuer may have rotated its own.
        if (await families.RotateAsync(family, refresh, CancellationToken.None).ConfigureAwait(false) is not { } next) return await EndAsync(family.Id, "a refresh token was used twice").ConfigureAwait(false);
        if (await tokens.IssueAsync(family.Person, family.Resource, family.EndsAt, Type, CancellationToken.None).ConfigureAwait(false) is not var (token, life)) return TokenAnswer.Refuse("server_error", "the issuer says more about the person than a token can carry");
        return families.HasEnded(family.Id) ? Over : TokenAnswer.Of(token, life, next);
    }

    private async ValueTask<TokenAnswer> EndAsync(string family, string why)
    {
        await families.RevokeAsync(family, why, CancellationToken.None).ConfigureAwait(false);
        return Over;
    }
}
