using System.Net;
using Postern.Core.Operations;
using Postern.Demo.Issuer;
using Postern.Gateway.Identities;

namespace Postern.Tests.Identities;

[Guarantee("G8")]
public sealed class BrowserSignInTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task A_person_signs_in_at_the_issuer_and_comes_back_to_the_page()
    {
        await using var stage = await SignInStage.StartAsync();
        using var browser = new Browser();

        await browser.OpenAsync($"{stage.Url}/page");
        Assert.Contains("Sign in", browser.Body, StringComparison.Ordinal);
        Assert.StartsWith(stage.Issuer.Issuer, browser.Address!.AbsoluteUri, StringComparison.Ordinal);
        await browser.PickAsync("bob");

        Assert.Equal($"{stage.Url}/page", browser.Address!.AbsoluteUri);
        Assert.StartsWith("demo:bob ", browser.Body, StringComparison.Ordinal);
        var headers = browser.Last.Headers;
        Assert.Contains("default-src 'none'", headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
        Assert.True(headers.CacheControl!.NoStore);
    }

    [Fact]
    public async Task The_session_cookie_is_for_the_server_alone()
    {
        await using var stage = await SignInStage.StartAsync();
        using var browser = new Browser();
        await browser.OpenAsync($"{stage.Url}/page");
        await browser.PickAsync("bob", stopAt: uri => uri.AbsolutePath == "/page");

        var cookies = browser.Last.Headers.GetValues("Set-Cookie").ToArray();
        var session = Assert.Single(cookies, cookie => cookie.StartsWith("postern-loopback=", StringComparison.Ordinal));
        Assert.Contains("httponly", session, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("samesite=lax", session, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("path=/", session, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("domain", session, StringComparison.OrdinalIgnoreCase);
        Assert.Contains(cookies, cookie => cookie.StartsWith("postern-loopback-signin-", StringComparison.Ordinal) && cookie.Contains("=;", StringComparison.Ordinal));
    }

    [Fact]
    [Row("J22")]
    public async Task An_answer_is_taken_only_by_the_browser_that_asked_and_once()
    {
        await using var stage = await SignInStage.StartAsync();
        using var browser = new Browser();
        await browser.OpenAsync($"{stage.Url}/page");
        await browser.PickAsync("bob", stopAt: uri => uri.AbsolutePath == "/signin/callback");
        var answer = browser.Address!.AbsoluteUri;

        // the person's answer, carried into the victim's browser
        using var victim = new Browser();
        await victim.OpenAsync(answer);
        Assert.Equal(HttpStatusCode.BadRequest, victim.Last.StatusCode);

        foreach (var changed in (string[])[answer.Replace("state=", "state=A", StringComparison.Ordinal), answer.Replace("&iss=", "&x=", StringComparison.Ordinal), answer.Replace("iss=http", "iss=https", StringComparison.Ordinal), answer + "&code=other"])
        {
            using var copy = new Browser();
            foreach (Cookie cookie in browser.Cookies.GetAllCookies())
            {
                copy.Cookies.Add(cookie);
            }

            await copy.OpenAsync(changed);
            Assert.Equal(HttpStatusCode.BadRequest, copy.Last.StatusCode);
        }

        await browser.OpenAsync(answer);
        Assert.StartsWith("demo:bob ", browser.Body, StringComparison.Ordinal);
        await browser.OpenAsync(answer);
        Assert.Equal(HttpStatusCode.BadRequest, browser.Last.StatusCode);
    }

    [Fact]
    public async Task A_stolen_token_opens_no_page_and_answers_no_form()
    {
        await using var stage = await SignInStage.StartAsync();
        using var thief = new Browser();
        var token = stage.Issuer.IssueToken("bob");
        Assert.IsType<Authentication.Accepted>(await stage.Authenticator.AuthenticateAsync(token, stage.Url, None));

        await thief.PostAsync($"{stage.Url}/page", new() { [IPageSession.CsrfField] = "x" }, origin: stage.Url, bearer: token);

        Assert.Equal(HttpStatusCode.Unauthorized, thief.Last.StatusCode);
        Assert.Equal(0, stage.Acted);

        // nor does it become a session by standing in the cookie's place
        thief.Cookies.Add(new Cookie("postern-loopback", token.Replace(".", "_", StringComparison.Ordinal)[..43], "/", "127.0.0.1"));
        await thief.PostAsync($"{stage.Url}/page", new() { [IPageSession.CsrfField] = "x" }, origin: stage.Url, bearer: token);
        Assert.Equal(HttpStatusCode.Unauthorized, thief.Last.StatusCode);
        Assert.Equal(0, stage.Acted);
    }

    [Fact]
    public async Task A_form_is_acted_on_only_when_our_own_page_sent_it_in_this_session()
    {
        await using var stage = await SignInStage.StartAsync();
        using var browser = new Browser();
        using var other = new Browser();
        await (await other.OpenAsync($"{stage.Url}/page")).PickAsync("carol");
        await (await browser.OpenAsync($"{stage.Url}/page")).PickAsync("bob");
        var (csrf, foreign) = (browser.Csrf, other.Csrf);
        Assert.NotEqual(csrf, foreign);

        async Task<HttpStatusCode> SendAsync(string token, string? origin, string? site)
        {
            await browser.PostAsync($"{stage.Url}/page", new() { [IPageSession.CsrfField] = token }, origin, site);
            return browser.Last.StatusCode;
        }

        Assert.Equal(HttpStatusCode.Forbidden, await SendAsync("", stage.Url, "same-origin"));
        Assert.Equal(HttpStatusCode.Forbidden, await SendAsync(foreign, stage.Url, "same-origin"));
        Assert.Equal(HttpStatusCode.Forbidden, await SendAsync(csrf, "https://evil.example", null));
        Assert.Equal(HttpStatusCode.Forbidden, await SendAsync(csrf, "https://evil.example", "same-origin"));
        Assert.Equal(HttpStatusCode.Forbidden, await SendAsync(csrf, stage.Url, "cross-site"));
        Assert.Equal(HttpStatusCode.Forbidden, await SendAsync(csrf, stage.Url, "same-site"));
        Assert.Equal(HttpStatusCode.Forbidden, await SendAsync(csrf, "null", null));
        Assert.Equal(HttpStatusCode.Forbidden, await SendAsync(csrf, null, null));
        Assert.Equal(0, stage.Acted);

        Assert.Equal(HttpStatusCode.OK, await SendAsync(csrf, stage.Url, "same-origin"));
        Assert.Equal(HttpStatusCode.OK, await SendAsync(csrf, "null", "same-origin"));
        Assert.Equal(2, stage.Acted);
    }

    [Fact]
    public async Task Acting_needs_a_sign_in_of_the_last_five_minutes()
    {
        await using var stage = await SignInStage.StartAsync();
        using var browser = new Browser();
        await (await browser.OpenAsync($"{stage.Url}/page")).PickAsync("bob");

        stage.Clock.Advance(TimeSpan.FromMinutes(5) + TimeSpan.FromSeconds(2));
        await browser.PostAsync($"{stage.Url}/page", new() { [IPageSession.CsrfField] = browser.Csrf }, stage.Url);
        Assert.Equal(HttpStatusCode.Unauthorized, browser.Last.StatusCode);
        Assert.Equal(0, stage.Acted);

        await browser.OpenAsync($"{stage.Url}/signin?return=/page&fresh=1");
        Assert.Contains("prompt=login", browser.Address!.Query, StringComparison.Ordinal);
        await browser.PickAsync("bob");
        await browser.PostAsync($"{stage.Url}/page", new() { [IPageSession.CsrfField] = browser.Csrf }, stage.Url);
        Assert.Equal(1, stage.Acted);
    }

    [Fact]
    public async Task A_session_ends_when_idle_when_signed_out_and_when_its_person_is_revoked()
    {
        await using var stage = await SignInStage.StartAsync();
        using var browser = new Browser();
        await (await browser.OpenAsync($"{stage.Url}/page")).PickAsync("bob");

        stage.Clock.Advance(TimeSpan.FromMinutes(14));
        Assert.StartsWith("demo:bob ", (await browser.OpenAsync($"{stage.Url}/page")).Body, StringComparison.Ordinal);
        stage.Clock.Advance(PageSessions.IdleLife);
        Assert.Contains("Sign in", (await browser.OpenAsync($"{stage.Url}/page")).Body, StringComparison.Ordinal);

        await browser.PickAsync("bob");
        await browser.PostAsync($"{stage.Url}/signout", new() { [IPageSession.CsrfField] = "wrong" }, stage.Url);
        Assert.Equal(HttpStatusCode.Forbidden, browser.Last.StatusCode);
        await browser.OpenAsync($"{stage.Url}/page");
        await browser.PostAsync($"{stage.Url}/signout", new() { [IPageSession.CsrfField] = browser.Csrf }, stage.Url);
        Assert.Contains("Sign in", (await browser.OpenAsync($"{stage.Url}/page")).Body, StringComparison.Ordinal);

        await browser.PickAsync("bob");
        Assert.StartsWith("demo:bob ", browser.Body, StringComparison.Ordinal);
        stage.Authenticator.Revocations.Add("demo:bob", stage.Clock.GetUtcNow());
        Assert.Contains("Sign in", (await browser.OpenAsync($"{stage.Url}/page")).Body, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https://evil.example")]
    [InlineData("//evil.example")]
    [InlineData("/\\evil.example")]
    [InlineData("/ok\r\nSet-Cookie: a=b")]
    [InlineData("/\t/evil.example")]
    [InlineData("javascript:alert(1)")]
    [InlineData("")]
    public void Only_a_local_path_is_returned_to(string path) => Assert.Equal("/", BrowserSignIn.Local(path));

    [Fact]
    [Row("J08")]
    public async Task An_id_token_is_no_access_token_and_an_access_token_signs_nobody_in()
    {
        await using var stage = await SignInStage.StartAsync();
        var trusted = stage.Authenticator.ForBrowsers[0].Issuer;
        var access = stage.Issuer.IssueToken("bob", claims: claims => (claims["nonce"], claims["auth_time"], claims["aud"]) = ("n", claims["iat"]!.DeepClone(), DemoClient.GatewayId));
        Assert.IsType<Authentication.Refused>(await stage.Authenticator.AuthenticateSignInAsync(access, trusted, "n", None));

        string Id(Action<System.Text.Json.Nodes.JsonObject>? change = null) => stage.Issuer.IssueToken("bob", header: header => header["typ"] = "JWT", claims: claims =>
        {
            (claims["nonce"], claims["auth_time"], claims["aud"]) = ("n", claims["iat"]!.DeepClone(), DemoClient.GatewayId);
            claims["azp"] = DemoClient.GatewayId;
            claims["client_id"] = DemoClient.GatewayId;
            change?.Invoke(claims);
        });
        Assert.IsType<Authentication.Accepted>(await stage.Authenticator.AuthenticateSignInAsync(Id(), trusted, "n", None));
        Assert.IsType<Authentication.Refused>(await stage.Authenticator.AuthenticateAsync(Id(), stage.Url, None));
        Assert.IsType<Authentication.Refused>(await stage.Authenticator.AuthenticateSignInAsync(Id(), trusted, "m", None));
        Assert.IsType<Authentication.Refused>(await stage.Authenticator.AuthenticateSignInAsync(Id(claims => claims.Remove("auth_time")), trusted, "n", None));
        Assert.IsType<Authentication.Refused>(await stage.Authenticator.AuthenticateSignInAsync(Id(claims => claims["aud"] = stage.Url), trusted, "n", None));
        Assert.IsType<Authentication.Refused>(await stage.Authenticator.AuthenticateSignInAsync(Id(claims => claims["events"] = new System.Text.Json.Nodes.JsonObject()), trusted, "n", None));
    }

    [Fact]
    public async Task A_failed_sign_in_says_so_and_leads_back_to_the_local_page_alone()
    {
        await using var stage = await SignInStage.StartAsync();
        using var browser = new Browser();
        await browser.OpenAsync($"{stage.Url}/signin?return=%2Fpage%3Fa%3D%22%3E%3Cb%3E");
        await browser.PickAsync("nobody");

        Assert.Equal(HttpStatusCode.Forbidden, browser.Last.StatusCode);
        Assert.Contains("Not signed in", browser.Body, StringComparison.Ordinal);
        Assert.Contains("/signin?return=%2Fpage%3Fa%3D%22%3E%3Cb%3E", browser.Body, StringComparison.Ordinal);
        Assert.DoesNotContain("\"><b>", browser.Body, StringComparison.Ordinal);
        Assert.False(browser.Cookies.GetAllCookies().Any(cookie => cookie.Name == "postern-loopback"));
    }
}
