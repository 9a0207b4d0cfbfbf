using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using Postern.Cli.SignIn;
using Postern.Demo.Issuer;
using Postern.Demo.Shop;
using Postern.Gateway;
using Postern.Gateway.Configuration;
using Postern.Tests.Gateway;

namespace Postern.Tests.Identities;

/// <summary>An approver's whole token file in a thief's hands, against a whole gateway.</summary>
public sealed class StolenTokenFileTests
{
    [Fact]
    [Row("A05")]
    [Row("J19")]
    [Guarantee("G8")]
    public async Task The_token_file_of_an_approver_reads_but_approves_nothing_however_it_is_presented()
    {
        using var folder = new TemporaryFolder();
        var url = $"http://127.0.0.1:{FreePort.Take()}";
        await using var issuer = await DemoIssuer.StartAsync(new() { DefaultAudience = url });
        await using var shop = await ShopServer.StartAsync("shop-secret");
        await using var gateway = await GatewayHost.StartAsync(new()
        {
            Url = url,
            Management = null,
            Data = Path.Combine(folder.Path, "data"),
            Issuers = [new IssuerOptions { Name = "demo", Authority = issuer.Issuer, ClientId = DemoClient.GatewayId, ClientSecret = DemoClient.GatewaySecret }],
            Connections = [new ConnectionOptions { Name = "shop", Protocol = "mcp", Url = shop.Url, Credential = new CredentialOptions("Authorization", "Bearer shop-secret") }],
            Policy = [folder.Write("policy.yaml", RunningGateway.Policy)],
        });
        var hold = await HoldAsync(url, issuer.IssueToken("alice"));

        // bob, the approver, signs in on the command line; the thief copies the file
        using var client = new OAuthClient();
        var flow = new LoginFlow(new SignInStore(folder.Path), client, TimeProvider.System);
        await flow.RunAsync(new() { Gateway = new Uri(url) }, new(_ => { }, page =>
        {
            _ = Task.Run(async () =>
            {
                using var browser = new Browser();
                await browser.OpenAsync(page.AbsoluteUri);
                await browser.PickAsync("bob");
            });
            return true;
        }), CancellationToken.None);
        var stolen = new SignInStore(folder.Path).Find(new Uri(url))!;
        var renewed = await RefreshAsync(client, stolen);
        string[] tokens = [stolen.AccessToken, renewed];

        // it reads what bob may read
        foreach (var token in tokens)
        {
            Assert.Contains("\"state\":\"open\"", await StateAsync(url, hold, token), StringComparison.Ordinal);
        }

        // it answers nothing: as bearer, as cookie, in the address, in the form
        using var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false });
        foreach (var token in tokens)
        {
            foreach (var dress in (Action<HttpRequestMessage>[])
            [
                request => request.Headers.Authorization = new("Bearer", token),
                request => request.Headers.Add("Cookie", $"postern-loopback={token}"),
                request => request.Headers.Add("Cookie", $"__Host-postern={token}; access_token={token}"),
                request => request.RequestUri = new Uri($"{request.RequestUri}?access_token={token}"),
                request => request.Headers.Add("X-Forwarded-User", "bob"),
            ])
            {
                using var request = new HttpRequestMessage(HttpMethod.Post, $"{url}/approve/{hold}")
                {
                    Content = new FormUrlEncodedContent([new("answer", "approve"), new("csrf", token), new("access_token", token), new("reason", "fine")]),
                };
                request.Headers.Add("Origin", url);
                request.Headers.Add("Sec-Fetch-Site", "same-origin");
                dress(request);
                using var answer = await http.SendAsync(request);
                Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
            }

            // nor does a token outside its header reach data
            foreach (var dress in (Action<HttpRequestMessage>[])
            [
                request => request.Headers.Add("Cookie", $"access_token={token}; postern-loopback={token}"),
                request => request.RequestUri = new Uri($"{request.RequestUri}?access_token={token}"),
                request => request.Headers.Add("Mcp-Session-Id", token[..100]),
            ])
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, $"{url}/api/v1/approvals/{hold}");
                dress(request);
                using var answer = await http.SendAsync(request);
                Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
                Assert.DoesNotContain(token, await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
            }
        }

        Assert.Contains("\"state\":\"open\"", await StateAsync(url, hold, renewed), StringComparison.Ordinal);

        // bob himself, in his browser, can
        using var bob = new Browser();
        await bob.OpenAsync($"{url}/approve/{hold}");
        await bob.PickAsync("bob");
        var csrf = Regex.Match(bob.Body, "name=\"csrf\" value=\"([^\"]+)\"", RegexOptions.NonBacktracking).Groups[1].Value;
        await bob.PostAsync($"{url}/approve/{hold}", new() { ["answer"] = "approve", ["reason"] = "checked", ["csrf"] = csrf }, origin: url);
        Assert.Equal(HttpStatusCode.SeeOther, bob.Last.StatusCode);
        Assert.Contains("\"state\":\"approved\"", await StateAsync(url, hold, renewed), StringComparison.Ordinal);
    }

    private static async Task<string> RefreshAsync(OAuthClient client, StoredSignIn stolen)
    {
        var (answer, error) = await client.PostAsync(new Uri(stolen.TokenEndpoint), [new("grant_type", "refresh_token"), new("refresh_token", stolen.RefreshToken!), new("client_id", stolen.ClientId), new("scope", "openid")], CancellationToken.None);
        Assert.Null(error);

        // refreshing is no sign-in: it must not yield what signs a person in
        Assert.Null(OAuthClient.Text(answer, "id_token"));
        return OAuthClient.Text(answer, "access_token")!;
    }

    private static async Task<string> StateAsync(string url, string hold, string token)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, $"{url}/api/v1/approvals/{hold}");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        using var answer = await http.SendAsync(request);
        return await answer.Content.ReadAsStringAsync();
    }

    private static async Task<string> HoldAsync(string url, string token)
    {
        using var http = new HttpClient();
        const string meta = """{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"test","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}""";
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{url}/mcp/shop")
        {
            Content = new StringContent($$"""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"refund","arguments":{"order":"O-1001","amount":900,"reason":"broken"},"_meta":{{meta}} } }""", Encoding.UTF8, "application/json"),
        };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        request.Headers.Accept.ParseAdd("application/json, text/event-stream");
        request.Headers.Add("MCP-Protocol-Version", "2026-07-28");
        request.Headers.Add("Mcp-Method", "tools/call");
        request.Headers.Add("Mcp-Name", "refund");
        using var answer = await http.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        var link = Regex.Match(text, "/approve/([0-9A-Z]{26})", RegexOptions.NonBacktracking);
        Assert.True(link.Success, text);
        return link.Groups[1].Value;
    }
}
