using System.Net;
using System.Text.Json.Nodes;
using Postern.Demo.Issuer;
using Postern.Gateway.Identities.Logout;

namespace Postern.Tests.Gateway.Identities;

/// <summary>What an issuer must have signed for somebody to be out (OpenID Connect Back-Channel Logout 1.0 section 2.6).</summary>
public sealed class LogoutTests : IAsyncLifetime
{
    private readonly ShiftedClock _clock = new();
    private RunningGateway _gateway = null!;

    public async ValueTask InitializeAsync() => _gateway = await RunningGateway.StartAsync(clock: _clock);

    public async ValueTask DisposeAsync() => await _gateway.DisposeAsync();

    public static TheoryData<string> Defects => ["typ", "no typ", "no events", "other event", "event is a list", "nonce", "no jti", "no sub and sid", "sub is a number", "audience", "two audiences", "stale", "future", "over", "no iat", "issuer", "signature", "alg none"];

    [Theory]
    [MemberData(nameof(Defects))]
    [Row("J18")]
    [Guarantee("G13")]
    public async Task A_token_with_a_defect_ends_nothing(string defect)
    {
        var token = _gateway.TokenOf("alice");
        var logout = TokenWith(
            header =>
            {
                if (defect == "typ") header["typ"] = "at+jwt";
                if (defect == "no typ") header.Remove("typ");
            },
            claims =>
            {
                if (defect == "no events") claims.Remove("events");
                if (defect == "other event") claims["events"] = new JsonObject { ["http://schemas.openid.net/event/other"] = new JsonObject() };
                if (defect == "event is a list") claims["events"] = new JsonObject { [LogoutTokens.Event] = new JsonArray() };
                if (defect == "nonce") claims["nonce"] = "n";
                if (defect == "no jti") claims.Remove("jti");
                if (defect == "no sub and sid") claims.Remove("sub");
                if (defect == "sub is a number") claims["sub"] = 7;
                if (defect == "audience") claims["aud"] = _gateway.Host.PublicUrl;
                if (defect == "two audiences") claims["aud"] = new JsonArray(DemoClient.GatewayId, "other");
                if (defect == "stale") claims["iat"] = claims["iat"]!.GetValue<long>() - 400;
                if (defect == "future") claims["iat"] = claims["iat"]!.GetValue<long>() + 400;
                if (defect == "over") (claims["iat"], claims["exp"]) = (claims["iat"]!.GetValue<long>() - 200, claims["iat"]!.GetValue<long>() - 100);
                if (defect == "no iat") claims.Remove("iat");
                if (defect == "issuer") claims["iss"] = "https://elsewhere.example";
            });
        if (defect == "signature") logout = logout[..^6] + (logout[^6] == 'A' ? 'B' : 'A') + logout[^5..];
        if (defect == "alg none") logout = $"eyJhbGciOiJub25lIiwidHlwIjoibG9nb3V0K2p3dCIsImtpZCI6IngifQ.{logout.Split('.')[1]}.AAAA";

        Assert.Equal(HttpStatusCode.BadRequest, await SendAsync(logout));
        Assert.Equal(HttpStatusCode.OK, (await _gateway.ApiAsync("/whoami", token)).StatusCode);
    }

    [Fact]
    [Row("J18")]
    public async Task A_good_one_ends_page_sessions_and_tokens_once_and_whoever_signs_in_anew_is_in()
    {
        var token = _gateway.TokenOf("alice");
        using var browser = await Browser.SignInAsync(_gateway, "alice");
        var logout = TokenWith(static _ => { }, static _ => { });

        Assert.Equal(HttpStatusCode.OK, await SendAsync(logout));
        Assert.Equal(HttpStatusCode.Unauthorized, (await _gateway.ApiAsync("/whoami", token)).StatusCode);
        Assert.Contains("persona", (await browser.GetAsync("/approvals")).Page, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.BadRequest, await SendAsync(logout));

        _clock.Ahead += TimeSpan.FromSeconds(1);
        Assert.Equal(HttpStatusCode.OK, (await _gateway.ApiAsync("/whoami", _gateway.TokenOf("alice"))).StatusCode);
    }

    [Fact]
    [Row("J18")]
    public async Task A_session_that_ended_stays_ended_and_takes_with_it_what_names_none_but_not_another_session()
    {
        var of = _gateway.Issuer.IssueToken("alice", _gateway.Host.PublicUrl, claims: claims => claims["sid"] = "s-1");
        var other = _gateway.Issuer.IssueToken("alice", _gateway.Host.PublicUrl, claims: claims => claims["sid"] = "s-2");
        var unnamed = _gateway.TokenOf("alice");

        Assert.Equal(HttpStatusCode.OK, await SendAsync(TokenWith(static _ => { }, claims => claims["sid"] = "s-1")));
        _clock.Ahead += TimeSpan.FromSeconds(1);
        var renewed = _gateway.Issuer.IssueToken("alice", _gateway.Host.PublicUrl, claims: claims => claims["sid"] = "s-1");

        Assert.Equal(HttpStatusCode.Unauthorized, (await _gateway.ApiAsync("/whoami", of)).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await _gateway.ApiAsync("/whoami", renewed)).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await _gateway.ApiAsync("/whoami", unnamed)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await _gateway.ApiAsync("/whoami", other)).StatusCode);
    }

    [Fact]
    public async Task What_is_no_form_or_names_another_issuer_is_refused()
    {
        using var http = new HttpClient();
        using var text = await http.PostAsync(new Uri($"{_gateway.Host.Url}/logout/demo"), new StringContent("logout_token=x"), TestContext.Current.CancellationToken);
        using var elsewhere = await http.PostAsync(new Uri($"{_gateway.Host.Url}/logout/nobody"), new FormUrlEncodedContent([new("logout_token", "x")]), TestContext.Current.CancellationToken);
        using var twice = await http.PostAsync(new Uri($"{_gateway.Host.Url}/logout/demo"), new FormUrlEncodedContent([new("logout_token", "x"), new("logout_token", "y")]), TestContext.Current.CancellationToken);

        Assert.Equal((HttpStatusCode.BadRequest, HttpStatusCode.NotFound, HttpStatusCode.BadRequest), (text.StatusCode, elsewhere.StatusCode, twice.StatusCode));
        Assert.Contains("no-store", text.Headers.CacheControl!.ToString(), StringComparison.Ordinal);
    }

    private string TokenWith(Action<JsonObject> header, Action<JsonObject> claims) => _gateway.Issuer.IssueToken(
        "alice", DemoClient.GatewayId, DemoClient.GatewayId,
        header: head =>
        {
            head["typ"] = "logout+jwt";
            header(head);
        },
        claims: body =>
        {
            body["events"] = new JsonObject { [LogoutTokens.Event] = new JsonObject() };
            claims(body);
        });

    private async Task<HttpStatusCode> SendAsync(string token)
    {
        using var http = new HttpClient();
        using var response = await http.PostAsync(new Uri($"{_gateway.Host.Url}/logout/demo"), new FormUrlEncodedContent([new("logout_token", token)]), TestContext.Current.CancellationToken);
        return response.StatusCode;
    }
}
