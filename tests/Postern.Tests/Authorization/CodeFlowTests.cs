using System.Net;
using Postern.Demo.Issuer;
using Postern.Tests.Identities;
using Browser = Postern.Tests.Identities.Browser;

namespace Postern.Tests.Authorization;

[Guarantee("G13")]
[Collection(AuthorizationCollection.Name)]
public sealed class CodeFlowTests(SharedStage shared)
{
    [Fact]
    public async Task A_person_signs_in_for_a_client_and_its_token_is_good_for_that_connection_alone()
    {
        var stage = shared.Stage;
        using var browser = new Browser();

        var answer = await stage.SignInAsync(browser, stage.AuthorizeUrl());
        Assert.Equal("the client's own", answer["state"]);
        Assert.Equal(stage.Url, answer["iss"]);
        var (status, tokens, message) = await stage.TokenAsync(stage.CodeForm(answer["code"]));

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.True(message.Headers.CacheControl!.NoStore);
        Assert.Equal("Bearer", tokens.GetProperty("token_type").GetString());
        Assert.InRange(tokens.GetProperty("expires_in").GetInt32(), 1, 600);
        var token = tokens.GetProperty("access_token").GetString()!;
        var claims = AuthorizationStage.ClaimsOf(token);
        Assert.Equal(stage.Shop, claims.GetProperty("aud").GetString());
        Assert.Equal("desktop", claims.GetProperty("client_id").GetString());
        Assert.Equal("alice", claims.GetProperty("sub").GetString());
        Assert.Equal("demo", claims.GetProperty("idp").GetString());

        var (used, text) = await stage.UseAsync(token);
        Assert.Equal(HttpStatusCode.OK, used);
        Assert.Contains("get_", text, StringComparison.Ordinal);
        Assert.DoesNotContain("\"name\":\"refund\"", text, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Unauthorized, (await stage.SendTokenAsync(token, "/api/v1/connections")).Status);
    }

