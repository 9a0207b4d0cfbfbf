using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Postern.Gateway.Identities;
using Postern.Protocols;

namespace Postern.Gateway.Authorization;

/// <summary>
/// Dynamic registration (RFC 7591), where the operator opened it: public clients alone, for people, with addresses on https hosts or on the
/// person's own machine. Whoever registers proves nothing, and the consent page says so.
/// </summary>
internal sealed class RegisterEndpoint(RegisteredClients clients, RefusalNotes notes, TimeProvider clock)
{
    private const int MaxBody = 16 * 1024;
    private const int MaxRedirects = 10;
    private const int MaxName = 80;

    public void Map(IEndpointRouteBuilder endpoints) => endpoints.MapPost(ServerMetadata.RegisterPath, (RequestDelegate)RegisterAsync);

    private async Task RegisterAsync(HttpContext context)
    {
        if (await ReadAsync(context).ConfigureAwait(false) is not { } request)
        {
            await RefuseAsync(context, new("invalid_client_metadata", "expected a small JSON object")).ConfigureAwait(false);
            return;
        }
        var redirects = request.TryGetProperty("redirect_uris", out var uris) && uris.ValueKind == JsonValueKind.Array
            ? uris.EnumerateArray().Select(uri => uri.ValueKind == JsonValueKind.String ? uri.GetString()! : "").ToArray()
            : [];
        if (redirects.Length is 0 or > MaxRedirects || redirects.Any(redirect => RedirectRules.Complaint(redirect, allowsPrivateSchemes: false) is not null))
        {
            await RefuseAsync(context, new("invalid_redirect_uri", "expected https addresses, or http addresses of the person's own machine, in their canonical spelling")).ConfigureAwait(false);
            return;
        }
        if (TokenText.Text(request, "token_endpoint_auth_method") is not "none")
        {
            await RefuseAsync(context, new("invalid_client_metadata", "expected token_endpoint_auth_method `none`; secrets are given by an administrator")).ConfigureAwait(false);
            return;
        }
        if (!IsWithin(request, "grant_types", ["authorization_code", "refresh_token"]) || !IsWithin(request, "response_types", ["code"]))
        {
            await RefuseAsync(context, new("invalid_client_metadata", "expected the grants authorization_code and refresh_token, and the response type code")).ConfigureAwait(false);
            return;
        }
        var name = TokenText.Text(request, "client_name") is { Length: > 0 } said ? said[..Math.Min(said.Length, MaxName)] : "A program without a name";
        if (await clients.AddAsync(name, redirects, context.RequestAborted).ConfigureAwait(false) is not { } client)
        {
            await RefuseAsync(context, new("temporarily_unavailable", "as many clients are registered as may be") { Status = StatusCodes.Status503ServiceUnavailable }).ConfigureAwait(false);
            return;
        }
        await TokenEndpoint.WriteAsync(
            context,
            new JsonObject
            {
                ["client_id"] = client.Id,
                ["client_id_issued_at"] = clock.GetUtcNow().ToUnixTimeSeconds(),
                ["client_name"] = client.Name,
                ["redirect_uris"] = new JsonArray([.. client.Redirects.Select(JsonNode? (uri) => JsonValue.Create(uri))]),
                ["token_endpoint_auth_method"] = "none",
                ["grant_types"] = new JsonArray("authorization_code", "refresh_token"),
                ["response_types"] = new JsonArray("code"),
                ["scope"] = OwnIssuer.Scope,
            },
            StatusCodes.Status201Created).ConfigureAwait(false);
    }

    private async Task RefuseAsync(HttpContext context, OAuthError error)
    {
        await notes.NoteAsync("authorization.refused", error.Description, "gateway").ConfigureAwait(false);
        await TokenEndpoint.FailAsync(context, error).ConfigureAwait(false);
    }

    private static bool IsWithin(JsonElement request, string name, string[] known) =>
        !request.TryGetProperty(name, out var values) || (values.ValueKind == JsonValueKind.Array && values.EnumerateArray().All(value => value.ValueKind == JsonValueKind.String && known.Contains(value.GetString(), StringComparer.Ordinal)));

    private static async ValueTask<JsonElement?> ReadAsync(HttpContext context)
    {
        // a form of another site cannot carry this type without asking first (CORS), and nobody would answer
        if (context.Request.ContentType?.StartsWith("application/json", StringComparison.OrdinalIgnoreCase) != true || context.Request.ContentLength is null or > MaxBody) return null;
        var body = new byte[context.Request.ContentLength.Value];
        try
        {
            await context.Request.Body.ReadExactlyAsync(body, context.RequestAborted).ConfigureAwait(false);
        }
        catch (Exception broken) when (broken is IOException or BadHttpRequestException)
        {
            return null;
        }
        return TokenText.Parse(body);
    }
}
