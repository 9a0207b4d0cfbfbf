using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Postern.Demo.Issuer;

/// <summary>
/// The clients: those of the demo, and those that registered themselves (RFC 7591), as agents do that know no issuer
/// beforehand. A registered client is public, acts for people only, and returns to this machine only.
/// </summary>
internal sealed class ClientBook(DemoIssuerOptions options)
{
    private const int Capacity = 1000;
    private const int MaxRedirects = 10;
    private const int MaxNameLength = 60;
    private const int MaxBody = 16 * 1024;
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 8 };
    private readonly ConcurrentDictionary<string, DemoClient> _registered = new(StringComparer.Ordinal);

    public DemoClient? Find(string? id) =>
        id is null ? null : options.Clients.FirstOrDefault(known => string.Equals(known.Id, id, StringComparison.Ordinal)) ?? _registered.GetValueOrDefault(id);

    public void Map(IEndpointRouteBuilder endpoints) => endpoints.MapPost("/register", (RequestDelegate)RegisterAsync);

    private async Task RegisterAsync(HttpContext context)
    {
        if (await ReadAsync(context) is not { } request)
        {
            await TokenEndpoint.FailAsync(context, new("invalid_client_metadata", "expected a JSON object"));
            return;
        }

        var redirects = (request["redirect_uris"] as JsonArray)?.Select(uri => Text(uri)).ToArray() ?? [];
        if (redirects.Length is 0 or > MaxRedirects || !redirects.All(IsLoopback))
        {
            await TokenEndpoint.FailAsync(context, new("invalid_redirect_uri", "expected http addresses of this machine"));
            return;
        }

        if (Text(request["token_endpoint_auth_method"]) is not (null or "none"))
        {
            await TokenEndpoint.FailAsync(context, new("invalid_client_metadata", "expected token_endpoint_auth_method none; this issuer keeps no secrets for others"));
            return;
        }

        if (_registered.Count >= Capacity)
        {
            await TokenEndpoint.FailAsync(context, new("temporarily_unavailable", "too many clients are registered"), StatusCodes.Status503ServiceUnavailable);
            return;
        }

        var id = $"registered-{Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(12))}";
        var client = new DemoClient(id, Name(Text(request["client_name"]))) { RedirectUris = [.. redirects!] };
        _registered[id] = client;
        await TokenEndpoint.WriteAsync(
            context,
            new()
            {
                ["client_id"] = id,
                ["client_id_issued_at"] = options.Clock.GetUtcNow().ToUnixTimeSeconds(),
                ["client_name"] = client.Name,
                ["redirect_uris"] = new JsonArray([.. redirects.Select(JsonNode? (uri) => JsonValue.Create(uri))]),
                ["token_endpoint_auth_method"] = "none",
                ["grant_types"] = new JsonArray("authorization_code", "refresh_token"),
                ["response_types"] = new JsonArray("code"),
            },
            StatusCodes.Status201Created);
    }

    private static async Task<JsonObject?> ReadAsync(HttpContext context)
    {
        try
        {
            // a form of another site cannot carry this type without asking first (CORS), and nobody would answer
            if (context.Request.ContentType?.StartsWith("application/json", StringComparison.OrdinalIgnoreCase) != true || context.Request.ContentLength is null or > MaxBody)
            {
                return null;
            }

            return await JsonNode.ParseAsync(context.Request.Body, documentOptions: Strict, cancellationToken: context.RequestAborted) as JsonObject;
        }
        catch (Exception fault) when (fault is JsonException or ArgumentException or InvalidOperationException or BadHttpRequestException or IOException)
        {
            return null;
        }
    }

    private static bool IsLoopback(string? address) =>
        Uri.TryCreate(address, UriKind.Absolute, out var uri) && uri is { Scheme: "http", IsLoopback: true, UserInfo: "", Fragment: "" };

    private static string Name(string? claimed)
    {
        var name = new string([.. (claimed ?? string.Empty).Where(c => !char.IsControl(c)).Take(MaxNameLength)]).Trim();
        return name.Length > 0 ? name : "A registered program";
    }

    private static string? Text(JsonNode? node)
    {
        try
        {
            return node is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;
        }
        catch (InvalidOperationException)
        {
            // a lone surrogate parses and cannot be read
            return null;
        }
    }
}
