using Microsoft.AspNetCore.Http;
using Postern.Core.Sessions;

namespace Postern.Gateway.Authorization;

/// <summary>
/// A code for tokens (RFC 6749 section 4.1.3): by the client that it was given to, for the same address, with the verifier of the
/// challenge, for the same resource. A code that comes twice ends what the first one began.
/// </summary>
internal sealed class CodeGrant(CodeBook codes, TokenFamilies families, FamilyTokens tokens, ResourceRules resources, RegisteredClients? registered, Revocations revocations, TimeProvider clock, TimeSpan signInLife) : IGrant
{
    public string Type => "authorization_code";

    public async ValueTask<TokenAnswer> AnswerAsync(OAuthClient? client, IFormCollection form, CancellationToken cancellationToken)
    {
        if (!codes.TryTake(form["code"].ToString(), out var agreement, out var replayed))
        {
            if (replayed is not null) await families.RevokeAsync(replayed, "its code was used twice", CancellationToken.None).ConfigureAwait(false);
            return TokenAnswer.Refuse("invalid_grant", "the code is unknown, used or over");
        }
        var request = agreement.Request;
        if (request.Client != client!.Id || form["redirect_uri"] != request.Redirect) return TokenAnswer.Refuse("invalid_grant", "the code was not given to this client at this address");
        if (!OAuthText.VerifierFits(request.Challenge, form["code_verifier"].ToString())) return TokenAnswer.Refuse("invalid_grant", "the verifier is not the one of the challenge");

        // RFC 8707 section 2.2: what is asked here may repeat what was agreed to, never change it
        if (form.ContainsKey("resource") && (!resources.TryRead(form["resource"], out var resource) || resource != request.Resource)) return TokenAnswer.Refuse("invalid_target", "the resource is not the one that was agreed to");
        if (revocations.Covers(agreement.Person)) return TokenAnswer.Refuse("invalid_grant", "the person's credentials were taken back");

        var family = TokenFamily.Begin(agreement.Family, client, request.Resource, agreement.Person, agreement.IssuerToken, clock.GetUtcNow(), signInLife);
        if (await tokens.IssueAsync(family.Person, family.Resource, family.EndsAt, Type, cancellationToken).ConfigureAwait(false) is not var (token, life)) return TokenAnswer.Refuse("server_error", "the issuer says more about the person than a token can carry");
        var refresh = await families.BeginAsync(family, cancellationToken).ConfigureAwait(false);
        if (registered is not null && client.Origin == ClientOrigin.Registered) await registered.UsedAsync(client.Id, cancellationToken).ConfigureAwait(false);
        return families.HasEnded(family.Id) ? TokenAnswer.Refuse("invalid_grant", "the code is unknown, used or over") : TokenAnswer.Of(token, life, refresh);
    }
}
