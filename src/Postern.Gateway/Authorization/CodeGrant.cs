using Microsoft.AspNetCore.Http;

namespace Postern.Gateway.Authorization;

/// <summary>
/// A code for tokens (RFC 6749 section 4.1.3): by the client that it was given to, for the same address, with the verifier of the
/// challenge, for the same resource. A code that comes twice ends what the first one began.
/// </summary>
internal sealed class CodeGrant(CodeBook codes, TokenFamilies families, FamilyStart start, ResourceRules resources) : IGrant
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
        return await start.OfAsync(client, agreement, Type, cancellationToken).ConfigureAwait(false);
    }
}
