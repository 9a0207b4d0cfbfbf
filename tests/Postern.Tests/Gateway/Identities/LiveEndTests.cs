using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Postern.Demo.Issuer;
using Postern.Gateway.Configuration;
using Postern.Gateway.Identities.Logout;

namespace Postern.Tests.Gateway.Identities;

/// <summary>
/// Somebody signs out, is disabled, leaves a group, or has a token taken back, while streams run and an approved call waits: everything of it ends within two seconds of the gateway
/// learning it, whichever way it learns it.
/// </summary>
public sealed class LiveEndTests : IAsyncLifetime
{
    private const string Secret = "a-secret-of-the-directory-0123456789";
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(2);

    private static readonly string Policy = $$"""
        {{RunningGateway.Policy}}
          - id: support-watches
            who: { groups: [support] }
            on: { connection: ticks, methods: [GET], paths: [/stream] }
            then: allow
          - id: support-listens
            who: { groups: [support] }
            on: { connection: endless, tools: [get_time] }
            then: allow
          - id: operators
            who: { groups: [admins] }
            on: { admin: [identities.revoke, identities.read, sessions.end] }
            then: allow
        """;

    private readonly IntrospectionStub _introspection = new();
    private EndlessTarget _target = null!;
    private RunningGateway _gateway = null!;

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _target = await EndlessTarget.StartAsync();
        _gateway = await RunningGateway.StartAsync(
            Policy, scim: new ScimOptions(Secret, "externalId"),
            introspection: new IntrospectionOptions(_introspection.Url, "postern", "secret") { Every = TimeSpan.FromSeconds(1), MaxStale = TimeSpan.FromSeconds(3) },
            more: [new ConnectionOptions { Name = "ticks", Protocol = "http", Url = _target.Url }, new ConnectionOptions { Name = "endless", Protocol = "mcp", Url = _target.Url + "/mcp" }]);
    }

    public async ValueTask DisposeAsync()
    {
        await _gateway.DisposeAsync();
        await _target.DisposeAsync();
        _introspection.Dispose();
    }

    [Theory]
    [InlineData("command")]
    [InlineData("group")]
    [InlineData("agent")]
    [InlineData("session")]
    [InlineData("logout")]
    [InlineData("logout of a session")]
    [InlineData("directory")]
    [InlineData("directory, deleted")]
    [InlineData("left the group")]
    [InlineData("introspection")]
    [InlineData("the token ends")]
    [Row("J17"), Row("J18")]
    [Guarantee("G10")]
    public async Task Streams_end_and_approvals_are_not_used_within_two_seconds(string cause)
    {
        // The skew that clocks are granted counts, 30 s by default: this token ended 15 s ago, and what runs on it ends in 15.
        var endsAt = DateTimeOffset.UtcNow.ToUnixTimeSeconds() - 15;
        var token = cause == "the token ends" ? TokenOf("alice", "s-1", endsAt) : TokenOf("alice", "s-1");
        var zoe = TokenOf("carol", "s-2");
        var user = await ScimAsync("POST", "/Users", """{"userName":"alice@example.com","externalId":"alice","active":true}""", HttpStatusCode.Created);
        var group = cause == "left the group" ? await ScimAsync("POST", "/Groups", $$"""{"displayName":"support","members":[{"value":"{{user}}"}]}""", HttpStatusCode.Created) : "";
        var hold = await HoldAsync(token);
        using (var bob = await Browser.SignInAsync(_gateway, "bob")) Assert.Equal(HttpStatusCode.OK, (await bob.AnswerAsync(hold, "approve")).Status);
        await using var ticks = await Stream.OpenAsync($"{_gateway.Host.Url}/http/ticks/stream", token, null);
        await using var messages = await Stream.OpenAsync($"{_gateway.Host.Url}/mcp/endless", token, await SessionAsync(token));
        while (_target.Streams < 2) await Task.Delay(10, Test);

        var clock = Stopwatch.StartNew();
        await CauseAsync(cause, user, group);
        if (cause == "the token ends")
        {
            while (DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() < (endsAt + 30) * 1000) await Task.Delay(20, Test);
            clock.Restart();
        }
        if (cause == "introspection") clock.Restart(); // the gateway learns it when it asks, at most one interval later
        var ends = await Task.WhenAll(ticks.EndAsync(), messages.EndAsync());
        var took = clock.Elapsed;

        Assert.True(took < Bound + (cause == "introspection" ? TimeSpan.FromSeconds(1) : TimeSpan.Zero), $"{cause}: {took}");
        Assert.All(ends, Assert.False); // cut, and never as if complete
        while (_target.Streams > 0) await Task.Delay(10, Test);
        Assert.True(clock.Elapsed < Bound + TimeSpan.FromSeconds(2), $"{cause}, at the target: {clock.Elapsed}");
        Assert.NotEqual(HttpStatusCode.OK, await StatusAsync("/http/ticks/stream", token));
        var repeated = await CallAsync(token);
        Assert.DoesNotContain("refunded", repeated, StringComparison.Ordinal);
        Assert.Equal(0, _gateway.Shop.CountOf("refund"));
        Assert.Equal(HttpStatusCode.OK, (await _gateway.ApiAsync("/whoami", zoe)).StatusCode); // nobody else is touched
    }

    [Fact]
    [Guarantee("G10")]
    public async Task A_session_that_somebody_ends_takes_its_stream_along_and_no_other_one_and_whoever_it_was_may_begin_another()
    {
        var token = TokenOf("alice", "s-1");
        await using var ticks = await Stream.OpenAsync($"{_gateway.Host.Url}/http/ticks/stream", token, null);
        await using var messages = await Stream.OpenAsync($"{_gateway.Host.Url}/mcp/endless", token, await SessionAsync(token));
        while (_target.Streams < 2) await Task.Delay(10, Test);
        var session = await SessionOfAsync("ticks", token);

        var clock = Stopwatch.StartNew();
        using var ended = await _gateway.ApiAsync($"/sessions/{session}/end", _gateway.TokenOf("carol"), HttpMethod.Post, new StringContent("""{"reason":"looks wrong"}"""));
        Assert.Equal(HttpStatusCode.OK, ended.StatusCode);
        Assert.Equal(1, JsonDocument.Parse(await ended.Content.ReadAsStringAsync(Test)).RootElement.GetProperty("ended").GetInt32());

        Assert.False(await ticks.EndAsync());
        Assert.True(clock.Elapsed < Bound, $"{clock.Elapsed}");
        while (_target.Streams > 1) await Task.Delay(10, Test);
        await using var again = await Stream.OpenAsync($"{_gateway.Host.Url}/http/ticks/stream", token, null);
        Assert.NotEqual(session, await SessionOfAsync("ticks", token));
        Assert.Equal(2, _target.Streams); // the other session's went on
    }

    private async Task<string> SessionOfAsync(string connection, string token)
    {
        using var listed = await _gateway.ApiAsync("/sessions", token);
        return JsonDocument.Parse(await listed.Content.ReadAsStringAsync(Test)).RootElement.GetProperty("items").EnumerateArray()
            .First(item => item.GetProperty("connection").GetString() == connection).GetProperty("id").GetString()!;
    }

    [Fact]
    [Row("J18")]
    public async Task Whoever_the_directory_disabled_is_out_with_new_tokens_too_until_it_enables_them_and_whoever_somebody_blocked_stays_out()
    {
        var user = await ScimAsync("POST", "/Users", """{"userName":"alice@example.com","externalId":"alice"}""", HttpStatusCode.Created);
        await ScimAsync("PATCH", $"/Users/{user}", """{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Replace","path":"active","value":"False"}]}""");
        await Task.Delay(1100, Test);
        Assert.Equal(HttpStatusCode.Unauthorized, (await _gateway.ApiAsync("/whoami", _gateway.TokenOf("alice"))).StatusCode);
        await _gateway.RestartAsync();
        Assert.Equal(HttpStatusCode.Unauthorized, (await _gateway.ApiAsync("/whoami", _gateway.TokenOf("alice"))).StatusCode);

        await ScimAsync("PATCH", $"/Users/{user}", """{"Operations":[{"op":"replace","value":{"active":true}}]}""");
        Assert.Equal(HttpStatusCode.OK, (await _gateway.ApiAsync("/whoami", _gateway.TokenOf("alice"))).StatusCode);

        using var blocked = await _gateway.ApiAsync("/identities/revoke", _gateway.TokenOf("carol"), HttpMethod.Post, new StringContent("""{"identity":"demo:alice","block":true,"reason":"lost laptop"}"""));
        Assert.Equal(HttpStatusCode.OK, blocked.StatusCode);
        await ScimAsync("PATCH", $"/Users/{user}", """{"Operations":[{"op":"replace","value":{"active":false}}]}""");
        await ScimAsync("PATCH", $"/Users/{user}", """{"Operations":[{"op":"replace","value":{"active":true}}]}""");
        Assert.Equal(HttpStatusCode.Unauthorized, (await _gateway.ApiAsync("/whoami", _gateway.TokenOf("alice"))).StatusCode);
        using var listed = await _gateway.ApiAsync("/identities/revoked", _gateway.TokenOf("carol"));
        var one = Assert.Single(JsonDocument.Parse(await listed.Content.ReadAsStringAsync()).RootElement.GetProperty("items").EnumerateArray());
        Assert.Equal(("demo:alice", "lost laptop", true), (one.GetProperty("subject").GetString(), one.GetProperty("reason").GetString(), one.GetProperty("block").GetBoolean()));
    }

    [Fact]
    [Row("J18")]
    public async Task A_token_that_the_issuer_cannot_be_asked_about_is_refused_and_counts_again_once_it_answers()
    {
        var token = TokenOf("alice", "s-1");
        Assert.Equal(HttpStatusCode.OK, (await _gateway.ApiAsync("/whoami", token)).StatusCode);
        await using var ticks = await Stream.OpenAsync($"{_gateway.Host.Url}/http/ticks/stream", token, null);

        _introspection.IsDown = true;
        Assert.Equal(HttpStatusCode.OK, (await _gateway.ApiAsync("/whoami", token)).StatusCode); // what was confirmed just now goes on
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await _gateway.ApiAsync("/whoami", TokenOf("alice", "s-9"))).StatusCode); // what never was does not begin
        Assert.False(await ticks.EndAsync());
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await _gateway.ApiAsync("/whoami", token)).StatusCode);

        _introspection.IsDown = false;
        var clock = Stopwatch.StartNew();
        while ((await _gateway.ApiAsync("/whoami", token)).StatusCode != HttpStatusCode.OK) Assert.True(clock.Elapsed < TimeSpan.FromSeconds(10));
        Assert.True(_introspection.Asked < 40, $"{_introspection.Asked}"); // never per call
    }

    private async Task CauseAsync(string cause, string user, string group)
    {
        switch (cause)
        {
            case "command":
                await RevokeAsync("identity", "demo:alice");
                break;
            case "group":
                await RevokeAsync("group", "demo:support");
                break;
            case "agent":
                await RevokeAsync("agent", "demo:agent-of-alice");
                break;
            case "session":
                await RevokeAsync("session", "demo:s-1");
                break;
            case "logout":
                Assert.Equal(HttpStatusCode.OK, await LogoutAsync(claims => claims.Remove("sid")));
                break;
            case "logout of a session":
                Assert.Equal(HttpStatusCode.OK, await LogoutAsync(claims => claims.Remove("sub")));
                break;
            case "directory":
                await ScimAsync("PATCH", $"/Users/{user}", """{"Operations":[{"op":"replace","path":"active","value":false}]}""");
                break;
            case "directory, deleted":
                await ScimAsync("DELETE", $"/Users/{user}", null, HttpStatusCode.NoContent);
                break;
            case "left the group":
                await ScimAsync("PATCH", $"/Groups/{group}", $$"""{"Operations":[{"op":"Remove","path":"members","value":[{"value":"{{user}}"}]}]}""");
                break;
            case "introspection":
                _introspection.IsOver = token => token.Contains(Marked("s-1"), StringComparison.Ordinal);
                break;
        }
    }

    // The claims are the second part of the token; the session stands in them.
    private string Marked(string session) => _sessions[session];

    private readonly Dictionary<string, string> _sessions = new(StringComparer.Ordinal);

    private string TokenOf(string subject, string session, long? endsAt = null)
    {
        var token = _gateway.Issuer.IssueToken(subject, _gateway.Host.PublicUrl, "agent-of-" + subject, claims: claims =>
        {
            claims["sid"] = session;
            if (endsAt is { } end) (claims["iat"], claims["nbf"], claims["exp"]) = (end - 600, end - 600, end);
        });
        _sessions[session] = token.Split('.')[1];
        return token;
    }

    private async Task<HttpStatusCode> LogoutAsync(Action<JsonObject> change)
    {
        var token = _gateway.Issuer.IssueToken("alice", DemoClient.GatewayId, DemoClient.GatewayId, header: header => header["typ"] = "logout+jwt", claims: claims =>
        {
            claims["events"] = new JsonObject { [LogoutTokens.Event] = new JsonObject() };
            claims["sid"] = "s-1";
            change(claims);
        });
        using var http = new HttpClient();
        using var response = await http.PostAsync(new Uri($"{_gateway.Host.Url}/logout/demo"), new FormUrlEncodedContent([new("logout_token", token)]), Test);
        return response.StatusCode;
    }

    private async Task RevokeAsync(string of, string subject)
    {
        using var response = await _gateway.ApiAsync("/identities/revoke", _gateway.TokenOf("carol"), HttpMethod.Post, new StringContent($$"""{"{{of}}":"{{subject}}"}"""));
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
    }

    private async Task<string> ScimAsync(string method, string path, string? body, HttpStatusCode expected = HttpStatusCode.OK)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(new HttpMethod(method), $"{_gateway.Host.Url}/scim/demo/v2{path}") { Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/scim+json") };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Secret);
        using var response = await http.SendAsync(request, Test);
        var text = await response.Content.ReadAsStringAsync(Test);
        Assert.True(response.StatusCode == expected, $"{method} {path}: {response.StatusCode} {text}");
        return text.Length == 0 ? "" : JsonDocument.Parse(text).RootElement.GetProperty("id").GetString()!;
    }

    private async Task<string> SessionAsync(string token)
    {
        using var response = await PostAsync("/mcp/endless", token, """{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}""");
        var session = response.Headers.GetValues("Mcp-Session-Id").Single();
        using var initialized = await PostAsync("/mcp/endless", token, """{"jsonrpc":"2.0","method":"notifications/initialized"}""", session);
        using var listed = await PostAsync("/mcp/endless", token, """{"jsonrpc":"2.0","id":2,"method":"tools/list"}""", session);
        return session;
    }

    private async Task<string> HoldAsync(string token)
    {
        var answer = await CallAsync(token);
        var at = answer.IndexOf("/approve/", StringComparison.Ordinal);
        Assert.True(at > 0, answer);
        return answer.Substring(at + 9, 26);
    }

    private async Task<string> CallAsync(string token)
    {
        using var opened = await PostAsync("/mcp/shop", token, """{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}""");
        if (!opened.IsSuccessStatusCode || !opened.Headers.TryGetValues("Mcp-Session-Id", out var ids)) return "";
        using var response = await PostAsync("/mcp/shop", token, """{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"refund","arguments":{"order":"O-1001","amount":900,"reason":"broken"}}}""", ids.Single());
        return await response.Content.ReadAsStringAsync(Test);
    }

    private async Task<HttpResponseMessage> PostAsync(string path, string token, string body, string? session = null)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, _gateway.Host.Url + path) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        request.Headers.Accept.ParseAdd("application/json, text/event-stream");
        if (session is not null) request.Headers.Add("Mcp-Session-Id", session);
        return await http.SendAsync(request, Test);
    }

    private async Task<HttpStatusCode> StatusAsync(string path, string token)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, _gateway.Host.Url + path);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Test);
        return response.StatusCode;
    }

    /// <summary>An answer that goes on and on.</summary>
    private sealed class Stream(HttpClient http, HttpResponseMessage response, System.IO.Stream body) : IAsyncDisposable
    {
        public static async Task<Stream> OpenAsync(string url, string token, string? session)
        {
            var http = new HttpClient();
            using var request = new HttpRequestMessage(HttpMethod.Get, url);
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            request.Headers.Accept.ParseAdd("text/event-stream");
            if (session is not null) request.Headers.Add("Mcp-Session-Id", session);
            var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Test);
            var body = await response.Content.ReadAsStreamAsync(Test);
            Assert.True(response.IsSuccessStatusCode, $"{url}: {response.StatusCode}");
            Assert.NotEqual(0, await body.ReadAsync(new byte[16], Test));
            return new Stream(http, response, body);
        }

        /// <summary>True when it ended as if it were complete, with nothing that says otherwise.</summary>
        public async Task<bool> EndAsync()
        {
            var all = new StringBuilder();
            var buffer = new byte[4096];
            try
            {
                while (await body.ReadAsync(buffer, Test) is > 0 and var count) all.Append(Encoding.UTF8.GetString(buffer, 0, count));
            }
            catch (Exception cut) when (cut is HttpIOException or IOException)
            {
                return false;
            }
            return !all.ToString().Contains("auth.ended", StringComparison.Ordinal) && !all.ToString().Contains("policy.not_permitted", StringComparison.Ordinal);
        }

        public async ValueTask DisposeAsync()
        {
            await body.DisposeAsync();
            response.Dispose();
            http.Dispose();
        }
    }
}
