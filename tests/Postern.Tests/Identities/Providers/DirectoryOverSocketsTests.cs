using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Gateway.Identities;
using static Postern.Tests.Identities.Providers.ProviderTokens;

namespace Postern.Tests.Identities.Providers;

/// <summary>The directory over loopback, through the client that the gateway has: what it may do with sockets and time.</summary>
[Guarantee("G13")]
[Row("J12")]
public sealed class DirectoryOverSocketsTests : IAsyncDisposable
{
    private readonly HostileProvider _machine = new();
    private readonly TokenForge _forge;
    private readonly TokenAuthenticator _authenticator;
    private Func<Stream, CancellationToken, Task> _groups;
    private int _asked;

    public DirectoryOverSocketsTests()
    {
        var authority = $"{_machine.Authority}/{Tenant}/v2.0";
        _forge = new TokenForge(authority, keysOf: "loopback");
        _groups = Good;
        _machine.Elsewhere = path =>
        {
            if (path.StartsWith("/v1.0/", StringComparison.Ordinal)) Interlocked.Increment(ref _asked);
            return path switch
            {
                _ when path == $"/{Tenant}/v2.0/.well-known/openid-configuration" => HostileProvider.Answers(new JsonObject { ["issuer"] = authority, ["jwks_uri"] = $"{authority}/keys", ["token_endpoint"] = $"{_machine.Authority}/token" }.ToJsonString()),
                _ when path == $"/{Tenant}/v2.0/keys" => HostileProvider.Answers(_forge.KeySet().ToJsonString()),
                "/token" => HostileProvider.Answers("""{"access_token":"t","token_type":"Bearer","expires_in":3600}"""),
                _ when path.StartsWith($"/v1.0{ScriptedDirectory.Path}?", StringComparison.Ordinal) => _groups,
                _ => HostileProvider.Says("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
            };
        };
        var result = ProviderStage.Load($$"""
            issuers:
              entra:
                preset: entra
                authority: {{authority}}
                audience: {{Api}}
                directory: { url: "{{_machine.Authority}}/v1.0", clientId: a, clientSecret: b }
            """);
        Assert.Empty(result.Problems);
        _authenticator = new TokenAuthenticator(TrustedIssuer.AllFrom(result.Options!.Issuers[0], "https://gate.example"), _forge.Clock, NullLoggerFactory.Instance);
    }

    private static Func<Stream, CancellationToken, Task> Good => HostileProvider.Answers(new JsonObject { ["value"] = new JsonArray(ScriptedDirectory.Member(Support)) }.ToJsonString());

    public async ValueTask DisposeAsync()
    {
        _authenticator.Dispose();
        _forge.Dispose();
        await _machine.DisposeAsync();
    }

    private string Token()
    {
        var claims = EntraOverage(_forge, $"{_machine.Authority}/evil");
        claims["iss"] = _forge.Authority;
        return _forge.Sign(Header(_forge).ToJsonString(), claims.ToJsonString());
    }

    [Fact]
    public async Task Groups_come_from_the_directory()
    {
        Assert.Equal([$"entra:{Support}", "entra:role:Orders.Approve"], (await _authenticator.AcceptsAsync(Token())).QualifiedGroups.Order(StringComparer.Ordinal));
        Assert.Equal(1, _asked);
    }

    [Fact]
    public async Task A_directory_that_trickles_redirects_or_breaks_off_is_as_good_as_none_and_costs_seconds()
    {
        Func<Stream, CancellationToken, Task>[] bad =
        [
            HostileProvider.Says("HTTP/1.1 302 Found\r\nLocation: /v1.0/evil\r\nContent-Length: 0\r\n\r\n"),
            HostileProvider.Says("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{\"value\":["),
            async (stream, cancellation) =>
            {
                await stream.WriteAsync(Encoding.ASCII.GetBytes("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{"), cancellation);
                await Task.Delay(Timeout.Infinite, cancellation);
            },
        ];
        foreach (var answer in bad)
        {
            _groups = answer;
            var refused = await _authenticator.RefusesAsync(Token());
            Assert.Equal((TokenFault.NoDirectory.Reason, true), (refused.Reason, refused.IsTransient));
        }

        _groups = Good;
        await _authenticator.AcceptsAsync(Token());
    }
}
