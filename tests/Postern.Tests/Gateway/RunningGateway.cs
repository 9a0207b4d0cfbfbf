using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;
using Postern.Demo.Issuer;
using Postern.Demo.Shop;
using Postern.Gateway;
using Postern.Gateway.Configuration;

namespace Postern.Tests.Gateway;

/// <summary>A whole gateway in this process, with the demo's issuer and shop: real tokens, real sockets on loopback.</summary>
internal sealed class RunningGateway : IAsyncDisposable
{
    public const string Policy =
        """
        version: 1
        rules:
          - id: support-reads
            who: { groups: [support] }
            on: { connection: shop, tools: ["get_*", "list_*", search_customers] }
            then: allow
          - id: small-refunds
            who: { groups: [support] }
            on: { connection: shop, tools: [refund] }
            when: args.amount > 0 && args.amount <= 500
            then: allow
          - id: large-refunds
            who: { groups: [support] }
            on: { connection: shop, tools: [refund] }
            when: args.amount > 500
            then: hold
            hold: { approvers: { groups: [on-call], count: 1 }, expires: 30m, risk: high }
            message: Refunds over 500 need the on-call person.
          - id: admins
            who: { groups: [admins] }
            on: { admin: [definitions.accept] }
            then: allow
        """;

    private readonly TemporaryFolder _folder;

    private RunningGateway(TemporaryFolder folder, DemoIssuer issuer, ShopServer shop, GatewayHost host, string policyFile, List<string> announced, TimeProvider? clock)
    {
        (_folder, Issuer, Shop, Host, PolicyFile, _announced, _clock) = (folder, issuer, shop, host, policyFile, announced, clock);
    }

    public DemoIssuer Issuer { get; }

    public ShopServer Shop { get; }

    public GatewayHost Host { get; private set; }

    public string PolicyFile { get; }

    public GatewayOptions Options { get; private set; } = null!;

    public string DataFolder => Options.Data;

    public static async Task<RunningGateway> StartAsync(string policy = Policy, TimeProvider? clock = null, ILoggerFactory? logs = null, TimeSpan waits = default, ScimOptions? scim = null, IntrospectionOptions? introspection = null, string[]? scopes = null, LimitOptions? limits = null, params ConnectionOptions[] more)
    {
        var folder = new TemporaryFolder();
        var issuer = await DemoIssuer.StartAsync(new DemoIssuerOptions { DefaultAudience = "http://127.0.0.1:7600", Clock = clock ?? TimeProvider.System });
        var shop = await ShopServer.StartAsync("shop-secret");
        var policyFile = folder.Write("policy.yaml", policy);
        var options = new GatewayOptions
        {
            Url = "http://127.0.0.1:0",
            Management = "http://127.0.0.1:0",
            Data = Path.Combine(folder.Path, "data"),
            Issuers = [new IssuerOptions { Name = "demo", Authority = issuer.Issuer, ClientId = DemoClient.GatewayId, ClientSecret = DemoClient.GatewaySecret, Scim = scim, Introspection = introspection, Scopes = [.. scopes ?? []] }],
            Connections = [new ConnectionOptions { Name = "shop", Protocol = "mcp", Url = shop.Url, Credential = new CredentialOptions("Authorization", "Bearer shop-secret") }, .. more],
            Policy = [policyFile],
            Waits = new WaitOptions { Longest = waits },
            Limits = limits ?? new LimitOptions { Drain = TimeSpan.FromSeconds(1) },
        };
        var announced = new List<string>();
        var host = await GatewayHost.StartAsync(options, Surroundings(clock, logs, announced));
        return new RunningGateway(folder, issuer, shop, host, policyFile, announced, clock) { Options = options };
    }

    /// <summary>Stops the gateway and starts another on the same data.</summary>
    public Task RestartAsync() => RestartAsync(wantsSetupCode: false);

    /// <summary>The same, and asks for another one-time code.</summary>
    public async Task RestartAsync(bool wantsSetupCode)
    {
        await Host.StopAsync();
        Host = await GatewayHost.StartAsync(Options, Surroundings(_clock, null, _announced, wantsSetupCode));
    }

    /// <summary>What was said once, to whoever started the gateway.</summary>
    public IReadOnlyList<string> Announced => _announced;

    private readonly List<string> _announced;
    private readonly TimeProvider? _clock;

    public string TokenOf(string subject, string client = "demo-agent") => Issuer.IssueToken(subject, Host.PublicUrl, client);

