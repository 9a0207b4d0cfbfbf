using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Postern.Core.Operations;
using Postern.Gateway.Identities;
using Postern.Gateway.Pages;
using Postern.Protocols;

namespace Postern.Gateway.Authorization;

/// <summary>
/// A client gives back what it holds (RFC 7009). Either token ends the whole family. The answer is the same for a token that nobody knows,
/// or that is another client's: nothing can be learnt here.
/// </summary>
internal sealed class RevokeEndpoint(ClientAuthentication clients, TokenFamilies families, TokenAuthenticator authenticator, ResourceRules resources, RefusalNotes notes)
{
    public void Map(IEndpointRouteBuilder endpoints) => endpoints.MapPost(ServerMetadata.RevokePath, (RequestDelegate)AnswerAsync);

    private async Task AnswerAsync(HttpContext context)
    {
        if (await SignedPages.ReadFormAsync(context).ConfigureAwait(false) is not { } form || form["token"].ToString() is not { Length: > 0 } token)
        {
            await FailAsync(context, new("invalid_request", "expected a form with a token")).ConfigureAwait(false);
            return;
        }
        var (client, error) = await clients.OfAsync(context, form, context.RequestAborted).ConfigureAwait(false);
        if (error is not null)
        {
            await FailAsync(context, error).ConfigureAwait(false);
            return;
        }
        if (await FamilyOfAsync(token, client!, context.RequestAborted).ConfigureAwait(false) is { } family) await families.RevokeAsync(family, "the client gave it back", CancellationToken.None).ConfigureAwait(false);
        context.Response.Headers.CacheControl = "no-store";
        context.Response.ContentLength = 0;
    }

    private async ValueTask<string?> FamilyOfAsync(string token, OAuthClient client, CancellationToken cancellationToken)
    {
        switch (await families.FindAsync(token, cancellationToken).ConfigureAwait(false))
        {
            case Presented.Good { Family: var family }: return family.Client == client.Id ? family.Id : null;
            case Presented.Reused { Family: var copied }: return copied;
        }

        // An access token: for whatever resource it says, if it is ours and good there.
        if (TokenText.TryRead(token, out _) is not { } text || TokenRules.Audiences(text.Claims) is not [var audience] || !resources.TryRead(audience, out var resource)) return null;
        return await authenticator.AuthenticateAsync(token, resource, cancellationToken).ConfigureAwait(false) is Authentication.Accepted { Identity: { Family: { } of } identity } && identity.Agent == client.Id ? of : null;
    }

    private async Task FailAsync(HttpContext context, OAuthError error)
    {
        await notes.NoteAsync("authorization.refused", error.Description, "gateway").ConfigureAwait(false);
        await TokenEndpoint.FailAsync(context, error).ConfigureAwait(false);
    }
}
