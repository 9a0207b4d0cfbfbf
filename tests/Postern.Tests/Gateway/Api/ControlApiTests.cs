using System.Net;
using System.Text.Json;

namespace Postern.Tests.Gateway.Api;

public sealed class ControlApiTests : IAsyncLifetime
{
    private RunningGateway _gateway = null!;

    public async ValueTask InitializeAsync() => _gateway = await RunningGateway.StartAsync();

    public async ValueTask DisposeAsync() => await _gateway.DisposeAsync();

    [Fact]
    public async Task It_says_who_one_is_and_what_one_may_reach()
    {
        var who = await JsonAsync("/whoami", "alice");
        var alices = await JsonAsync("/connections", "alice");
        var carols = await JsonAsync("/connections", "carol");

        Assert.Equal("demo:alice", who.GetProperty("key").GetString());
        Assert.Equal("demo-agent", who.GetProperty("agent").GetString());
        Assert.Equal("shop", Assert.Single(alices.GetProperty("items").EnumerateArray()).GetProperty("name").GetString());
        Assert.Empty(carols.GetProperty("items").EnumerateArray());
    }

    [Fact]
    [Row("T05")]
    public async Task One_reads_ones_own_recordings_and_nobody_elses()
    {
        await _gateway.CallToolAsync("alice", "get_customer", """{"customer":"C-101"}""");
        await _gateway.CallToolAsync("carol", "get_customer", """{"customer":"C-101"}""");

        var sessions = await JsonAsync("/sessions", "alice");
        var session = Assert.Single(sessions.GetProperty("items").EnumerateArray()).GetProperty("id").GetString();
        var detail = await JsonAsync($"/sessions/{session}", "alice");
        var operation = detail.GetProperty("operations")[0].GetProperty("id").GetString();
        var whole = await JsonAsync($"/operations/{operation}", "alice");

        Assert.Equal("done", whole.GetProperty("outcome").GetString());
        Assert.True(whole.GetProperty("matchesDigests").GetBoolean());
        Assert.Contains("C-101", whole.GetProperty("request").GetString()!, StringComparison.Ordinal);
        foreach (var path in new[] { $"/sessions/{session}", $"/operations/{operation}", "/operations/0ABCDEFGHJKMNPQRSTVWXYZ012", "/operations/x", "/sessions/x" })
        {
            using var foreign = await _gateway.ApiAsync(path, _gateway.TokenOf("carol"));
            Assert.Equal(HttpStatusCode.NotFound, foreign.StatusCode);
        }
    }

    [Fact]
    [Row("P01")]
    public async Task The_record_of_a_refusal_does_not_tell_which_rule_forbade()
    {
        await _gateway.CallToolAsync("carol", "get_customer", """{"customer":"C-101"}""");

        var session = Assert.Single((await JsonAsync("/sessions", "carol")).GetProperty("items").EnumerateArray()).GetProperty("id").GetString();
        var operation = (await JsonAsync($"/sessions/{session}", "carol")).GetProperty("operations")[0];

        Assert.Equal("deny", operation.GetProperty("decision").GetString());
        Assert.Equal(JsonValueKind.Null, operation.GetProperty("rule").ValueKind);
        Assert.Equal("policy.not_permitted", operation.GetProperty("code").GetString());
    }

    /// <summary>Every route of the document, without a credential, with garbage, and with another audience's token.</summary>
    [Fact]
    [Row("T05")]
    [Guarantee("G13")]
    public async Task No_route_but_the_document_itself_answers_without_a_good_credential()
    {
        var document = JsonDocument.Parse(await (await _gateway.ApiAsync("/openapi.json", null)).Content.ReadAsStringAsync()).RootElement;
        var elsewhere = _gateway.Issuer.IssueToken("alice", "https://elsewhere.example");
        foreach (var path in document.GetProperty("paths").EnumerateObject())
        {
            foreach (var method in path.Value.EnumerateObject().Where(_ => path.Name != "/openapi.json"))
            {
                foreach (var token in new[] { null, "garbage", elsewhere })
                {
                    using var content = method.Name == "post" ? new StringContent("{}") : null;
                    using var response = await _gateway.ApiAsync(path.Name.Replace("{", "", StringComparison.Ordinal).Replace("}", "", StringComparison.Ordinal), token, new HttpMethod(method.Name.ToUpperInvariant()), content);

                    Assert.True(response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden, $"{method.Name} {path.Name}: {response.StatusCode}");
                    Assert.Equal("application/problem+json", response.Content.Headers.ContentType!.MediaType);
                    if (response.StatusCode == HttpStatusCode.Unauthorized) Assert.Contains("resource_metadata=", response.Headers.WwwAuthenticate.ToString(), StringComparison.Ordinal);
                }
            }
        }
    }

    [Fact]
    [Guarantee("G19")]
    public async Task Definitions_are_for_whoever_the_policy_lets_accept_them_and_acceptance_needs_the_browser()
    {
        await _gateway.CallToolAsync("alice", "get_customer", """{"customer":"C-101"}""");
        using var hidden = await _gateway.ApiAsync("/connections/shop/definitions", _gateway.TokenOf("alice"));
        Assert.Equal(HttpStatusCode.NotFound, hidden.StatusCode);
        var definitions = (await JsonAsync("/connections/shop/definitions", "carol")).GetProperty("items").EnumerateArray().ToArray();
        Assert.Contains(definitions, one => one.GetProperty("name").GetString() == "refund" && one.GetProperty("state").GetString() == "accepted");

        using var carol = await Browser.SignInAsync(_gateway, "carol");
        var csrf = await carol.CsrfAsync("/approvals");
        Assert.Equal(HttpStatusCode.Forbidden, (await AcceptAsync(carol, csrf: "wrong")).Status);
        var conflict = await AcceptAsync(carol, csrf);
        Assert.Equal(HttpStatusCode.Conflict, conflict.Status);
        Assert.Contains("waits to be accepted", conflict.Body, StringComparison.Ordinal);
        using var alice = await Browser.SignInAsync(_gateway, "alice");
        Assert.Equal(HttpStatusCode.NotFound, (await AcceptAsync(alice, await alice.CsrfAsync("/approvals"))).Status);
    }

    private async Task<(HttpStatusCode Status, string Body)> AcceptAsync(Browser browser, string csrf)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{_gateway.Host.Url}/api/v1/connections/shop/definitions/accept") { Content = new StringContent("""{"name":"refund","seenHash":"0"}""") };
        request.Headers.Add("Postern-Csrf", csrf);
        request.Headers.Add("Origin", _gateway.Host.Url);
        using var response = await browser.SendAsync(request);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    private async Task<JsonElement> JsonAsync(string path, string subject)
    {
        using var response = await _gateway.ApiAsync(path, _gateway.TokenOf(subject));
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, $"{path}: {response.StatusCode} {text}");
        return JsonDocument.Parse(text).RootElement.Clone();
    }
}
