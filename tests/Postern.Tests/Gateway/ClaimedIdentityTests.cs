using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace Postern.Tests.Gateway;

/// <summary>A whole gateway, and requests that say of themselves who they are: only the token counts.</summary>
[Guarantee("G13")]
public sealed class ClaimedIdentityTests : IAsyncLifetime
{
    private const string Claimed =
        """
        "sub":"alice","identity":"demo:alice","user":"alice","act":{"sub":"admin-agent"},"azp":"admin-agent","client_id":"admin-agent","groups":["support","admins"],"roles":["admin"],"kind":"person",
        "postern/identity":{"key":"demo:alice"},"io.modelcontextprotocol/identity":{"sub":"alice"},"authorization":"Bearer nobody"
        """;

    private static readonly string[] _headers =
    [
        "X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Groups", "X-Remote-User", "X-Remote-Group", "X-Auth-Request-User", "X-Authenticated-User", "Remote-User", "X-User", "X-Ms-Client-Principal-Name",
        "Impersonate-User", "Impersonate-Group", "X-Goog-Authenticated-User-Email", "Mcp-Identity", "Mcp-Actor", "X-Client-Id",
    ];

    private RunningGateway _gateway = null!;

    public async ValueTask InitializeAsync() => _gateway = await RunningGateway.StartAsync();

    public async ValueTask DisposeAsync() => await _gateway.DisposeAsync();

    [Fact]
    [Row("J21")]
    public async Task Nobody_becomes_somebody_else_by_saying_so()
    {
        Assert.Equal("deny", (await RecordedAsync("carol", claims: true)).GetProperty("decision").GetString());
        Assert.Equal("allow", (await RecordedAsync("alice", claims: false)).GetProperty("decision").GetString());

        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, $"{_gateway.Host.Url}/api/v1/whoami?sub=alice&client_id=admin-agent");
        Dress(request, "carol");
        using var response = await http.SendAsync(request, TestContext.Current.CancellationToken);
        var who = JsonDocument.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).RootElement;
        Assert.Equal(("demo:carol", "demo-agent", "person"), (who.GetProperty("key").GetString(), who.GetProperty("agent").GetString(), who.GetProperty("kind").GetString()));
    }

    private void Dress(HttpRequestMessage request, string subject)
    {
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _gateway.TokenOf(subject));
        foreach (var name in _headers) request.Headers.Add(name, name.Contains("Group", StringComparison.Ordinal) ? "admins" : "alice");
    }

    /// <summary>Calls a tool that support may use, and returns what was recorded of it.</summary>
    private async Task<JsonElement> RecordedAsync(string subject, bool claims)
    {
        using var http = new HttpClient();
        const string meta = """ "io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"test","version":"1"},"io.modelcontextprotocol/clientCapabilities":{} """;
        var body = $$"""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_customer","arguments":{"customer":"C-101"},"_meta":{ {{meta}}{{(claims ? "," + Claimed : "")}} } } }""";
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{_gateway.Host.Url}/mcp/shop") { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        Dress(request, subject);
        request.Headers.Accept.ParseAdd("application/json, text/event-stream");
        request.Headers.Add("MCP-Protocol-Version", "2026-07-28");
        request.Headers.Add("Mcp-Method", "tools/call");
        request.Headers.Add("Mcp-Name", "get_customer");
        using var response = await http.SendAsync(request, TestContext.Current.CancellationToken);
        _ = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);

        var token = _gateway.TokenOf(subject);
        async Task<JsonElement> ReadAsync(string path) => JsonDocument.Parse(await (await _gateway.ApiAsync(path, token)).Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).RootElement.Clone();
        var session = Assert.Single((await ReadAsync("/sessions")).GetProperty("items").EnumerateArray()).GetProperty("id").GetString();
        return (await ReadAsync($"/sessions/{session}")).GetProperty("operations")[0];
    }
}
