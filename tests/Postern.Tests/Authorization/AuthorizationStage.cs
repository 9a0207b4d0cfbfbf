using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Web;
using Postern.Core.Operations;
using Postern.Demo.Issuer;
using Postern.Demo.Shop;
using Postern.Gateway;
using Postern.Gateway.Configuration;
using Postern.Tests.Gateway;
using Postern.Tests.Identities;
using Browser = Postern.Tests.Identities.Browser;

namespace Postern.Tests.Authorization;

/// <summary>A whole gateway with its own authorization server, the demo's issuer behind it and the demo's shop; all on loopback.</summary>
internal sealed partial class AuthorizationStage : IAsyncDisposable
{
    public const string Verifier = "a-verifier-of-more-than-forty-three-characters-0";
    public const string Secret = "a-secret-of-thirty-two-characters-or-more";
    public const string Loopback = "http://127.0.0.1:43210/callback";
    public const string Web = "https://app.example.com/callback";

    private readonly TemporaryFolder _folder;
    private readonly ShopServer _shop;
    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, UseProxy = false });
    private readonly GatewayOptions _options;

    private AuthorizationStage(TemporaryFolder folder, DemoIssuer issuer, ShopServer shop, GatewayHost host, GatewayOptions options, OffsetClock clock)
    {
        (_folder, Issuer, _shop, Host, _options, Clock) = (folder, issuer, shop, host, options, clock);
    }

    public DemoIssuer Issuer { get; }

    public GatewayHost Host { get; private set; }

    public OffsetClock Clock { get; }

    public string Url => Host.PublicUrl;

    public string Shop => $"{Url}/mcp/shop";

    public static string Challenge => Convert.ToBase64String(SHA256.HashData(Encoding.ASCII.GetBytes(Verifier))).TrimEnd('=').Replace('+', '-').Replace('/', '_');

    public static async Task<AuthorizationStage> StartAsync(Func<AuthorizationOptions, AuthorizationOptions>? change = null, Func<DemoPersona, DemoPersona?>? renewed = null, ECDsa? workloadKey = null)
    {
        var folder = new TemporaryFolder();
        var clock = new OffsetClock();
        var issuer = await DemoIssuer.StartAsync(new DemoIssuerOptions { DefaultAudience = "https://postern.test", Clock = clock, Renewed = renewed ?? (persona => persona), RefreshLifetime = TimeSpan.FromDays(2) });
        var shop = await ShopServer.StartAsync("shop-secret");
        var keys = workloadKey is null ? null : folder.Write("nightly.jwks", KeySet(workloadKey));
        var own = new AuthorizationOptions
        {
            ProviderScopes = ["openid", "profile", "offline_access"],
            Clients =
            [
                new OAuthClientOptions { Id = "desktop", Name = "Desktop <agent>", Redirects = ["http://127.0.0.1/callback"] },
                new OAuthClientOptions { Id = "web", Name = "Web agent", Redirects = [Web] },
                new OAuthClientOptions { Id = "server", Name = "Server agent", Redirects = [Loopback], Secret = Secret },
                .. keys is null ? [] : new[] { new OAuthClientOptions { Id = "nightly", Name = "Nightly job", Keys = keys, IsWorkload = true, Groups = ["automation"] } },
            ],
        };
        var options = new GatewayOptions
        {
            Url = $"http://127.0.0.1:{FreePort.Take()}",
            Management = "http://127.0.0.1:0",
            Data = Path.Combine(folder.Path, "data"),
            Issuers = [new IssuerOptions { Name = "demo", Authority = issuer.Issuer, Audience = "https://postern.test", ClientId = DemoClient.GatewayId, ClientSecret = DemoClient.GatewaySecret }],
            Connections = [new ConnectionOptions { Name = "shop", Protocol = "mcp", Url = shop.Url, Credential = new CredentialOptions("Authorization", "Bearer shop-secret") }],
            Policy = [folder.Write("policy.yaml", """
                version: 1
                rules:
                  - id: support-reads
                    who: { groups: [demo:support] }
                    on: { connection: shop, tools: ["get_*", "list_*", search_customers] }
                    then: allow
                  - id: automation-reads
                    who: { groups: [postern:automation] }
                    on: { connection: shop, tools: ["get_*", "list_*"] }
                    then: allow
                  - id: admins
                    who: { groups: [demo:admins] }
                    on: { admin: [identities.revoke] }
                    then: allow
                """)],
            Limits = new LimitOptions { Drain = TimeSpan.FromSeconds(1) },
            Authorization = change is null ? own : change(own),
        };
        var host = await GatewayHost.StartAsync(options, new GatewaySurroundings { Clock = clock });
        var stage = new AuthorizationStage(folder, issuer, shop, host, options, clock);
        await stage.ReadyAsync();
        return stage;
    }

    /// <summary>Stops the gateway and starts another on the same data.</summary>
    public async Task RestartAsync()
    {
        await Host.StopAsync();
        Host = await GatewayHost.StartAsync(_options, new GatewaySurroundings { Clock = Clock });
        await ReadyAsync();
    }

    // On a machine that is busy with other things the issuer's keys may take longer than the gateway's patience; it asks again after half a minute of its clock.
    private async Task ReadyAsync()
    {
        for (var tries = 0; tries < 20; tries++)
        {
            using var answer = await _http.GetAsync($"{Host.ManagementUrl}/readyz");
            if (answer.IsSuccessStatusCode) return;
            Clock.Advance(TimeSpan.FromSeconds(31));
        }
        throw new InvalidOperationException("the gateway did not get ready");
    }

    /// <summary>Where a client sends a person, with parameters changed or (null) left out.</summary>
    public string AuthorizeUrl(string client = "desktop", string redirect = Loopback, params (string Name, string? Value)[] changed)
    {
        var parameters = new Dictionary<string, string?>
        {
            ["response_type"] = "code",
            ["client_id"] = client,
            ["redirect_uri"] = redirect,
            ["state"] = "the client's own",
            ["code_challenge"] = Challenge,
            ["code_challenge_method"] = "S256",
            ["resource"] = Shop,
            ["scope"] = "mcp",
        };
        foreach (var (name, value) in changed) parameters[name] = value;
        return $"{Url}/oauth/authorize?{string.Join('&', parameters.Where(pair => pair.Value is not null).Select(pair => $"{pair.Key}={Uri.EscapeDataString(pair.Value!)}"))}";
    }

    /// <summary>Presses a button of the consent page that the browser shows; the answer is where the browser is sent next.</summary>
    public async Task<string?> ConsentAsync(Browser browser, string answer = "allow", bool remember = false, string? csrf = null, string? site = "same-origin")
    {
        var form = new Dictionary<string, string> { ["request"] = Field(browser.Body, "request"), ["csrf"] = csrf ?? Field(browser.Body, "csrf"), ["answer"] = answer };
        if (remember) form["remember"] = "yes";
        await browser.PostAsync($"{Url}/oauth/consent", form, origin: Url, site: site);
        return NextOf(browser);
    }

    /// <summary>The whole way of a person: consent, the issuer, and back; the answer is what the client gets.</summary>
    public async Task<Dictionary<string, string>> SignInAsync(Browser browser, string authorizeUrl, string persona = "alice", bool remember = false)
    {
        await browser.OpenAsync(authorizeUrl);
        if (browser.Address!.AbsolutePath == "/oauth/authorize") await browser.OpenAsync(await ConsentAsync(browser, remember: remember) ?? throw new InvalidOperationException(browser.Body));
        await browser.PickAsync(persona);
        return Answer(NextOf(browser) ?? throw new InvalidOperationException($"{browser.Address} {browser.Body}"));
    }

    /// <summary>Tokens for a person at the desktop client.</summary>
    public async Task<JsonElement> TokensAsync(string persona = "alice")
    {
        using var browser = new Browser();
        var answer = await SignInAsync(browser, AuthorizeUrl(), persona);
        return (await TokenAsync(CodeForm(answer["code"]))).Body;
    }

    public Dictionary<string, string> CodeForm(string code, params (string Name, string? Value)[] changed)
    {
        var form = new Dictionary<string, string?> { ["grant_type"] = "authorization_code", ["code"] = code, ["redirect_uri"] = Loopback, ["client_id"] = "desktop", ["code_verifier"] = Verifier, ["resource"] = Shop };
        foreach (var (name, value) in changed) form[name] = value;
        return form.Where(pair => pair.Value is not null).ToDictionary(pair => pair.Key, pair => pair.Value!);
    }

    public static Dictionary<string, string> RefreshForm(string token, string client = "desktop") => new() { ["grant_type"] = "refresh_token", ["refresh_token"] = token, ["client_id"] = client };

    public async Task<(HttpStatusCode Status, JsonElement Body, HttpResponseMessage Answer)> TokenAsync(IEnumerable<KeyValuePair<string, string>> form, string? basic = null, string path = "/oauth/token")
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Url + path) { Content = new FormUrlEncodedContent(form) };
        if (basic is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(basic)));
        var answer = await _http.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        return (answer.StatusCode, text.Length == 0 ? default : JsonDocument.Parse(text).RootElement.Clone(), answer);
    }

    public async Task<(HttpStatusCode Status, string Body)> SendAsync(HttpMethod method, string path, string? json = null)
    {
        using var request = new HttpRequestMessage(method, Url + path);
        if (json is not null) request.Content = new StringContent(json, Encoding.UTF8, "application/json");
        using var answer = await _http.SendAsync(request);
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }

    /// <summary>An administrator takes credentials back.</summary>
    public async Task<HttpStatusCode> RevokeAsync(string of, string subject)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Url + "/api/v1/identities/revoke") { Content = new StringContent(JsonSerializer.Serialize(new Dictionary<string, string> { [of] = subject, ["reason"] = "a test" }), Encoding.UTF8, "application/json") };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Issuer.IssueToken("carol", "https://postern.test", "demo-agent"));
        using var answer = await _http.SendAsync(request);
        return answer.StatusCode;
    }

    public async Task<(HttpStatusCode Status, string Body)> SendTokenAsync(string token, string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, Url + path);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        using var answer = await _http.SendAsync(request);
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }

    /// <summary>Uses a token: lists the shop's tools. The status says whether it was let in, the text what it may see.</summary>
    public async Task<(HttpStatusCode Status, string Text)> UseAsync(string token, string? resource = null)
    {
        const string meta = """{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"test","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}""";
        using var request = new HttpRequestMessage(HttpMethod.Post, resource ?? Shop) { Content = new StringContent($$"""{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{{meta}} } }""", Encoding.UTF8, "application/json") };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        request.Headers.Accept.ParseAdd("application/json, text/event-stream");
        request.Headers.Add("MCP-Protocol-Version", "2026-07-28");
        request.Headers.Add("Mcp-Method", "tools/list");
        using var response = await _http.SendAsync(request);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    public static Dictionary<string, string> Answer(string address)
    {
        var query = HttpUtility.ParseQueryString(new Uri(address).Query);
        return query.AllKeys.ToDictionary(key => key!, key => query[key]!);
    }

    public static JsonElement ClaimsOf(string token) => JsonDocument.Parse(System.Buffers.Text.Base64Url.DecodeFromChars(token.Split('.')[1])).RootElement.Clone();

    /// <summary>Where the page sends the browser, as browsers read the header.</summary>
    public static string? NextOf(Browser browser) => browser.Last.Headers.TryGetValues("Refresh", out var values) && values.Single() is { } text && text.StartsWith("0; url=", StringComparison.Ordinal) ? text[7..] : null;

    public static string Field(string page, string name) => WebUtility.HtmlDecode(Regex.Match(page, $"name=\"{name}\" value=\"([^\"]*)\"", RegexOptions.NonBacktracking).Groups[1].Value);

    public static string KeySet(ECDsa key)
    {
        var point = key.ExportParameters(false).Q;
        return $$"""{"keys":[{"kty":"EC","crv":"P-256","kid":"nightly-1","use":"sig","alg":"ES256","x":"{{System.Buffers.Text.Base64Url.EncodeToString(point.X)}}","y":"{{System.Buffers.Text.Base64Url.EncodeToString(point.Y)}}"}]}""";
    }

    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        await _shop.DisposeAsync();
        await Issuer.DisposeAsync();
        _http.Dispose();
        _folder.Dispose();
    }
}
