using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Postern.Core.Operations;
using Postern.Tests.Gateway;

namespace Postern.Tests.Identities;

/// <summary>A token that was issued for too little is answered with everything that is needed, once and in one place (RFC 6750 section 3.1).</summary>
[Guarantee("G13")]
public sealed class StepUpTests
{
    private static readonly string[] _needed = ["api://gateway/mcp", "tools:use"];

    [Theory]
    [InlineData("""{"scope":"mcp tools:use"}""", true)]
    [InlineData("""{"scp":"mcp tools:use offline_access"}""", true)]
    [InlineData("""{"scp":["api://gateway/mcp","tools:use"]}""", true)]
    [InlineData("""{"scope":"mcp","scp":"tools:use"}""", true)]
    [InlineData("""{}""", false)]
    [InlineData("""{"scope":"mcp"}""", false)]
    [InlineData("""{"scope":"mcptools:use"}""", false)]
    [InlineData("""{"scope":"MCP tools:use"}""", false)]
    [InlineData("""{"scope":{"mcp":true,"tools:use":true}}""", false)]
    [InlineData("""{"scopes":"mcp tools:use"}""", false)]
    public async Task A_persons_token_is_issued_for_all_of_it_or_for_too_little(string claims, bool isEnough)
    {
        var forge = new TokenForge();
        using var authenticator = forge.Authenticator(new Postern.Gateway.Identities.TrustedIssuer { Name = "corp", Authority = forge.Authority, Audiences = [TokenForge.Audience], Scopes = [.. _needed] });
        var token = forge.Token(all =>
        {
            foreach (var (name, value) in JsonNode.Parse(claims)!.AsObject()) all[name] = value?.DeepClone();
        });

        var answer = await authenticator.AuthenticateAsync(token, TokenForge.Resource, TestContext.Current.CancellationToken);

        if (isEnough) Assert.IsType<Authentication.Accepted>(answer);
        else Assert.Equal(_needed, Assert.IsType<Authentication.Refused>(answer).NeededScopes);
    }

    [Fact]
    [Row("J03")]
    public async Task Nobody_is_told_what_is_needed_for_a_token_that_is_not_good_otherwise()
    {
        var forge = new TokenForge();
        using var authenticator = forge.Authenticator(new Postern.Gateway.Identities.TrustedIssuer { Name = "corp", Authority = forge.Authority, Audiences = [TokenForge.Audience], Scopes = [.. _needed] });
        var changed = forge.Token();
        changed = changed[..^4] + (changed.EndsWith("AAAA", StringComparison.Ordinal) ? "BBBB" : "AAAA");

        Assert.Empty(Assert.IsType<Authentication.Refused>(await authenticator.AuthenticateAsync(changed, TokenForge.Resource, TestContext.Current.CancellationToken)).NeededScopes);
    }

    [Fact]
    public async Task The_challenge_holds_all_of_it_and_so_do_the_metadata()
    {
        await using var gateway = await RunningGateway.StartAsync(scopes: _needed);
        using var http = new HttpClient();

        using var without = await AskAsync(http, gateway, null);
        Assert.Equal(HttpStatusCode.Unauthorized, without.StatusCode);
        Assert.Contains("scope=\"api://gateway/mcp tools:use\"", Challenge(without), StringComparison.Ordinal);

        using var tooLittle = await AskAsync(http, gateway, gateway.TokenOf("alice"));
        Assert.Equal(HttpStatusCode.Forbidden, tooLittle.StatusCode);
        Assert.StartsWith("Bearer error=\"insufficient_scope\", scope=\"api://gateway/mcp tools:use\", resource_metadata=\"", Challenge(tooLittle), StringComparison.Ordinal);

        using var metadata = JsonDocument.Parse(await http.GetStringAsync($"{gateway.Host.Url}/.well-known/oauth-protected-resource/mcp/shop", TestContext.Current.CancellationToken));
        Assert.Equal(_needed, metadata.RootElement.GetProperty("scopes_supported").EnumerateArray().Select(one => one.GetString()));

        using var api = new HttpRequestMessage(HttpMethod.Get, $"{gateway.Host.Url}/api/v1/whoami");
        api.Headers.Authorization = new AuthenticationHeaderValue("Bearer", gateway.TokenOf("alice"));
        using var answer = await http.SendAsync(api, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.Contains("insufficient_scope", Challenge(answer), StringComparison.Ordinal);
    }

    private static string Challenge(HttpResponseMessage answer) => answer.Headers.GetValues("WWW-Authenticate").Single();

    private static async Task<HttpResponseMessage> AskAsync(HttpClient http, RunningGateway gateway, string? token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{gateway.Host.Url}/mcp/shop") { Content = new StringContent("""{"jsonrpc":"2.0","id":1,"method":"ping"}""", Encoding.UTF8, "application/json") };
        request.Headers.Accept.ParseAdd("application/json, text/event-stream");
        if (token is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return await http.SendAsync(request, TestContext.Current.CancellationToken);
    }
}
