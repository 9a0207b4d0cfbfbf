using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Postern.Gateway.Pages;
using Postern.Protocols;

namespace Postern.Gateway.Authorization;

/// <summary>One way to come by a token.</summary>
internal interface IGrant
{
    /// <summary>The value of <c>grant_type</c>.</summary>
    string Type { get; }

    /// <summary>False when the request itself says who asks, so that a client need not.</summary>
    bool NeedsClient => true;

    /// <param name="client">Who asks; it proved what it has to.</param>
    /// <param name="form">Every parameter once.</param>
    /// <param name="cancellationToken">Ends with the caller.</param>
    ValueTask<TokenAnswer> AnswerAsync(OAuthClient? client, IFormCollection form, CancellationToken cancellationToken);
}

/// <summary>The token endpoint (RFC 6749 section 3.2): which client, which grant, and one form for every answer.</summary>
internal sealed class TokenEndpoint(ClientAuthentication clients, IEnumerable<IGrant> grants, RefusalNotes notes)
{
    private readonly Dictionary<string, IGrant> _grants = grants.ToDictionary(grant => grant.Type, StringComparer.Ordinal);

    public void Map(IEndpointRouteBuilder endpoints) => endpoints.MapPost(ServerMetadata.TokenPath, (RequestDelegate)AnswerAsync);

    private async Task AnswerAsync(HttpContext context)
    {
        if (await SignedPages.ReadFormAsync(context).ConfigureAwait(false) is not { } form)
        {
            await RefuseAsync(context, new("invalid_request", "expected a form with every parameter once")).ConfigureAwait(false);
            return;
        }
        if (!_grants.TryGetValue(form["grant_type"].ToString(), out var grant))
        {
            await RefuseAsync(context, new("unsupported_grant_type", "expected one of the grants that the metadata names")).ConfigureAwait(false);
            return;
        }
        OAuthClient? client = null;
        if (grant.NeedsClient || ClientAuthentication.IsTried(context, form))
        {
            (client, var unknown) = await clients.OfAsync(context, form, context.RequestAborted).ConfigureAwait(false);
            if (unknown is not null)
            {
                await RefuseAsync(context, unknown).ConfigureAwait(false);
                return;
            }
        }
        var answer = await grant.AnswerAsync(client, form, context.RequestAborted).ConfigureAwait(false);
        if (answer.Error is { } error) await RefuseAsync(context, error).ConfigureAwait(false);
        else await WriteAsync(context, answer.Tokens!).ConfigureAwait(false);
    }

    private async Task RefuseAsync(HttpContext context, OAuthError error)
    {
        // Somebody who waits for a person asks every few seconds; that is no refusal.
        if (error.Code is not ("authorization_pending" or "slow_down")) await notes.NoteAsync("authorization.refused", error.Description, "gateway").ConfigureAwait(false);
        await FailAsync(context, error).ConfigureAwait(false);
    }

    public static Task FailAsync(HttpContext context, OAuthError error)
    {
        if (error.Status == StatusCodes.Status401Unauthorized) context.Response.Headers.WWWAuthenticate = "Basic realm=\"postern\"";
        return WriteAsync(context, new JsonObject { ["error"] = error.Code, ["error_description"] = error.Description }, error.Status);
    }

    public static Task WriteAsync(HttpContext context, JsonObject body, int status = StatusCodes.Status200OK)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers.XContentTypeOptions = "nosniff";
        return context.Response.WriteAsync(body.ToJsonString(), context.RequestAborted);
    }
}
