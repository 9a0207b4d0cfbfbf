using System.Net;
using Postern.Tests.Identities;
using Browser = Postern.Tests.Identities.Browser;

namespace Postern.Tests.Authorization;

/// <summary>The known ways of stealing a code from a server that stands in front of an issuer; each is refused (J22).</summary>
[Row("J22")]
[Guarantee("G13")]
[Collection(AuthorizationCollection.Name)]
public sealed class AuthorizeAttackTests(SharedStage shared)
{
    [Theory]
    [InlineData("desktop", "http://127.0.0.1:43210/callback/evil")]
    [InlineData("desktop", "http://127.0.0.1:43210/callback/../evil")]
    [InlineData("desktop", "http://127.0.0.1:43210/Callback")]
    [InlineData("desktop", "http://127.0.0.1:43210/callback?to=evil")]
    [InlineData("desktop", "http://127.0.0.1:43210/callback#fragment")]
    [InlineData("desktop", "http://127.0.0.1:43210@evil.example/callback")]
    [InlineData("desktop", "http://127.0.0.1.evil.example/callback")]
    [InlineData("desktop", "http://user@127.0.0.1:43210/callback")]
    [InlineData("desktop", "http://127.0.0.1:/callback")]
    [InlineData("desktop", "http://127.0.0.1:0/callback")]
    [InlineData("desktop", "http://127.0.0.1:99999/callback")]
    [InlineData("desktop", "http://127.0.0.2:43210/callback")]
    [InlineData("desktop", "http://2130706433/callback")]
    [InlineData("desktop", "http://[::1]:43210/callback")]
    [InlineData("desktop", "http://localhost:43210/callback")]
    [InlineData("desktop", "https://127.0.0.1:43210/callback")]
    [InlineData("desktop", "HTTP://127.0.0.1:43210/callback")]
    [InlineData("desktop", "")]
    [InlineData("web", "https://app.example.com/callback/")]
    [InlineData("web", "https://app.example.com/callback/..;/evil")]
    [InlineData("web", "https://app.example.com/%63allback")]
    [InlineData("web", "https://app.example.com:443/callback")]
    [InlineData("web", "https://app.example.com:8443/callback")]
    [InlineData("web", "https://APP.example.com/callback")]
    [InlineData("web", "https://app.example.com./callback")]
    [InlineData("web", "https://evil.app.example.com/callback")]
    [InlineData("web", "https://app.example.com.evil.example/callback")]
    [InlineData("web", "https://app.example.com@evil.example/callback")]
    [InlineData("web", "https://app.example.com\\@evil.example/callback")]
    [InlineData("web", "https://xn--pp-example-s4g.com/callback")]
    [InlineData("web", "https://аpp.example.com/callback")]
    [InlineData("web", "http://app.example.com/callback")]
    [InlineData("web", "https://app.example.com/callback ")]
    [InlineData("web", "javascript:alert(1)//app.example.com/callback")]
    [InlineData("web", "http://127.0.0.1:43210/callback")]
    public async Task An_address_that_is_nearly_the_clients_is_not_the_clients(string client, string redirect)
    {
        var stage = shared.Stage;
        using var browser = new Browser();

        await browser.OpenAsync(stage.AuthorizeUrl(client, redirect));

        Assert.Equal(HttpStatusCode.BadRequest, browser.Last.StatusCode);
        Assert.Null(browser.Last.Headers.Location);
        Assert.Null(AuthorizationStage.NextOf(browser));
        Assert.DoesNotContain("name=\"request\"", browser.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_client_asks_wrongly_goes_back_to_it_as_an_error_and_never_to_the_person()
    {
        var stage = shared.Stage;
        foreach (var (name, value, error) in new (string, string?, string)[]
        {
            ("response_type", "token", "unsupported_response_type"),
            ("response_type", "code id_token", "unsupported_response_type"),
            ("response_type", null, "unsupported_response_type"),
            ("response_mode", "fragment", "invalid_request"),
            ("response_mode", "form_post", "invalid_request"),
            ("code_challenge", null, "invalid_request"),
            ("code_challenge", "", "invalid_request"),
            ("code_challenge", AuthorizationStage.Verifier, "invalid_request"),
            ("code_challenge_method", "plain", "invalid_request"),
            ("code_challenge_method", null, "invalid_request"),
            ("resource", null, "invalid_target"),
            ("resource", "https://other.example/mcp/shop", "invalid_target"),
            ("resource", stage.Url, "invalid_target"),
            ("resource", $"{stage.Url}/mcp/shop/../other", "invalid_target"),
            ("resource", $"{stage.Url}/mcp/shop?x=1", "invalid_target"),
            ("resource", $"{stage.Url}/api/v1", "invalid_target"),
            ("resource", $"{stage.Url}.evil.example/mcp/shop", "invalid_target"),
            ("state", "line\nbreak", "invalid_request"),
            ("state", new string('s', 2000), "invalid_request"),
            ("scope", "mcp  mcp", "invalid_scope"),
            ("prompt", "none", "interaction_required"),
            ("request", "eyJ", "request_not_supported"),
            ("request_uri", "https://evil.example/request", "request_uri_not_supported"),
        })
        {
            using var browser = new Browser();
            await browser.OpenAsync(stage.AuthorizeUrl(changed: (name, value)), uri => uri.Port == 43210);

            Assert.Equal(HttpStatusCode.SeeOther, browser.Last.StatusCode);
            var answer = AuthorizationStage.Answer(browser.Address!.AbsoluteUri);
            Assert.Equal(error, answer["error"]);
            Assert.Equal(stage.Url, answer["iss"]);
            Assert.False(answer.ContainsKey("code"));
            if (name != "state") Assert.Equal("the client's own", answer["state"]);
        }
    }

    [Fact]
    public async Task A_parameter_that_comes_twice_is_refused()
    {
        var stage = shared.Stage;
        foreach (var (more, isSafeToAnswer) in new[]
        {
            ("&client_id=web", false), ("&redirect_uri=https://evil.example", false), ("&state=second", true), ("&code_challenge_method=plain", true),
            ("&code_challenge=" + AuthorizationStage.Challenge, true), ("&resource=" + Uri.EscapeDataString(stage.Url + "/mcp/other"), true), ("&scope=x", true),
        })
        {
            using var browser = new Browser();
            await browser.OpenAsync(stage.AuthorizeUrl() + more, uri => uri.Port == 43210);

            if (isSafeToAnswer) Assert.Contains("error", AuthorizationStage.Answer(browser.Address!.AbsoluteUri).Keys);
            else Assert.Equal(HttpStatusCode.BadRequest, browser.Last.StatusCode);
        }
    }

    [Fact]
    public async Task A_consent_counts_only_from_the_page_of_this_request_in_this_browser()
    {
        var stage = shared.Stage;
        using var victim = new Browser();
        using var thief = new Browser();
        await victim.OpenAsync(stage.AuthorizeUrl());
        await thief.OpenAsync(stage.AuthorizeUrl("web", AuthorizationStage.Web));
        var (csrf, thiefsRequest, thiefsCsrf) = (AuthorizationStage.Field(victim.Body, "csrf"), AuthorizationStage.Field(thief.Body, "request"), AuthorizationStage.Field(thief.Body, "csrf"));
        var request = AuthorizationStage.Field(victim.Body, "request");

        async Task<HttpStatusCode> SendAsync(Browser browser, string sealedRequest, string token, string? origin, string? site)
        {
            await browser.PostAsync($"{stage.Url}/oauth/consent", new() { ["request"] = sealedRequest, ["csrf"] = token, ["answer"] = "allow" }, origin, site);
            Assert.Null(AuthorizationStage.NextOf(browser));
            return browser.Last.StatusCode;
        }

        // what another client's request holds, in a browser that agreed to nothing for that client
        Assert.Equal(HttpStatusCode.BadRequest, await SendAsync(victim, thiefsRequest, thiefsCsrf, stage.Url, "same-origin"));
        Assert.Equal(HttpStatusCode.BadRequest, await SendAsync(victim, thiefsRequest, csrf, stage.Url, "same-origin"));
        Assert.Equal(HttpStatusCode.BadRequest, await SendAsync(victim, request, thiefsCsrf, stage.Url, "same-origin"));
        Assert.Equal(HttpStatusCode.BadRequest, await SendAsync(victim, request, "", stage.Url, "same-origin"));
        Assert.Equal(HttpStatusCode.BadRequest, await SendAsync(victim, request, csrf, "https://evil.example", null));
        Assert.Equal(HttpStatusCode.BadRequest, await SendAsync(victim, request, csrf, stage.Url, "cross-site"));
        Assert.Equal(HttpStatusCode.BadRequest, await SendAsync(thief, request, csrf, stage.Url, "same-origin"));
        Assert.Equal(HttpStatusCode.BadRequest, await SendAsync(victim, request[..^4] + "AAAA", csrf, stage.Url, "same-origin"));

        // the cookie of another client, under the name of this one's
        foreach (Cookie cookie in thief.Cookies.GetAllCookies())
        {
            var own = victim.Cookies.GetAllCookies().Single(each => each.Name.Contains("-consent-", StringComparison.Ordinal));
            using var planted = new Browser();
            planted.Cookies.Add(new Cookie(own.Name, cookie.Value, "/", "127.0.0.1"));
            Assert.Equal(HttpStatusCode.BadRequest, await SendAsync(planted, request, csrf, stage.Url, "same-origin"));
        }

        // the real one still counts, once
        Assert.NotNull(await PressAsync(stage, victim, request, csrf));
        Assert.Equal(HttpStatusCode.BadRequest, await SendAsync(victim, request, csrf, stage.Url, "same-origin"));
    }

    [Fact]
    public async Task The_issuer_is_not_asked_before_the_person_agreed()
    {
        var stage = shared.Stage;
        using var browser = new Browser();

        await browser.OpenAsync(stage.AuthorizeUrl());
        Assert.Equal($"{stage.Url}/oauth/authorize", browser.Address!.GetLeftPart(UriPartial.Path));
        Assert.DoesNotContain(browser.Cookies.GetAllCookies(), cookie => cookie.Name.Contains("-oauth-", StringComparison.Ordinal));

        var next = new Uri((await stage.ConsentAsync(browser))!);
        Assert.Equal(stage.Issuer.Issuer, next.GetLeftPart(UriPartial.Authority));
        Assert.Contains(browser.Cookies.GetAllCookies(), cookie => cookie.Name.Contains("-oauth-", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_issuers_answer_is_taken_from_the_issuer_in_the_same_browser_with_its_state_and_once()
    {
        var stage = shared.Stage;
        using var browser = new Browser();
        await browser.OpenAsync(stage.AuthorizeUrl());
        await browser.OpenAsync((await stage.ConsentAsync(browser))!);
        await browser.PickAsync("alice", uri => uri.AbsolutePath == "/oauth/callback");
        var answer = browser.Address!.AbsoluteUri;

        // carried into another browser: a code of the thief's person for the victim's client
        using var other = new Browser();
        await other.OpenAsync(answer);
        Assert.Equal(HttpStatusCode.BadRequest, other.Last.StatusCode);
        Assert.Null(AuthorizationStage.NextOf(other));

        foreach (var changed in (string[])
        [
            System.Text.RegularExpressions.Regex.Replace(answer, "[?&]state=[^&]*", "", System.Text.RegularExpressions.RegexOptions.NonBacktracking).Replace("callback&", "callback?", StringComparison.Ordinal),
            answer.Replace("state=", "state=A", StringComparison.Ordinal),
            answer + "&state=" + new string('A', 43),
            answer + "&code=other",
            answer + "&iss=" + Uri.EscapeDataString(stage.Issuer.Issuer),
        ])
        {
            using var copy = CopyOf(browser);
            await copy.OpenAsync(changed);
            Assert.Equal(HttpStatusCode.BadRequest, copy.Last.StatusCode);
            Assert.Null(AuthorizationStage.NextOf(copy));
        }

        await browser.OpenAsync(answer);
        Assert.Contains("code", AuthorizationStage.Answer(AuthorizationStage.NextOf(browser)!).Keys);
        using var again = CopyOf(browser);
        await again.OpenAsync(answer);
        Assert.Equal(HttpStatusCode.BadRequest, again.Last.StatusCode);
    }

    [Theory]
    [InlineData("iss=https%3A%2F%2Fevil.example")]
    [InlineData("x=1")]
    public async Task An_answer_of_another_issuer_goes_nowhere(string iss)
    {
        var stage = shared.Stage;
        using var browser = new Browser();
        await browser.OpenAsync(stage.AuthorizeUrl());
        await browser.OpenAsync((await stage.ConsentAsync(browser))!);
        await browser.PickAsync("alice", uri => uri.AbsolutePath == "/oauth/callback");

        await browser.OpenAsync(System.Text.RegularExpressions.Regex.Replace(browser.Address!.AbsoluteUri, "iss=[^&]*", iss, System.Text.RegularExpressions.RegexOptions.NonBacktracking));

        Assert.Equal(HttpStatusCode.BadRequest, browser.Last.StatusCode);
        Assert.Null(AuthorizationStage.NextOf(browser));
    }

    [Fact]
    public async Task A_code_is_good_once_for_its_client_address_verifier_and_resource()
    {
        var stage = shared.Stage;
        foreach (var (name, value, error) in new (string, string?, string)[]
        {
            ("code_verifier", null, "invalid_grant"), ("code_verifier", "", "invalid_grant"), ("code_verifier", AuthorizationStage.Challenge, "invalid_grant"),
            ("code_verifier", AuthorizationStage.Verifier + "x", "invalid_grant"), ("redirect_uri", null, "invalid_grant"), ("redirect_uri", "http://127.0.0.1:43211/callback", "invalid_grant"),
            ("client_id", "web", "invalid_grant"), ("resource", $"{stage.Url}/mcp/other", "invalid_target"), ("resource", stage.Url, "invalid_target"), ("code", "invented", "invalid_grant"),
        })
        {
            using var browser = new Browser();
            var code = (await stage.SignInAsync(browser, stage.AuthorizeUrl()))["code"];
            var (status, body, _) = await stage.TokenAsync(stage.CodeForm(code, (name, value)));
            Assert.Equal(HttpStatusCode.BadRequest, status);
            Assert.Equal(error, body.GetProperty("error").GetString());

            // whoever guessed wrong with a real code does not get to guess again
            if (name != "code") Assert.Equal(HttpStatusCode.BadRequest, (await stage.TokenAsync(stage.CodeForm(code))).Status);
        }
    }

    [Fact]
    public async Task A_code_that_comes_twice_ends_what_the_first_one_began()
    {
        var stage = shared.Stage;
        using var browser = new Browser();
        var code = (await stage.SignInAsync(browser, stage.AuthorizeUrl()))["code"];
        var tokens = (await stage.TokenAsync(stage.CodeForm(code))).Body;
        Assert.Equal(HttpStatusCode.OK, (await stage.UseAsync(tokens.GetProperty("access_token").GetString()!)).Status);

        Assert.Equal(HttpStatusCode.BadRequest, (await stage.TokenAsync(stage.CodeForm(code))).Status);

        Assert.Equal(HttpStatusCode.Unauthorized, (await stage.UseAsync(tokens.GetProperty("access_token").GetString()!)).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await stage.TokenAsync(AuthorizationStage.RefreshForm(tokens.GetProperty("refresh_token").GetString()!))).Status);
    }

    [Fact]
    public async Task A_code_is_over_after_a_minute()
    {
        await using var stage = await AuthorizationStage.StartAsync();
        using var browser = new Browser();
        var code = (await stage.SignInAsync(browser, stage.AuthorizeUrl()))["code"];

        stage.Clock.Advance(TimeSpan.FromSeconds(61));

        Assert.Equal(HttpStatusCode.BadRequest, (await stage.TokenAsync(stage.CodeForm(code))).Status);
    }

    [Fact]
    public async Task The_token_endpoint_reads_one_form_with_every_parameter_once()
    {
        var stage = shared.Stage;
        Assert.Equal(HttpStatusCode.BadRequest, (await stage.SendAsync(HttpMethod.Post, "/oauth/token", """{"grant_type":"authorization_code"}""")).Status);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, (await stage.SendAsync(HttpMethod.Get, "/oauth/token?grant_type=authorization_code")).Status);
        var twice = stage.CodeForm("x").Append(new("code", "y"));
        Assert.Equal("invalid_request", (await stage.TokenAsync(twice)).Body.GetProperty("error").GetString());
        Assert.Equal("unsupported_grant_type", (await stage.TokenAsync([new("grant_type", "password"), new("client_id", "desktop")])).Body.GetProperty("error").GetString());
        Assert.Equal("unauthorized_client", (await stage.TokenAsync([new("grant_type", "client_credentials"), new("client_id", "desktop"), new("resource", stage.Shop)])).Body.GetProperty("error").GetString());
    }

    [Fact]
    public async Task A_token_for_one_connection_is_good_for_no_other_nor_for_the_gateway()
    {
        var stage = shared.Stage;
        using var browser = new Browser();
        var code = (await stage.SignInAsync(browser, stage.AuthorizeUrl(changed: ("resource", $"{stage.Url}/mcp/other"))))["code"];
        var tokens = (await stage.TokenAsync(stage.CodeForm(code, ("resource", null)))).Body;

        Assert.Equal(HttpStatusCode.Unauthorized, (await stage.UseAsync(tokens.GetProperty("access_token").GetString()!)).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await stage.SendTokenAsync(tokens.GetProperty("access_token").GetString()!, "/api/v1/connections")).Status);
    }

    private static async Task<string?> PressAsync(AuthorizationStage stage, Browser browser, string request, string csrf)
    {
        await browser.PostAsync($"{stage.Url}/oauth/consent", new() { ["request"] = request, ["csrf"] = csrf, ["answer"] = "allow" }, origin: stage.Url);
        return AuthorizationStage.NextOf(browser);
    }

    private static Browser CopyOf(Browser browser)
    {
        var copy = new Browser();
        foreach (Cookie cookie in browser.Cookies.GetAllCookies()) copy.Cookies.Add(cookie);
        return copy;
    }
}
