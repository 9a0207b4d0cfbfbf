using System.Net;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Postern.Demo.Issuer;

/// <summary>
/// A real OpenID provider for the demo and the tests: discovery, key set, code with PKCE, device flow, client credentials,
/// refresh rotation. It lets anyone be anyone, and therefore serves loopback alone.
/// </summary>
public sealed class DemoIssuer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly DemoIssuerOptions _options;
    private readonly TokenMint _mint;

    private DemoIssuer(WebApplication app, DemoIssuerOptions options, IssuerKeys keys, TokenMint mint, Uri authority)
    {
        (_app, _options, Keys, _mint, Authority) = (app, options, keys, mint, authority);
    }

    /// <summary>The issuer's URL, as in <c>iss</c>; without a trailing slash in its <see cref="Issuer"/> form.</summary>
    public Uri Authority { get; }

    /// <summary>The exact text of <c>iss</c>.</summary>
    public string Issuer => Authority.GetLeftPart(UriPartial.Authority);

    /// <summary>The signing keys; tests rotate them.</summary>
    public IssuerKeys Keys { get; }

    /// <summary>Starts listening.</summary>
    /// <exception cref="ArgumentException">The address is not a loopback address.</exception>
    public static async Task<DemoIssuer> StartAsync(DemoIssuerOptions options, CancellationToken cancellationToken = default)
    {
        if (!IPAddress.IsLoopback(options.Address))
        {
            throw new ArgumentException($"the demo issuer lets anyone be anyone and serves loopback alone; found `{options.Address}`, expected 127.0.0.1 or ::1", nameof(options));
        }

        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.Services.AddRoutingCore();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = 64 * 1024;
            kestrel.Listen(options.Address, options.Port);
        });
        builder.Logging.SetMinimumLevel(LogLevel.Warning);

        var app = builder.Build();
        var keys = new IssuerKeys();
        try
        {
            app.Use(async (context, next) =>
            {
                if (!Requests.IsLoopback(context))
                {
                    context.Response.StatusCode = StatusCodes.Status421MisdirectedRequest;
                    return;
                }

                await next(context);
            });

            // nobody can ask before the port is known, so the address is set by the first request
            var address = new IssuerAddress();
            var mint = new TokenMint(address, keys, options);
            MapRoutes(app, options, address, keys, mint);
            await app.StartAsync(cancellationToken);
            address.Url = app.Urls.Single();
            return new DemoIssuer(app, options, keys, mint, new Uri(address.Url));
        }
        catch
        {
            keys.Dispose();
            await app.DisposeAsync();
            throw;
        }
    }

    /// <summary>Makes an access token without the protocol, for tests. The two changes see header and claims before signing.</summary>
    /// <param name="subject">A persona's subject, or a workload's client id.</param>
    /// <param name="audience">Null for the default audience.</param>
    /// <param name="client">The client that holds it; null for the command line, or the workload itself.</param>
    /// <param name="algorithm"><c>RS256</c>, <c>PS256</c> or <c>ES256</c>.</param>
    /// <param name="header">Changes the header.</param>
    /// <param name="claims">Changes the claims.</param>
    public string IssueToken(string subject, string? audience = null, string? client = null, string algorithm = "RS256", Action<JsonObject>? header = null, Action<JsonObject>? claims = null)
    {
        var persona = _options.Personas.FirstOrDefault(known => known.Subject == subject);
        var workload = persona is null ? _options.Clients.FirstOrDefault(known => known.Id == subject && known.IsWorkload) : null;
        var holder = workload ?? _options.Clients.FirstOrDefault(known => known.Id == (client ?? DemoClient.CommandLineId)) ?? new DemoClient(client ?? DemoClient.CommandLineId, "test");
        var about = persona is not null
            ? new Subject(persona.Subject, persona.Name, persona.Groups, holder, IsPerson: true)
            : new Subject(subject, workload?.Name, workload?.Groups ?? [], holder, IsPerson: workload is null);
        return _mint.AccessToken(about, audience ?? _options.DefaultAudience, "openid", algorithm, header, claims);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        Keys.Dispose();
    }

    private static void MapRoutes(IEndpointRouteBuilder routes, DemoIssuerOptions options, IssuerAddress address, IssuerKeys keys, TokenMint mint)
    {
        var codes = new Handles<Consent>(options.Clock, TimeSpan.FromMinutes(1));
        var devices = new Handles<DeviceRequest>(options.Clock, TimeSpan.FromMinutes(10));
        routes.MapGet("/.well-known/openid-configuration", (RequestDelegate)(context => TokenEndpoint.WriteAsync(context, Metadata(address.Url))));
        routes.MapGet("/.well-known/oauth-authorization-server", (RequestDelegate)(context => TokenEndpoint.WriteAsync(context, Metadata(address.Url))));
        routes.MapGet("/jwks", (RequestDelegate)(context => TokenEndpoint.WriteAsync(context, keys.ToJson())));
        var clients = new ClientBook(options);
        clients.Map(routes);
        new AuthorizeEndpoint(options, address, clients, codes).Map(routes);
        new DeviceEndpoint(options, address, clients, devices).Map(routes);
        new TokenEndpoint(options, mint, clients, codes, devices).Map(routes);
    }

    // OpenID Connect Discovery section 3, RFC 8414 section 2
    private static JsonObject Metadata(string authority) => new()
    {
        ["issuer"] = authority,
        ["authorization_endpoint"] = $"{authority}/authorize",
        ["token_endpoint"] = $"{authority}/token",
        ["device_authorization_endpoint"] = $"{authority}/device_authorization",
        ["revocation_endpoint"] = $"{authority}/revoke",
        ["registration_endpoint"] = $"{authority}/register",
        ["jwks_uri"] = $"{authority}/jwks",
        ["response_types_supported"] = new JsonArray("code"),
        ["response_modes_supported"] = new JsonArray("query"),
        ["grant_types_supported"] = new JsonArray("authorization_code", "refresh_token", "client_credentials", "urn:ietf:params:oauth:grant-type:device_code"),
        ["subject_types_supported"] = new JsonArray("public"),
        ["id_token_signing_alg_values_supported"] = new JsonArray("RS256"),
        ["scopes_supported"] = new JsonArray("openid"),
        ["token_endpoint_auth_methods_supported"] = new JsonArray("none", "client_secret_basic", "client_secret_post"),
        ["code_challenge_methods_supported"] = new JsonArray("S256"),
        ["authorization_response_iss_parameter_supported"] = true,
        ["claims_supported"] = new JsonArray("iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "groups", "name"),
    };
}

/// <summary>The issuer's URL, once the port is known.</summary>
internal sealed class IssuerAddress
{
    public string Url { get; set; } = string.Empty;
}
