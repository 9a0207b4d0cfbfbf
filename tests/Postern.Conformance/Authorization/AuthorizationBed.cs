using System.Net;
using System.Net.Sockets;
using Postern.Conformance.Clients;
using Postern.Conformance.Peers;
using Postern.Demo.Issuer;
using Postern.Demo.Shop;
using Postern.Gateway;
using Postern.Gateway.Configuration;
using Postern.Tests;

namespace Postern.Conformance.Authorization;

/// <summary>
/// A whole gateway with its own authorization server (or without, where <c>own</c> is null), the demo's shop behind it, and one of two real providers: the demo's issuer, or
/// npm's <c>oidc-provider</c> in a process of its own.
/// </summary>
internal sealed class AuthorizationBed : IAsyncDisposable
{
    /// <summary>A client that everybody here knows.</summary>
    public const string Client = "desktop";

    private const string ProviderSecret = "a-secret-of-the-gateway-at-this-provider";

    private readonly DirectoryInfo _folder;
    private readonly IAsyncDisposable _provider;
    private readonly ShopServer _shop;
    private readonly GatewayHost _host;
    private readonly bool _isDemo;

    private AuthorizationBed(DirectoryInfo folder, IAsyncDisposable provider, ShopServer shop, GatewayHost host, bool isDemo) => (_folder, _provider, _shop, _host, _isDemo) = (folder, provider, shop, host, isDemo);

    /// <summary>The gateway, and its authorization server's name.</summary>
    public string Url => _host.PublicUrl;

    /// <summary>The connection.</summary>
    public string Shop => $"{Url}/mcp/shop";

    /// <summary>With the demo's issuer behind it.</summary>
    public static Task<AuthorizationBed> WithDemoIssuerAsync(AuthorizationOptions own, CancellationToken cancellationToken) => StartAsync(own, isDemo: true, cancellationToken);

    /// <summary>With npm's oidc-provider behind it.</summary>
    public static Task<AuthorizationBed> WithOidcProviderAsync(AuthorizationOptions? own, CancellationToken cancellationToken) => StartAsync(own, isDemo: false, cancellationToken);

    /// <summary>What a test's authorization server knows.</summary>
    public static AuthorizationOptions Own(params string[] providerScopes) => new()
    {
        ProviderScopes = ["openid", "profile", .. providerScopes],
        Clients = [new OAuthClientOptions { Id = Client, Name = "Desktop agent", Redirects = ["http://127.0.0.1/callback"] }],
    };

    /// <summary>A person's browser from a client's link to what the client gets: says yes, signs in as Alice, and comes back.</summary>
    public async Task<Uri> VisitAsync(string link, CancellationToken cancellationToken)
    {
        using var browser = new Browser { StopsAt = address => address.AbsolutePath == "/callback" };
        var page = await browser.OpenAsync(link, cancellationToken);
        for (var pages = 0; pages < 8 && page.Address.AbsolutePath != "/callback"; pages++)
        {
            page = page.Address.AbsoluteUri.StartsWith(Url, StringComparison.Ordinal) ? await browser.PressAsync(page, "answer", "allow", cancellationToken: cancellationToken)
                : _isDemo ? await browser.PressAsync(page, "persona", "alice", cancellationToken: cancellationToken)
                : page.Html.Contains("name=\"login\"", StringComparison.Ordinal) ? await browser.PressAsync(page, null, null, new Dictionary<string, string> { ["login"] = "alice", ["password"] = "any" }, cancellationToken)
                : await browser.PressAsync(page, null, null, cancellationToken: cancellationToken);
        }
        return page.Address.AbsolutePath == "/callback" ? page.Address : throw new InvalidOperationException($"stuck at {page.Address}: {page.Text}");
    }

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        await _shop.DisposeAsync();
        await _provider.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    /// <summary>The system's time, set forward.</summary>
    private sealed class ForwardClock : TimeProvider
    {
        private TimeSpan _offset;

        public void Forward(TimeSpan by) => _offset += by;

        public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + _offset;
    }

    private static async Task<AuthorizationBed> StartAsync(AuthorizationOptions? own, bool isDemo, CancellationToken cancellationToken)
    {
        var folder = Directory.CreateTempSubdirectory("postern-authorization-");
        var url = $"http://127.0.0.1:{FreePort.Take()}";
        IssuerOptions issuer;
        IAsyncDisposable provider;
        if (isDemo)
        {
            var demo = await DemoIssuer.StartAsync(new DemoIssuerOptions { DefaultAudience = "https://postern.test" }, cancellationToken);
            (provider, issuer) = (demo, new IssuerOptions { Name = "people", Authority = demo.Issuer, Audience = "https://postern.test", ClientId = DemoClient.GatewayId, ClientSecret = DemoClient.GatewaySecret });
        }
        else
        {
            var other = await NodeServer.StartOidcProviderAsync($"{url}/oauth/callback {url}/signin/callback", $"{url}/mcp/shop", cancellationToken);
            (provider, issuer) = (other, new IssuerOptions { Name = "people", Authority = new Uri(other.Url).GetLeftPart(UriPartial.Authority), Audience = $"{url}/mcp/shop", ClientId = "postern", ClientSecret = ProviderSecret });
        }
        var shop = await ShopServer.StartAsync("shop-secret");
        var policy = Path.Combine(folder.FullName, "policy.yaml");
        await File.WriteAllTextAsync(
            policy,
            """
            version: 1
            rules:
              - id: support-reads
                who: { groups: [people:support] }
                on: { connection: shop, tools: ["get_*", "list_*", search_customers] }
                then: allow
            """,
            cancellationToken);
        var clock = new ForwardClock();
        var host = await GatewayHost.StartAsync(
            new GatewayOptions
            {
                Url = url,
                Management = "http://127.0.0.1:0",
                Data = Path.Combine(folder.FullName, "data"),
                Issuers = [issuer],
                Connections = [new ConnectionOptions { Name = "shop", Protocol = "mcp", Url = shop.Url, Credential = new CredentialOptions("Authorization", "Bearer shop-secret") }],
                Policy = [policy],
                Authorization = own,
            },
            new GatewaySurroundings { Clock = clock },
            cancellationToken);

        // On a machine that is busy with other things the provider's first answer may take longer than the gateway's patience; it asks again after half a minute of its clock.
        using var http = new HttpClient();
        for (var tries = 0; tries < 8; tries++)
        {
            using var ready = await http.GetAsync($"{host.ManagementUrl}/readyz", cancellationToken);
            if (ready.IsSuccessStatusCode) break;
            clock.Forward(TimeSpan.FromSeconds(31));
        }
        return new AuthorizationBed(folder, provider, shop, host, isDemo);
    }
}
