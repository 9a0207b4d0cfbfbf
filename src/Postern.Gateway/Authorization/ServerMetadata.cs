using System.Buffers;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Postern.Gateway.Authorization;

/// <summary>
/// What the server says of itself, at both of the places where clients look (RFC 8414 section 3, OpenID Connect Discovery section 4). Its
/// name has no path, so neither place has a second form.
/// </summary>
internal sealed class ServerMetadata(string url, SigningRing keys, bool readsDocuments, bool registers, bool exchanges)
{
    public const string AuthorizePath = "/oauth/authorize";
    public const string ConsentPath = "/oauth/consent";
    public const string CallbackPath = "/oauth/callback";
    public const string TokenPath = "/oauth/token";
    public const string RevokePath = "/oauth/revoke";
    public const string RegisterPath = "/oauth/register";
    public const string KeysPath = "/oauth/jwks";
    public const string DeviceAuthorizationPath = "/oauth/device_authorization";
    public const string DevicePath = "/device";

    public const string DeviceGrant = "urn:ietf:params:oauth:grant-type:device_code";
    public const string ExchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange";

    private byte[]? _document;

    public void Map(IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/.well-known/oauth-authorization-server", (RequestDelegate)DescribeAsync);
        endpoints.MapGet("/.well-known/openid-configuration", (RequestDelegate)DescribeAsync);
        endpoints.MapGet(KeysPath, (RequestDelegate)(context => WriteAsync(context, keys.KeySet())));
    }

    private Task DescribeAsync(HttpContext context) => WriteAsync(context, _document ??= Document());

    private static Task WriteAsync(HttpContext context, byte[] body)
    {
        context.Response.ContentType = "application/json";
        context.Response.Headers.CacheControl = "public, max-age=300";
        context.Response.Headers.XContentTypeOptions = "nosniff";
        context.Response.ContentLength = body.Length;
        return context.Response.Body.WriteAsync(body, context.RequestAborted).AsTask();
    }

    private byte[] Document()
    {
        var body = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            json.WriteString("issuer", url);
            json.WriteString("authorization_endpoint", url + AuthorizePath);
            json.WriteString("token_endpoint", url + TokenPath);
            json.WriteString("revocation_endpoint", url + RevokePath);
            json.WriteString("device_authorization_endpoint", url + DeviceAuthorizationPath);
            if (registers) json.WriteString("registration_endpoint", url + RegisterPath);
            json.WriteString("jwks_uri", url + KeysPath);
            List(json, "scopes_supported", OwnIssuer.Scope);
            List(json, "response_types_supported", "code");
            List(json, "response_modes_supported", "query");
            List(json, "grant_types_supported", ["authorization_code", "refresh_token", "client_credentials", DeviceGrant, .. exchanges ? [ExchangeGrant] : (ReadOnlySpan<string>)[]]);
            List(json, "token_endpoint_auth_methods_supported", "none", "private_key_jwt", "client_secret_basic", "client_secret_post");
            List(json, "token_endpoint_auth_signing_alg_values_supported", [.. ClientAssertions.Algorithms]);
            List(json, "code_challenge_methods_supported", "S256");
            json.WriteBoolean("authorization_response_iss_parameter_supported", true);
            json.WriteBoolean("client_id_metadata_document_supported", readsDocuments);

            // OpenID Connect Discovery section 3 demands these two of a document at its place; no id token is ever issued
            List(json, "subject_types_supported", "public");
            List(json, "id_token_signing_alg_values_supported", "ES256");
            json.WriteEndObject();
        }
        return body.WrittenSpan.ToArray();
    }

    private static void List(Utf8JsonWriter json, string name, params ReadOnlySpan<string> values)
    {
        json.WriteStartArray(name);
        foreach (var value in values) json.WriteStringValue(value);
        json.WriteEndArray();
    }
}
