using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Postern.Core.Operations;
using Postern.Demo.Issuer;

namespace Postern.Tests.Identities;

public sealed class DemoIssuerTests
{
    private const string Verifier = "a-verifier-that-is-long-enough-0123456789-0123456789";
    private const string Redirect = "http://127.0.0.1:45678/callback";

    private static string Challenge => Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(Verifier)));

    [Theory]
    [InlineData("0.0.0.0")]
    [InlineData("10.0.0.1")]
    [InlineData("::")]
    [InlineData("192.168.1.1")]
    public async Task It_listens_on_loopback_alone(string address) =>
        await Assert.ThrowsAsync<ArgumentException>(() => DemoIssuer.StartAsync(new() { DefaultAudience = "https://gate.example", Address = IPAddress.Parse(address) }));

    [Theory]
    [InlineData("evil.example")]
    [InlineData("127.0.0.1.evil.example")]
    [InlineData("10.0.0.1")]
    public async Task It_answers_only_to_names_of_this_machine(string host)
    {
        await using var issuer = await StartAsync();
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, $"{issuer.Issuer}/jwks");
        request.Headers.Host = host;

        Assert.Equal(HttpStatusCode.MisdirectedRequest, (await http.SendAsync(request)).StatusCode);
    }

    [Fact]
    public async Task A_workload_gets_a_token_with_its_credentials_that_the_gateway_accepts()
    {
        await using var stage = await SignInStage.StartAsync();

        var (status, answer) = await PostAsync(stage.Issuer, new() { ["grant_type"] = "client_credentials", ["client_id"] = DemoClient.TriageBotId, ["client_secret"] = DemoClient.TriageBotSecret, ["resource"] = $"{stage.Url}/mcp/shop" });

        Assert.Equal(HttpStatusCode.OK, status);
        var token = answer["access_token"]!.ToString();
        var accepted = Assert.IsType<Authentication.Accepted>(await stage.Authenticator.AuthenticateAsync(token, $"{stage.Url}/mcp/shop", CancellationToken.None));
        Assert.Equal(IdentityKind.Workload, accepted.Identity.Kind);
        Assert.Equal(["triage-agents"], accepted.Identity.Groups);
        Assert.IsType<Authentication.Refused>(await stage.Authenticator.AuthenticateAsync(token, $"{stage.Url}/mcp/bank", CancellationToken.None));
    }

    [Theory]
    [InlineData(DemoClient.TriageBotId, "wrong", null, "invalid_client")]
    [InlineData(DemoClient.TriageBotId, "", null, "invalid_client")]
    [InlineData("nobody", "x", null, "invalid_client")]
    [InlineData(DemoClient.GatewayId, DemoClient.GatewaySecret, null, "unauthorized_client")]
    [InlineData(DemoClient.CommandLineId, "", null, "unauthorized_client")]
    [InlineData(DemoClient.TriageBotId, DemoClient.TriageBotSecret, "https://other.example", "invalid_target")]
    [InlineData(DemoClient.TriageBotId, DemoClient.TriageBotSecret, "https://gate.example.evil.example", "invalid_target")]
    public async Task Wrong_credentials_or_resources_get_no_token(string client, string secret, string? resource, string error)
    {
        await using var issuer = await StartAsync();
        var form = new Dictionary<string, string> { ["grant_type"] = "client_credentials", ["client_id"] = client, ["client_secret"] = secret };
        if (resource is not null)
        {
            form["resource"] = resource;
        }

        var (_, answer) = await PostAsync(issuer, form);

        Assert.Equal(error, answer["error"]!.ToString());
    }

    [Fact]
    [Row("J22")]
    public async Task A_code_is_good_once_for_its_client_address_and_verifier_and_its_replay_ends_the_sign_in()
    {
        await using var issuer = await StartAsync();

        foreach (var (key, value) in new[] { ("code_verifier", Verifier + "x"), ("code_verifier", ""), ("redirect_uri", "http://127.0.0.1:45679/callback"), ("client_id", "demo-agent") })
        {
            var form = CodeForm(await CodeAsync(issuer));
            form[key] = value;
            Assert.Equal("invalid_grant", (await PostAsync(issuer, form)).Answer["error"]!.ToString());
        }

        var good = CodeForm(await CodeAsync(issuer));
        var (status, tokens) = await PostAsync(issuer, good);
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal("invalid_grant", (await PostAsync(issuer, good)).Answer["error"]!.ToString());

        var (_, afterReplay) = await PostAsync(issuer, RefreshForm(tokens["refresh_token"]!.ToString()));
        Assert.Equal("invalid_grant", afterReplay["error"]!.ToString());
    }

    [Fact]
    public async Task A_refresh_token_rotates_and_using_an_old_one_ends_the_sign_in()
    {
        await using var issuer = await StartAsync();
        var (_, first) = await PostAsync(issuer, CodeForm(await CodeAsync(issuer)));

        var (_, second) = await PostAsync(issuer, RefreshForm(first["refresh_token"]!.ToString()));
        Assert.NotEqual(first["refresh_token"]!.ToString(), second["refresh_token"]!.ToString());

        Assert.Equal("invalid_grant", (await PostAsync(issuer, RefreshForm(first["refresh_token"]!.ToString()))).Answer["error"]!.ToString());
        Assert.Equal("invalid_grant", (await PostAsync(issuer, RefreshForm(second["refresh_token"]!.ToString()))).Answer["error"]!.ToString());
    }

    [Theory]
    [Row("J22")]
    [InlineData("http://127.0.0.1:1/callback2")]
    [InlineData("http://127.0.0.1:1/callback?x=1")]
    [InlineData("http://127.0.0.1:1/callback#x")]
    [InlineData("http://127.0.0.1@evil.example/callback")]
    [InlineData("http://127.0.0.1.evil.example/callback")]
    [InlineData("http://localhost:1/callback")]
    [InlineData("https://127.0.0.1:1/callback")]
    [InlineData("http://evil.example/callback")]
    [InlineData("/callback")]
    public async Task A_return_address_that_is_not_the_clients_is_never_redirected_to(string redirect)
    {
        await using var issuer = await StartAsync();
        using var browser = new Browser();

        await browser.OpenAsync(AuthorizeUrl(issuer, redirect));

        Assert.Equal(HttpStatusCode.BadRequest, browser.Last.StatusCode);
        Assert.Null(browser.Last.Headers.Location);
    }

    [Theory]
    [InlineData("code_challenge_method=S256", "code_challenge_method=plain", "invalid_request")]
    [InlineData("code_challenge=", "x=", "invalid_request")]
    [InlineData("response_type=code", "response_type=token", "unsupported_response_type")]
    [InlineData("state=s", "state=s&prompt=none", "login_required")]
    [InlineData("state=s", "state=s&resource=https%3A%2F%2Fother.example", "invalid_target")]
    [InlineData("state=s", "state=s&nonce=a&nonce=b", "invalid_request")]
    public async Task A_request_that_is_not_code_with_PKCE_for_the_gateway_gets_an_error(string from, string to, string error)
    {
        await using var issuer = await StartAsync();
        using var browser = new Browser();

        await browser.OpenAsync(AuthorizeUrl(issuer, Redirect).Replace(from, to, StringComparison.Ordinal), stopAt: uri => uri.AbsolutePath == "/callback");

        Assert.Contains($"error={error}", browser.Address!.Query, StringComparison.Ordinal);
        Assert.Contains("state=s", browser.Address.Query, StringComparison.Ordinal);
        Assert.Contains("iss=", browser.Address.Query, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_picker_is_a_page_without_script_that_no_other_site_can_send()
    {
        await using var issuer = await StartAsync();
        using var browser = new Browser();
        await browser.OpenAsync(AuthorizeUrl(issuer, Redirect));

        Assert.Contains("Alice Archer", browser.Body, StringComparison.Ordinal);
        Assert.DoesNotContain("<script", browser.Body, StringComparison.OrdinalIgnoreCase);
        var policy = browser.Last.Headers.GetValues("Content-Security-Policy").Single();
        Assert.Contains("default-src 'none'", policy, StringComparison.Ordinal);
        Assert.Contains("form-action 'self' http://127.0.0.1:45678;", policy, StringComparison.Ordinal);

        await browser.PostAsync($"{issuer.Issuer}/authorize/pick", new() { ["handle"] = "x", ["persona"] = "carol" }, origin: "https://evil.example", site: "cross-site");
        Assert.Equal(HttpStatusCode.BadRequest, browser.Last.StatusCode);
    }

    [Fact]
    public async Task The_device_flow_waits_for_the_person()
    {
        await using var issuer = await StartAsync();
        using var http = new HttpClient();
        using var started = await http.PostAsync($"{issuer.Issuer}/device_authorization", new FormUrlEncodedContent([new("client_id", DemoClient.CommandLineId), new("scope", "openid")]));
        var device = JsonNode.Parse(await started.Content.ReadAsStringAsync())!;
        var poll = new Dictionary<string, string> { ["grant_type"] = "urn:ietf:params:oauth:grant-type:device_code", ["device_code"] = device["device_code"]!.ToString(), ["client_id"] = DemoClient.CommandLineId };
        Assert.Equal("authorization_pending", (await PostAsync(issuer, poll)).Answer["error"]!.ToString());
        Assert.Equal("slow_down", (await PostAsync(issuer, poll)).Answer["error"]!.ToString());

        using var browser = new Browser();
        await browser.OpenAsync(device["verification_uri_complete"]!.ToString());
        await browser.PostAsync($"{issuer.Issuer}/device", new() { ["user_code"] = device["user_code"]!.ToString().ToLowerInvariant() });
        await browser.PickAsync("alice");
        Assert.Contains("signed in as Alice Archer", browser.Body, StringComparison.Ordinal);

        var (status, tokens) = await PostAsync(issuer, poll);
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.NotNull(tokens["id_token"]);
        Assert.Equal("expired_token", (await PostAsync(issuer, poll)).Answer["error"]!.ToString());
    }

    [Fact]
    public async Task An_agent_that_knows_no_issuer_registers_itself_and_acts_for_a_person()
    {
        await using var issuer = await StartAsync();
        using var http = new HttpClient();
        using var answer = await http.PostAsync($"{issuer.Issuer}/register", Json("""{"client_name":"<b>Agent</b>","redirect_uris":["http://localhost:1234/cb"],"token_endpoint_auth_method":"none"}"""));
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        var id = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["client_id"]!.ToString();

        using var browser = new Browser();
        await browser.OpenAsync(AuthorizeUrl(issuer, "http://localhost:4321/cb").Replace(DemoClient.CommandLineId, id, StringComparison.Ordinal));
        Assert.Contains("&lt;b&gt;Agent&lt;/b&gt;", browser.Body, StringComparison.Ordinal);
        await browser.PickAsync("alice", stopAt: uri => uri.AbsolutePath == "/cb");
        Assert.Contains("code=", browser.Address!.Query, StringComparison.Ordinal);

        // it never becomes a workload
        Assert.Equal("unauthorized_client", (await PostAsync(issuer, new() { ["grant_type"] = "client_credentials", ["client_id"] = id })).Answer["error"]!.ToString());
    }

    [Theory]
    [InlineData("""{"redirect_uris":["https://evil.example/cb"]}""", "invalid_redirect_uri")]
    [InlineData("""{"redirect_uris":["http://127.0.0.1/cb","http://evil.example/cb"]}""", "invalid_redirect_uri")]
    [InlineData("""{"redirect_uris":["javascript:alert(1)"]}""", "invalid_redirect_uri")]
    [InlineData("""{"redirect_uris":[]}""", "invalid_redirect_uri")]
    [InlineData("""{"redirect_uris":["\ud800"]}""", "invalid_redirect_uri")]
    [InlineData("""{"redirect_uris":"http://127.0.0.1/cb"}""", "invalid_redirect_uri")]
    [InlineData("""{"redirect_uris":["http://127.0.0.1/cb"],"redirect_uris":["http://127.0.0.1/x"]}""", "invalid_client_metadata")]
    [InlineData("""{"redirect_uris":["http://127.0.0.1/cb"],"token_endpoint_auth_method":"client_secret_post"}""", "invalid_client_metadata")]
    [InlineData("[]", "invalid_client_metadata")]
    [InlineData("{", "invalid_client_metadata")]
    public async Task A_registration_that_leads_off_this_machine_or_is_unclear_is_refused(string body, string error)
    {
        await using var issuer = await StartAsync();
        using var http = new HttpClient();
        using var answer = await http.PostAsync($"{issuer.Issuer}/register", Json(body));

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal(error, JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["error"]!.ToString());
    }

    private static StringContent Json(string body) => new(body, Encoding.UTF8, "application/json");

    private static Task<DemoIssuer> StartAsync() => DemoIssuer.StartAsync(new() { DefaultAudience = "https://gate.example", DevicePollInterval = TimeSpan.FromHours(1) });

    private static string AuthorizeUrl(DemoIssuer issuer, string redirect) =>
        $"{issuer.Issuer}/authorize?response_type=code&client_id={DemoClient.CommandLineId}&redirect_uri={Uri.EscapeDataString(redirect)}&scope=openid&state=s&code_challenge={Challenge}&code_challenge_method=S256";

    private static async Task<string> CodeAsync(DemoIssuer issuer)
    {
        using var browser = new Browser();
        await browser.OpenAsync(AuthorizeUrl(issuer, Redirect));
        await browser.PickAsync("alice", stopAt: uri => uri.AbsolutePath == "/callback");
        return browser.Address!.Query[1..].Split('&').Single(part => part.StartsWith("code=", StringComparison.Ordinal))[5..];
    }

    private static Dictionary<string, string> CodeForm(string code) => new() { ["grant_type"] = "authorization_code", ["code"] = code, ["redirect_uri"] = Redirect, ["client_id"] = DemoClient.CommandLineId, ["code_verifier"] = Verifier };

    private static Dictionary<string, string> RefreshForm(string token) => new() { ["grant_type"] = "refresh_token", ["refresh_token"] = token, ["client_id"] = DemoClient.CommandLineId };

    private static async Task<(HttpStatusCode Status, JsonNode Answer)> PostAsync(DemoIssuer issuer, Dictionary<string, string> form)
    {
        using var http = new HttpClient();
        using var answer = await http.PostAsync($"{issuer.Issuer}/token", new FormUrlEncodedContent(form));
        return (answer.StatusCode, JsonNode.Parse(await answer.Content.ReadAsStringAsync())!);
    }
}
