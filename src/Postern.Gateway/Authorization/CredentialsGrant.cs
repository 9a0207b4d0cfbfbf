using Microsoft.AspNetCore.Http;
using Postern.Core.Operations;

namespace Postern.Gateway.Authorization;

/// <summary>A client for itself (RFC 6749 section 4.4): a workload, which stands in policy under the gateway's own name.</summary>
internal sealed class CredentialsGrant(FamilyTokens tokens, ResourceRules resources) : IGrant
{
    public string Type => "client_credentials";

    public async ValueTask<TokenAnswer> AnswerAsync(OAuthClient? client, IFormCollection form, CancellationToken cancellationToken)
    {
        if (client is not { IsWorkload: true } || client.Proof == ClientProof.None) return TokenAnswer.Refuse("unauthorized_client", "this client acts for people only");
        if (!resources.TryRead(form["resource"], out var resource)) return TokenAnswer.Refuse("invalid_target", "expected `resource`, the URL of one connection of this gateway");
        if (!OAuthText.IsScope(form["scope"].ToString())) return TokenAnswer.Refuse("invalid_scope", "expected scopes, each apart by one space");
        var identity = new Identity
        {
            Issuer = OwnIssuer.Name,
            Subject = client.Id,
            Kind = IdentityKind.Workload,
            Agent = client.Id,
            Groups = client.Groups,
            DisplayName = client.Name,
            Family = OAuthText.NewSecret(),
        };
        return await tokens.IssueAsync(identity, resource, DateTimeOffset.MaxValue, Type, cancellationToken).ConfigureAwait(false) is var (token, life)
            ? TokenAnswer.Of(token, life)
            : TokenAnswer.Refuse("server_error", "there is more to say of this client than a token can carry");
    }
}