    /// <summary>Calls a tool as a client of the stateless revision does, and returns the JSON-RPC answer.</summary>
    public async Task<JsonElement> CallToolAsync(string subject, string tool, string arguments, string? state = null)
    {
        using var http = new HttpClient();
        const string meta = """{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"test","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}""";
        var body = $$"""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"{{tool}}","arguments":{{arguments}},{{(state is null ? "" : $"\"requestState\":\"{state}\",")}}"_meta":{{meta}} } }""";
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{Host.Url}/mcp/shop") { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", TokenOf(subject));
        request.Headers.Accept.ParseAdd("application/json, text/event-stream");
        request.Headers.Add("MCP-Protocol-Version", "2026-07-28");
        request.Headers.Add("Mcp-Method", "tools/call");
        request.Headers.Add("Mcp-Name", tool);
        using var response = await http.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        if (response.Content.Headers.ContentType?.MediaType == "text/event-stream") text = text.Split('\n').Last(line => line.StartsWith("data:", StringComparison.Ordinal))[5..];
        return JsonDocument.Parse(text).RootElement.Clone();
    }

    /// <summary>Asks for a large refund, and returns the hold's id from the link in the answer.</summary>
    public async Task<string> HoldARefundAsync(string subject = "alice", int amount = 900)
    {
        var answer = await CallToolAsync(subject, "refund", $$"""{"order":"O-1001","amount":{{amount}},"reason":"broken"}""");
        var link = Regex.Match(answer.GetRawText(), "/approve/([0-9A-Z]{26})", RegexOptions.NonBacktracking);
        Assert.True(link.Success, answer.GetRawText());
        return link.Groups[1].Value;
    }

    public async Task<HttpResponseMessage> ApiAsync(string path, string? token, HttpMethod? method = null, HttpContent? content = null)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(method ?? HttpMethod.Get, $"{Host.Url}/api/v1{path}") { Content = content };
        if (token is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return await http.SendAsync(request);
    }

    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        await Shop.DisposeAsync();
        await Issuer.DisposeAsync();
        _folder.Dispose();
    }

    private static GatewaySurroundings Surroundings(TimeProvider? clock, ILoggerFactory? logs, List<string> announced, bool wantsSetupCode = false) => new()
    {
        Announce = announced.Add,
        ReadableForms = Postern.Cli.Export.SessionBundle.Readable,
        WantsSetupCode = wantsSetupCode,
        Clock = clock ?? TimeProvider.System,
        Logs = logs ?? Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance,
    };
}

/// <summary>A person's browser, as far as the pages need one: cookies, redirects, forms.</summary>
internal sealed partial class Browser : IDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler { CookieContainer = new CookieContainer(), AllowAutoRedirect = true });
    private readonly string _gateway;

    private Browser(string gateway) => _gateway = gateway;

    public static Browser Of(RunningGateway gateway) => new(gateway.Host.Url);

    /// <summary>Opens the start page, follows it to the issuer, picks a person, and comes back signed in.</summary>
    public static Task<Browser> SignInAsync(RunningGateway gateway, string subject) => SignInAsync(gateway.Host.Url, subject);

    /// <summary>The same for a gateway at this URL.</summary>
    public static async Task<Browser> SignInAsync(string gateway, string subject)
    {
        var browser = new Browser(gateway);
        using var picker = await browser._http.GetAsync(gateway + "/");
        var page = await picker.Content.ReadAsStringAsync();
        var handle = Regex.Match(page, "name=\"?handle\"? value=\"([^\"]+)\"", RegexOptions.NonBacktracking);
        var action = Regex.Match(page, "<form[^>]* action=\"?([^\" >]+)", RegexOptions.NonBacktracking);
        Assert.True(handle.Success, page);
        var target = new Uri(picker.RequestMessage!.RequestUri!, action.Success ? WebUtility.HtmlDecode(action.Groups[1].Value) : "");
        using var request = new HttpRequestMessage(HttpMethod.Post, target) { Content = new FormUrlEncodedContent([new("handle", WebUtility.HtmlDecode(handle.Groups[1].Value)), new("persona", subject)]) };
        request.Headers.Add("Origin", target.GetLeftPart(UriPartial.Authority));
        using var home = await browser._http.SendAsync(request);
        var text = await home.Content.ReadAsStringAsync();
        Assert.True(home.IsSuccessStatusCode && text.Contains("Signed in as", StringComparison.Ordinal), $"{home.StatusCode} {text}");
        return browser;
    }

    public async Task<(HttpStatusCode Status, string Page)> GetAsync(string path)
    {
        using var response = await _http.GetAsync(_gateway + path);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    /// <summary>Sends the answer form as the page would.</summary>
    public async Task<(HttpStatusCode Status, string Page)> AnswerAsync(string id, string answer, string reason = "", string? csrf = null, string? origin = null)
    {
        csrf ??= CsrfField().Match((await GetAsync("/approve/" + id)).Page) is { Success: true } field ? field.Groups[1].Value : "";
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{_gateway}/approve/{id}") { Content = new FormUrlEncodedContent([new("csrf", csrf), new("answer", answer), new("reason", reason)]) };
        request.Headers.Add("Origin", origin ?? _gateway);
        using var response = await _http.SendAsync(request);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    public async Task<string> CsrfAsync(string path) => CsrfField().Match((await GetAsync(path)).Page).Groups[1].Value;

    public async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request) => await _http.SendAsync(request);

    public void Dispose() => _http.Dispose();

    [GeneratedRegex("name=\"csrf\" value=\"([^\"]+)\"", RegexOptions.NonBacktracking)]
    private static partial Regex CsrfField();
}
