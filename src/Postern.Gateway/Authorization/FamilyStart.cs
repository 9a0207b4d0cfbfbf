using Postern.Core.Sessions;

namespace Postern.Gateway.Authorization;

/// <summary>What a person agreed to becomes a family: its first access token, and the refresh token that goes on from there.</summary>
internal sealed class FamilyStart(TokenFamilies families, FamilyTokens tokens, RegisteredClients? registered, Revocations revocations, TimeProvider clock, TimeSpan signInLife)
{
    /// <param name="client">Who asks, which is whom the person agreed to.</param>
    /// <param name="agreement">What they agreed to.</param>
    /// <param name="grant">How it came about, for the record.</param>
    /// <param name="cancellationToken">Ends with the caller.</param>
    public async ValueTask<TokenAnswer> OfAsync(OAuthClient client, Agreement agreement, string grant, CancellationToken cancellationToken)
    {
        if (revocations.Covers(agreement.Person)) return TokenAnswer.Refuse("invalid_grant", "the person's credentials were taken back");
        var family = TokenFamily.Begin(agreement.Family, client, agreement.Request.Resource, agreement.Person, agreement.IssuerToken, clock.GetUtcNow(), signInLife);
        if (await tokens.IssueAsync(family.Person, family.Resource, family.EndsAt, grant, cancellationToken).ConfigureAwait(false) is not var (token, life)) return TokenAnswer.Refuse("server_error", "the issuer says more about the person than a token can carry");
        var refresh = await families.BeginAsync(family, cancellationToken).ConfigureAwait(false);
        if (registered is not null && client.Origin == ClientOrigin.Registered) await registered.UsedAsync(client.Id, cancellationToken).ConfigureAwait(false);

        // a replay may have ended it before it began
        return families.HasEnded(family.Id) ? TokenAnswer.Refuse("invalid_grant", "what the person agreed to was used twice") : TokenAnswer.Of(token, life, refresh);
    }
}
