using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Postern.Conformance.Kubernetes;

/// <summary>
/// Where a cluster's operator publishes the keys of its service accounts, as managed clusters do: the two documents that an API server has behind its
/// own authentication (service account issuer discovery). Key ids are made as the API server makes them: SHA-256 of the public key's DER.
/// </summary>
internal sealed class AccountKeys : IAsyncDisposable
{
    private readonly WebApplication _server;

    private AccountKeys(WebApplication server, string url) => (_server, Url) = (server, url);

    /// <summary>The issuer.</summary>
    public string Url { get; }

    /// <summary>Serves this public key.</summary>
    public static async Task<AccountKeys> StartAsync(string pem, CancellationToken cancellationToken)
    {
        using var key = RSA.Create();
        key.ImportFromPem(pem);
        var numbers = key.ExportParameters(includePrivateParameters: false);
        var id = Base64Url.EncodeToString(SHA256.HashData(key.ExportSubjectPublicKeyInfo()));
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var server = builder.Build();
        var url = "";
        server.MapGet("/.well-known/openid-configuration", (HttpContext http) => Results.Json(new
        {
            issuer = url, jwks_uri = url + "/openid/v1/jwks", response_types_supported = new[] { "id_token" }, subject_types_supported = new[] { "public" }, id_token_signing_alg_values_supported = new[] { "RS256" },
        }));
        server.MapGet("/openid/v1/jwks", (HttpContext http) => Results.Json(new
        {
            keys = new[] { new { use = "sig", kty = "RSA", kid = id, alg = "RS256", n = Base64Url.EncodeToString(numbers.Modulus), e = Base64Url.EncodeToString(numbers.Exponent) } },
        }));
        await server.StartAsync(cancellationToken);
        url = server.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        return new AccountKeys(server, url);
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();
}