    [Fact]
    public async Task A_client_finds_the_server_where_the_connection_says_it_is()
    {
        var stage = shared.Stage;

        var (_, resource) = await stage.SendAsync(HttpMethod.Get, "/.well-known/oauth-protected-resource/mcp/shop");
        Assert.Contains($"\"authorization_servers\":[\"{stage.Url}\"]", resource, StringComparison.Ordinal);
        var (_, itself) = await stage.SendAsync(HttpMethod.Get, "/.well-known/oauth-protected-resource");
        Assert.Contains($"\"authorization_servers\":[\"{stage.Issuer.Issuer}\"]", itself, StringComparison.Ordinal);

        var (_, oauth) = await stage.SendAsync(HttpMethod.Get, "/.well-known/oauth-authorization-server");
        var (_, oidc) = await stage.SendAsync(HttpMethod.Get, "/.well-known/openid-configuration");
        Assert.Equal(oauth, oidc);
        Assert.Contains($"\"issuer\":\"{stage.Url}\"", oauth, StringComparison.Ordinal);
        Assert.Contains("\"code_challenge_methods_supported\":[\"S256\"]", oauth, StringComparison.Ordinal);
        Assert.Contains("\"authorization_response_iss_parameter_supported\":true", oauth, StringComparison.Ordinal);
        Assert.DoesNotContain("registration_endpoint", oauth, StringComparison.Ordinal);
        Assert.Contains("\"client_id_metadata_document_supported\":false", oauth, StringComparison.Ordinal);

        var (_, keys) = await stage.SendAsync(HttpMethod.Get, "/oauth/jwks");
        Assert.Contains("\"kty\":\"EC\"", keys, StringComparison.Ordinal);
        Assert.DoesNotContain("\"d\"", keys, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_token_is_of_the_same_identity_as_one_of_the_issuer_itself()
    {
        var stage = shared.Stage;
        var tokens = await stage.TokensAsync();

        var own = await stage.UseAsync(tokens.GetProperty("access_token").GetString()!);
        var issuers = await stage.UseAsync(stage.Issuer.IssueToken("alice", "https://postern.test", "demo-agent"));

        Assert.Equal(issuers.Status, own.Status);
        Assert.Equal(issuers.Text, own.Text);
    }

    [Fact]
    public async Task The_consent_page_says_who_asks_and_where_the_answer_goes()
    {
        var stage = shared.Stage;
        using var browser = new Browser();
        await browser.OpenAsync(stage.AuthorizeUrl());

        Assert.Equal(HttpStatusCode.OK, browser.Last.StatusCode);
        Assert.Contains("Desktop &lt;agent&gt;", browser.Body, StringComparison.Ordinal);
        Assert.Contains(AuthorizationStage.Loopback, browser.Body, StringComparison.Ordinal);
        Assert.Contains("/mcp/shop", browser.Body, StringComparison.Ordinal);
        Assert.Contains("a program on this computer", browser.Body, StringComparison.Ordinal);
        Assert.DoesNotContain("Do not ask me again", browser.Body, StringComparison.Ordinal);
        var policy = browser.Last.Headers.GetValues("Content-Security-Policy").Single();
        Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
        Assert.Contains("form-action 'self'", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("script", policy.Replace("default-src 'none'", "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Equal("DENY", browser.Last.Headers.GetValues("X-Frame-Options").Single());
        var cookie = Assert.Single(browser.Last.Headers.GetValues("Set-Cookie"));
        Assert.Contains("httponly", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("samesite=lax", cookie, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Who_says_no_grants_nothing_and_the_client_learns_it()
    {
        var stage = shared.Stage;
        using var browser = new Browser();
        await browser.OpenAsync(stage.AuthorizeUrl());

        var answer = AuthorizationStage.Answer((await stage.ConsentAsync(browser, "deny"))!);

        Assert.Equal("access_denied", answer["error"]);
        Assert.Equal("the client's own", answer["state"]);
        Assert.Equal(stage.Url, answer["iss"]);
        Assert.False(answer.ContainsKey("code"));
    }

    [Fact]
    public async Task A_yes_is_remembered_only_where_it_was_wanted_and_for_exactly_what_it_was_said_to()
    {
        var stage = shared.Stage;
        using var browser = new Browser();
        var url = stage.AuthorizeUrl("web", AuthorizationStage.Web);

        await stage.SignInAsync(browser, url);
        await browser.OpenAsync(url);
        Assert.Equal("/oauth/authorize", browser.Address!.AbsolutePath);

        await stage.SignInAsync(browser, url, remember: true);
        await browser.OpenAsync(url);
        Assert.StartsWith(stage.Issuer.Issuer, browser.Address!.AbsoluteUri, StringComparison.Ordinal);
        await browser.PickAsync("alice");
        Assert.Contains("code", AuthorizationStage.Answer(AuthorizationStage.NextOf(browser)!).Keys);

        // another connection, another client, another browser
        await browser.OpenAsync(stage.AuthorizeUrl("web", AuthorizationStage.Web, ("resource", $"{stage.Url}/mcp/other")));
        Assert.Equal("/oauth/authorize", browser.Address!.AbsolutePath);
        await browser.OpenAsync(stage.AuthorizeUrl());
        Assert.Equal("/oauth/authorize", browser.Address!.AbsolutePath);
        using var other = new Browser();
        await other.OpenAsync(url);
        Assert.Equal("/oauth/authorize", other.Address!.AbsolutePath);

        // somebody else signs in where one person's yes was remembered
        await browser.OpenAsync(url);
        await browser.PickAsync("bob");
        var answer = AuthorizationStage.Answer(AuthorizationStage.NextOf(browser)!);
        Assert.Equal("access_denied", answer["error"]);
        Assert.False(answer.ContainsKey("code"));
        await browser.OpenAsync(url);
        Assert.Equal("/oauth/authorize", browser.Address!.AbsolutePath);
    }

    [Fact]
    public async Task A_restart_keeps_tokens_and_sign_ins()
    {
        await using var stage = await AuthorizationStage.StartAsync();
        var tokens = await stage.TokensAsync();

        await stage.RestartAsync();

        Assert.Equal(HttpStatusCode.OK, (await stage.UseAsync(tokens.GetProperty("access_token").GetString()!)).Status);
        Assert.Equal(HttpStatusCode.OK, (await stage.TokenAsync(AuthorizationStage.RefreshForm(tokens.GetProperty("refresh_token").GetString()!))).Status);
    }

    [Fact]
    public async Task A_client_with_a_secret_proves_that_it_is_the_one()
    {
        var stage = shared.Stage;
        async Task<string> CodeAsync()
        {
            using var browser = new Browser();
            return (await stage.SignInAsync(browser, stage.AuthorizeUrl("server")))["code"];
        }

        var withSecret = stage.CodeForm(await CodeAsync(), ("client_id", "server"), ("client_secret", AuthorizationStage.Secret));
        Assert.Equal(HttpStatusCode.OK, (await stage.TokenAsync(withSecret)).Status);
        Assert.Equal(HttpStatusCode.OK, (await stage.TokenAsync(stage.CodeForm(await CodeAsync(), ("client_id", null)), basic: $"server:{AuthorizationStage.Secret}")).Status);

        foreach (var (form, basic) in new (Dictionary<string, string>, string?)[]
        {
            (stage.CodeForm("x", ("client_id", "server")), null),
            (stage.CodeForm("x", ("client_id", "server"), ("client_secret", "wrong")), null),
            (stage.CodeForm("x", ("client_id", "desktop"), ("client_secret", "none")), null),
            (stage.CodeForm("x", ("client_id", "desktop")), $"server:{AuthorizationStage.Secret}"),
            (stage.CodeForm("x", ("client_id", null)), null),
            (stage.CodeForm("x", ("client_id", "stranger")), null),
        })
        {
            var (status, body, answer) = await stage.TokenAsync(form, basic);
            Assert.Equal(HttpStatusCode.Unauthorized, status);
            Assert.Equal("invalid_client", body.GetProperty("error").GetString());
            Assert.NotEmpty(answer.Headers.WwwAuthenticate);
        }
    }
}
