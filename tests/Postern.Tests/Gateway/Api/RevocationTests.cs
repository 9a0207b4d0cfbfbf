using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace Postern.Tests.Gateway.Api;

public sealed class RevocationTests : IAsyncLifetime
{
    private RunningGateway _gateway = null!;

    public async ValueTask InitializeAsync() => _gateway = await RunningGateway.StartAsync(RunningGateway.Policy.Replace("[definitions.accept]", "[definitions.accept, identities.revoke]", StringComparison.Ordinal));

    public async ValueTask DisposeAsync() => await _gateway.DisposeAsync();

    [Fact]
    [Row("J18")]
    [Guarantee("G10")]
    public async Task A_revoked_person_is_out_everywhere_within_two_seconds_and_stays_out_after_a_restart()
    {
        var token = _gateway.TokenOf("alice");
        var session = await InitializeAsync(token);
        var hold = await _gateway.HoldARefundAsync("alice");
        using var alice = await Browser.SignInAsync(_gateway, "alice");
        using var carol = await Browser.SignInAsync(_gateway, "carol");

        var clock = Stopwatch.StartNew();
        var (status, body) = await RevokeAsync(carol, "demo:alice");
        var revokedAt = DateTimeOffset.UtcNow.ToUnixTimeSeconds();

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal(1, body.GetProperty("holds").GetInt32());
        Assert.Equal(HttpStatusCode.Unauthorized, (await ListAsync(token, session)).StatusCode);
        Assert.Contains("persona", (await alice.GetAsync("/approvals")).Page, StringComparison.Ordinal); // sent to sign in
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(2), $"{clock.Elapsed}");

        while (DateTimeOffset.UtcNow.ToUnixTimeSeconds() <= revokedAt) await Task.Delay(20, TestContext.Current.CancellationToken); // tokens say when they were issued in whole seconds
        var anew = _gateway.TokenOf("alice");
        Assert.Equal(HttpStatusCode.NotFound, (await ListAsync(anew, session)).StatusCode); // the old session is gone
        using var seen = await _gateway.ApiAsync($"/approvals/{hold}", anew);
        Assert.Equal("expired", JsonDocument.Parse(await seen.Content.ReadAsStringAsync()).RootElement.GetProperty("state").GetString());

        await _gateway.RestartAsync();
        Assert.Equal(HttpStatusCode.Unauthorized, (await _gateway.ApiAsync("/whoami", token)).StatusCode);
    }

    [Fact]
    [Row("T05")]
    public async Task Others_are_revoked_by_whoever_the_policy_names_and_oneself_by_everyone()
    {
        using var carol = await Browser.SignInAsync(_gateway, "carol");
        Assert.Equal(HttpStatusCode.BadRequest, (await RevokeAsync(carol, "nobody")).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await RevokeAsync(carol, "other:alice")).Status);
        Assert.Equal(HttpStatusCode.Forbidden, (await RevokeAsync(carol, "demo:alice", csrf: "wrong")).Status);
        // What takes away gains nobody anything: for it a token is enough, where the policy names its owner.
        using var others = await _gateway.ApiAsync("/identities/revoke", _gateway.TokenOf("bob"), HttpMethod.Post, new StringContent("""{"identity":"demo:alice"}"""));
        Assert.Equal(HttpStatusCode.NotFound, others.StatusCode);
        using var named = await _gateway.ApiAsync("/identities/revoke", _gateway.TokenOf("carol"), HttpMethod.Post, new StringContent("""{"identity":"demo:zoe"}"""));
        Assert.Equal(HttpStatusCode.OK, named.StatusCode);

        using var alice = await Browser.SignInAsync(_gateway, "alice");
        Assert.Equal(HttpStatusCode.NotFound, (await RevokeAsync(alice, "demo:carol")).Status);
        Assert.Equal(HttpStatusCode.OK, (await RevokeAsync(alice, "demo:alice")).Status);
        Assert.Contains("persona", (await alice.GetAsync("/approvals")).Page, StringComparison.Ordinal);
    }

    private async Task<(HttpStatusCode Status, JsonElement Body)> RevokeAsync(Browser browser, string identity, string? csrf = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{_gateway.Host.Url}/api/v1/identities/revoke") { Content = new StringContent($$"""{"identity":"{{identity}}"}""") };
        request.Headers.Add("Postern-Csrf", csrf ?? await browser.CsrfAsync("/approvals"));
        request.Headers.Add("Origin", _gateway.Host.Url);
        using var response = await browser.SendAsync(request);
        return (response.StatusCode, JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement.Clone());
    }

    private async Task<string> InitializeAsync(string token)
    {
        using var response = await PostAsync(token, null, """{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}""");
        return response.Headers.GetValues("Mcp-Session-Id").Single();
    }

    private Task<HttpResponseMessage> ListAsync(string token, string session) => PostAsync(token, session, """{"jsonrpc":"2.0","id":2,"method":"tools/list"}""");

    private async Task<HttpResponseMessage> PostAsync(string token, string? session, string body)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{_gateway.Host.Url}/mcp/shop") { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        request.Headers.Accept.ParseAdd("application/json, text/event-stream");
        if (session is not null) request.Headers.Add("Mcp-Session-Id", session);
        return await http.SendAsync(request);
    }
}
