using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Postern.Demo.Shop;

namespace Postern.Tests.Demo;

public sealed class ShopServerTests : IAsyncLifetime
{
    private const string Secret = "test-secret";
    private readonly HttpClient _http = new();
    private ShopServer _shop = null!;
    private string? _session;

    public async ValueTask InitializeAsync() => _shop = await ShopServer.StartAsync(Secret);

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _shop.DisposeAsync();
    }

    [Fact]
    public async Task Without_the_secret_there_is_no_shop()
    {
        using var request = Request("""{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}""");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", "something-else");

        using var response = await _http.SendAsync(request);

        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Empty(_shop.Received);
    }

    [Fact]
    public async Task A_browser_page_is_turned_away()
    {
        using var request = Request("{}");
        request.Headers.Add("Origin", "http://evil.example");

        using var response = await _http.SendAsync(request);

        Assert.Equal(HttpStatusCode.Forbidden, response.StatusCode);
    }

    [Fact]
    public async Task A_customer_comes_as_structured_content_with_a_text_twin()
    {
        await InitializeSessionAsync();

        var result = await CallAsync("get_customer", """{"customer":"C-101"}""");

        var customer = result.GetProperty("structuredContent");
        Assert.Equal("mia.hartmann@example.com", customer.GetProperty("email").GetString());
        Assert.Equal("4111 1111 1111 1111", customer.GetProperty("card").GetString());
        var twin = result.GetProperty("content")[0].GetProperty("text").GetString();
        Assert.True(JsonElement.DeepEquals(customer, JsonDocument.Parse(twin!).RootElement));
    }

    [Fact]
    public async Task A_refund_changes_the_order_and_never_gives_back_more_than_was_paid()
    {
        await InitializeSessionAsync();

        var first = await CallAsync("refund", """{"order":1042,"amount":900,"reason":"damaged"}""");
        var second = await CallAsync("refund", """{"order":1042,"amount":900,"reason":"damaged"}""");

        Assert.False(first.GetProperty("isError").GetBoolean());
        Assert.Equal(349m, first.GetProperty("structuredContent").GetProperty("left").GetDecimal());
        Assert.True(second.GetProperty("isError").GetBoolean());
        Assert.Equal(1, _shop.RefundCount);
    }

    [Theory]
    [InlineData("""{"order":1042,"amount":-1,"reason":"x"}""")]
    [InlineData("""{"order":1042,"amount":0.001,"reason":"x"}""")]
    [InlineData("""{"order":"1042","amount":1,"reason":"x"}""")]
    [InlineData("""{"order":1042,"amount":1,"reason":"x","force":true}""")]
    [InlineData("""{"order":1042,"amount":1}""")]
    [InlineData("""{"order":1042,"amount":1e400,"reason":"x"}""")]
    public async Task Arguments_that_do_not_fit_are_a_tool_error(string arguments)
    {
        await InitializeSessionAsync();

        var result = await CallAsync("refund", arguments);

        Assert.True(result.GetProperty("isError").GetBoolean());
        Assert.Equal(0, _shop.RefundCount);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}""")]
    [InlineData("""{"jsonrpc":"2.0","id":1.5,"method":"ping"}""")]
    [InlineData("""{"jsonrpc":"2.0","id":null,"method":"ping"}""")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}""")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"\ud800"}""")]
    public async Task What_is_not_one_message_is_refused(string body)
    {
        await InitializeSessionAsync();

        using var response = await _http.SendAsync(Request(body));

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
    }

    [Fact]
    public async Task A_session_ends_with_delete()
    {
        await InitializeSessionAsync();
        using var delete = new HttpRequestMessage(HttpMethod.Delete, _shop.Url);
        delete.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Secret);
        delete.Headers.Add("Mcp-Session-Id", _session);

        using var ended = await _http.SendAsync(delete);
        using var after = await _http.SendAsync(Request("""{"jsonrpc":"2.0","id":2,"method":"ping"}"""));

        Assert.Equal(HttpStatusCode.NoContent, ended.StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, after.StatusCode);
    }

    [Fact]
    public async Task The_stateless_era_is_discovered_and_called_without_a_session()
    {
        using var discovery = await _http.SendAsync(Stateless("server/discover", null, "{}"));
        using var call = await _http.SendAsync(Stateless("tools/call", "get_order", """{"name":"get_order","arguments":{"order":1041},"""));

        var found = JsonDocument.Parse(await discovery.Content.ReadAsStringAsync()).RootElement.GetProperty("result");
        Assert.Equal("2026-07-28", found.GetProperty("supportedVersions")[0].GetString());
        var result = JsonDocument.Parse(await call.Content.ReadAsStringAsync()).RootElement.GetProperty("result");
        Assert.Equal("complete", result.GetProperty("resultType").GetString());
        Assert.Equal(64.80m, result.GetProperty("structuredContent").GetProperty("total").GetDecimal());
    }

    [Theory]
    [InlineData("tools/call", "refund", "-32020")]
    [InlineData("tools/list", "get_order", "-32020")]
    public async Task Headers_that_contradict_the_body_are_refused(string method, string name, string code)
    {
        using var request = Stateless(method, name, """{"name":"get_order","arguments":{"order":1041},""", bodyMethod: "tools/call");

        using var response = await _http.SendAsync(request);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains(code, await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Progress_is_streamed_when_a_token_asks_for_it()
    {
        await InitializeSessionAsync();

        using var response = await _http.SendAsync(Request("""{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"export_customers","_meta":{"progressToken":"p"}}}"""));

        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(text.IndexOf("notifications/progress", StringComparison.Ordinal) < text.IndexOf("structuredContent", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Every_card_on_file_passes_the_Luhn_check()
    {
        await InitializeSessionAsync();

        var result = await CallAsync("export_customers", "{}");

        var cards = result.GetProperty("structuredContent").GetProperty("customers").EnumerateArray().Select(customer => customer.GetProperty("card").GetString()!).ToList();
        Assert.Equal(5, cards.Count);
        Assert.All(cards, card => Assert.Equal(0, Luhn(card)));
    }

    private static int Luhn(string card) =>
        card.Where(char.IsAsciiDigit).Reverse().Select((digit, i) => (digit - '0') * (1 + i % 2)).Sum(value => value > 9 ? value - 9 : value) % 10;

    private async Task InitializeSessionAsync()
    {
        using var response = await _http.SendAsync(Request("""{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}"""));
        response.EnsureSuccessStatusCode();
        _session = response.Headers.GetValues("Mcp-Session-Id").Single();
    }

    private async Task<JsonElement> CallAsync(string tool, string arguments)
    {
        using var response = await _http.SendAsync(Request($$$"""{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"{{{tool}}}","arguments":{{{arguments}}}}}"""));
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement.GetProperty("result");
    }

    private HttpRequestMessage Stateless(string method, string? name, string parameters, string? bodyMethod = null)
    {
        var opened = parameters == "{}" ? "{" : parameters;
        var body = """{"jsonrpc":"2.0","id":1,"method":"METHOD","params":OPENED"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}""";
        var request = Request(body.Replace("METHOD", bodyMethod ?? method, StringComparison.Ordinal).Replace("OPENED", opened, StringComparison.Ordinal));
        request.Headers.Add("MCP-Protocol-Version", "2026-07-28");
        request.Headers.Add("Mcp-Method", method);
        if (name is not null) request.Headers.Add("Mcp-Name", name);
        return request;
    }

    private HttpRequestMessage Request(string body)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, _shop.Url) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Secret);
        request.Headers.Accept.ParseAdd("application/json, text/event-stream");
        if (_session is not null) request.Headers.Add("Mcp-Session-Id", _session);
        return request;
    }
}
