using System.Buffers;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Postern.Protocols;

/// <summary>
/// OAuth 2.0 protected resource metadata (RFC 9728): tells a client that has no token, or a bad one, which issuer to ask.
/// The answer says the same for every well-formed path, so nobody learns from it which connections exist.
/// </summary>
public static class ProtectedResource
{
    /// <summary>Inserted between host and path of the resource (RFC 9728 section 3).</summary>
    public const string WellKnownPath = "/.well-known/oauth-protected-resource";

    private const int MaxPathLength = 512;

    // RFC 3986 unreserved, plus the segment separator: all that a connection's path is ever made of
    private static readonly SearchValues<char> PathCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/");

    /// <summary>The canonical URL of a resource: what <c>aud</c> may say, and what <c>IAuthenticator</c> is asked for.</summary>
    /// <param name="publicUrl">The gateway's base URL.</param>
    /// <param name="path">The decoded path that the protocol serves, beginning with <c>/</c>; empty for the gateway itself.</param>
    public static string ResourceUrl(string publicUrl, string path) => publicUrl.TrimEnd('/') + Escape(path).TrimEnd('/');

    /// <summary>The value of <c>WWW-Authenticate</c> for a 401 or 403 (RFC 9728 section 5.1, RFC 6750 section 3).</summary>
    /// <param name="publicUrl">The gateway's base URL.</param>
    /// <param name="path">The decoded path that was asked for, beginning with <c>/</c>; empty for the gateway itself.</param>
    /// <param name="error">
    /// A code of RFC 6750 such as <c>invalid_token</c> when a token was presented; null when there was none.
    /// Never text that came from the request.
    /// </param>
    /// <param name="scopes">What a token must be issued for; empty where it is up to the client.</param>
    public static string Challenge(string publicUrl, string path, string? error = null, IReadOnlyList<string>? scopes = null)
    {
        var scope = scopes is { Count: > 0 } ? $"scope=\"{string.Join(' ', scopes)}\", " : "";
        var said = error is null ? "" : $"error=\"{Token(error)}\", ";
        return $"Bearer {said}{scope}resource_metadata=\"{MetadataUrl(publicUrl, path)}\"";
    }

    /// <summary>Where the metadata of a resource is read.</summary>
    public static string MetadataUrl(string publicUrl, string path)
    {
        var root = new Uri(publicUrl, UriKind.Absolute);
        return root.GetLeftPart(UriPartial.Authority) + WellKnownPath + BasePath(root) + Escape(path).TrimEnd('/');
    }

    /// <summary>Serves the metadata of every resource whose path matches, without authentication.</summary>
    /// <param name="endpoints">The gateway's routes.</param>
    /// <param name="services">Names the issuers and the public URL.</param>
    /// <param name="pathPattern">The route pattern of the resource itself, for example <c>/mcp/{connection}</c>; empty for the gateway.</param>
    public static void Map(IEndpointRouteBuilder endpoints, ProtocolServices services, string pathPattern)
    {
        var basePath = BasePath(new Uri(services.PublicUrl, UriKind.Absolute));
        endpoints.MapGet(WellKnownPath + basePath + pathPattern.TrimEnd('/'), (HttpContext context) => AnswerAsync(context, services, basePath));
    }

    private static Task AnswerAsync(HttpContext context, ProtocolServices services, string basePath)
    {
        var path = context.Request.Path.Value![(WellKnownPath.Length + basePath.Length)..].TrimEnd('/');

        // a name that no connection can have must not be mirrored into a document that clients compare and display
        if (path.Length > MaxPathLength || path.AsSpan().ContainsAnyExcept(PathCharacters) || path.Contains("..", StringComparison.Ordinal))
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return Task.CompletedTask;
        }

        var body = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            json.WriteString("resource", ResourceUrl(services.PublicUrl, path));
            json.WriteStartArray("authorization_servers");
            var ofConnections = path.Length == 0 ? null : services.ConnectionAuthorizationServers;
            foreach (var server in ofConnections ?? services.AuthorizationServers)
            {
                json.WriteStringValue(server);
            }

            json.WriteEndArray();
            json.WriteStartArray("bearer_methods_supported");
            json.WriteStringValue("header");
            json.WriteEndArray();
            if (services.Scopes.Count > 0)
            {
                json.WriteStartArray("scopes_supported");
                foreach (var scope in services.Scopes) json.WriteStringValue(scope);
                json.WriteEndArray();
            }
            json.WriteString("resource_name", "Postern");
            json.WriteEndObject();
        }

        context.Response.ContentType = "application/json";
        context.Response.Headers.CacheControl = "public, max-age=300";
        context.Response.Headers.XContentTypeOptions = "nosniff";
        context.Response.ContentLength = body.WrittenCount;
        return context.Response.Body.WriteAsync(body.WrittenMemory, context.RequestAborted).AsTask();
    }

    private static string BasePath(Uri root) => root.AbsolutePath.TrimEnd('/');

    private static string Escape(string path)
    {
        if (!path.AsSpan().ContainsAnyExcept(PathCharacters))
        {
            return path;
        }

        // the path came from the request: a quote or a line break in it must not end the header's quoted-string
        var escaped = new StringBuilder(path.Length + 16);
        foreach (var segment in path.Split('/'))
        {
            escaped.Append(Uri.EscapeDataString(segment)).Append('/');
        }

        escaped.Length--;
        return escaped.ToString();
    }

    private static string Token(string error) =>
        error.All(c => c is '_' or (>= 'a' and <= 'z'))
            ? error
            : throw new ArgumentException("expected an error code of RFC 6750, such as `invalid_token`", nameof(error));
}
