using System.Net;
using System.Text;

namespace Postern.Tests.Mcp;

/// <summary>What is refused before anything is decided, and never reaches the target.</summary>
public sealed class McpEdgeTests
{
    private const string Call = """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_orders"}}""";

    [Theory]
    [Row("P02")]
    [InlineData("")]
    [InlineData("*")]
    [InlineData("..")]
    [InlineData("SHOP")]
    [InlineData("shop2")]
    [InlineData("sho")]
    [InlineData("shop%00", HttpStatusCode.BadRequest)]
    [InlineData("shop%2f")]
    [InlineData("%73hop%20")]
    public async Task An_unknown_connection_is_404_and_falls_back_to_nothing(string name, HttpStatusCode status = HttpStatusCode.NotFound)
    {
        await using var bed = await McpTestBed.StartAsync();
        await bed.InitializeAsync();
        var before = bed.Server.Calls.Count();

        using var request = new HttpRequestMessage(HttpMethod.Post, bed.BaseUrl + "/mcp/" + name);
        request.Content = new StringContent(Call, Encoding.UTF8, "application/json");
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer alice");
        using var response = await bed.Client.SendAsync(request);

        Assert.Equal(status, response.StatusCode);
        Assert.DoesNotContain("shop", await response.Content.ReadAsStringAsync(), StringComparison.OrdinalIgnoreCase);
        Assert.Equal(before, bed.Server.Calls.Count());
    }

    [Theory]
    [Row("P07")]
    [InlineData("""[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"drop_all"}}]""", -32600)]
    [Row("P08")]
    [InlineData("""{"jsonrpc":"2.0","method":"tools/call","params":{"name":"list_orders"}}""", -32600)]
    [InlineData("""{"jsonrpc":"2.0","method":"tools/list"}""", -32600)]
    [InlineData("""{"jsonrpc":"2.0","id":1,"result":{"method":"tools/call","params":{"name":"list_orders"}}}""", -32600)]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_orders"},"result":{}}""", -32600)]
    [Row("P09")]
    [InlineData("""{"jsonrpc":"2.0","id":null,"method":"tools/call","params":{"name":"list_orders"}}""", -32600)]
    [InlineData("""{"jsonrpc":"2.0","id":1.5,"method":"tools/call","params":{"name":"list_orders"}}""", -32600)]
    [Row("N01")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_orders","n\u0061me":"drop_all"}}""", -32600)]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_orders","arguments":{"a":{"b":1,"b":2}}}}""", -32600)]
    [Row("N02")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_orders","NAME":"drop_all"}}""", -32600)]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"tools/call","param\u017f":{"name":"drop_all"},"params":{"name":"list_orders"}}""", -32600)]
    [Row("N05")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\ud800"}}""", -32700)]
    [Row("N06")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"ping"} {}""", -32700)]
    [InlineData("not json", -32700)]
    [InlineData("", -32700)]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"tools/call"}""", -32602)]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":7}}""", -32602)]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_orders","arguments":[1]}}""", -32602)]
    public async Task What_could_be_read_in_two_ways_is_400_and_noted(string body, int code)
    {
        await using var bed = await McpTestBed.StartAsync();
        var session = await bed.InitializeAsync();

        var answer = await bed.SendAsync(body, session);

        Assert.Equal(HttpStatusCode.BadRequest, answer.Status);
        Assert.Equal(code, answer.ErrorCode);
        Assert.DoesNotContain(bed.Server.Calls, call => call.Method is not "initialize");
        Assert.Contains(bed.Recorder.Occurrences, note => note.Kind == "request.refused" && note.Facts.Contains(new("identity", "demo:alice")));
        Assert.DoesNotContain(bed.Recorder.Occurrences.SelectMany(note => note.Facts), fact => fact.Value.Contains("drop_all", StringComparison.Ordinal));
    }

    [Fact]
    [Row("N03")]
    public async Task Depth_and_size_are_bounded()
    {
        await using var bed = await McpTestBed.StartAsync();

        var deep = await bed.SendAsync($$$"""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_orders","arguments":{"a":{{{new string('[', 10_000)}}}{{{new string(']', 10_000)}}} } } }""");
        var large = await bed.SendAsync($$$"""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_orders","arguments":{"a":"{{{new string('x', 5 * 1024 * 1024)}}}" } } }""");

        Assert.Equal(HttpStatusCode.BadRequest, deep.Status);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, large.Status);
        Assert.Empty(bed.Server.Calls);
    }

    [Fact]
    [Row("P04")]
    public async Task Headers_that_say_something_else_are_400_and_the_body_is_not_forwarded()
    {
        await using var bed = await McpTestBed.StartAsync();
        const string Parameters = """ "name":"list_orders","arguments":{} """;

        var name = await bed.SendModernAsync("tools/call", Parameters, "refund");
        var doubled = await bed.SendModernAsync("tools/call", Parameters, "list_orders", change: request => request.Headers.TryAddWithoutValidation("Mcp-Name", "refund"));
        var missing = await bed.SendModernAsync("tools/call", Parameters);
        var unknown = await bed.SendAsync(Call, change: request => request.Headers.TryAddWithoutValidation("MCP-Protocol-Version", "2099-01-01"));

        Assert.Equal((HttpStatusCode.BadRequest, -32020), (name.Status, name.ErrorCode));
        Assert.Equal((HttpStatusCode.BadRequest, -32020), (doubled.Status, doubled.ErrorCode));
        Assert.Equal((HttpStatusCode.BadRequest, -32020), (missing.Status, missing.ErrorCode));
        Assert.Equal((HttpStatusCode.BadRequest, -32022), (unknown.Status, unknown.ErrorCode));
        Assert.Equal("2099-01-01", unknown.Error.GetProperty("data").GetProperty("requested").GetString());
        Assert.Empty(bed.Server.CallsOf("tools/call"));
    }

    [Fact]
    [Row("P04")]
    public async Task A_parameter_header_goes_on_only_when_it_says_what_the_argument_says()
    {
        await using var bed = await McpTestBed.StartAsync(script: server => server.Tools = """[{"name":"list_orders","inputSchema":{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"}}}}]""");
        const string Parameters = """ "name":"list_orders","arguments":{"region":"eu"} """;

        var good = await bed.SendModernAsync("tools/call", Parameters, "list_orders", change: request => request.Headers.TryAddWithoutValidation("Mcp-Param-Region", "eu"));
        var bad = await bed.SendModernAsync("tools/call", Parameters, "list_orders", change: request => request.Headers.TryAddWithoutValidation("Mcp-Param-Region", "us"));

        Assert.Equal(HttpStatusCode.OK, good.Status);
        Assert.Equal("eu", Assert.Single(bed.Server.CallsOf("tools/call")).Headers["Mcp-Param-Region"]);
        Assert.Equal((HttpStatusCode.BadRequest, -32020), (bad.Status, bad.ErrorCode));
    }

    [Fact]
    [Row("J19")]
    public async Task A_token_travels_in_one_header_and_nowhere_else()
    {
        await using var bed = await McpTestBed.StartAsync();
        Action<HttpRequestMessage>[] wrong =
        [
            request => request.Headers.Remove("Authorization"),
            request => request.Headers.TryAddWithoutValidation("Authorization", "Bearer bob"),
            request => Set(request, "Bearer alice,Bearer bob"),
            request => Set(request, "Basic YWxpY2U6"),
            request => Set(request, "Bearer "),
            request => Set(request, "alice"),
            request => request.RequestUri = new Uri(request.RequestUri + "?access_token=alice"),
            request =>
            {
                request.Headers.Remove("Authorization");
                request.Headers.TryAddWithoutValidation("Cookie", "access_token=alice");
                request.Headers.TryAddWithoutValidation("Mcp-Authorization", "Bearer alice");
            },
        ];
        foreach (var change in wrong)
        {
            var answer = await bed.SendAsync(Call, change: change);
            Assert.Equal(HttpStatusCode.Unauthorized, answer.Status);
            Assert.Contains("resource_metadata=\"http://gateway.test:7600/.well-known/oauth-protected-resource/mcp/shop\"", answer.Challenge, StringComparison.Ordinal);
        }
        Assert.Empty(bed.Server.Calls);
        Assert.DoesNotContain(bed.Recorder.Occurrences.SelectMany(note => note.Facts), fact => fact.Value.Contains("alice", StringComparison.Ordinal));

        static void Set(HttpRequestMessage request, string value)
        {
            request.Headers.Remove("Authorization");
            request.Headers.TryAddWithoutValidation("Authorization", value);
        }
    }

    [Theory]
    [InlineData("Host", "evil.test")]
    [InlineData("Origin", "http://evil.test")]
    [InlineData("Origin", "null")]
    public async Task A_foreign_host_or_origin_is_403(string header, string value)
    {
        await using var bed = await McpTestBed.StartAsync();

        var answer = await bed.SendAsync(Call, change: request => request.Headers.TryAddWithoutValidation(header, value));

        Assert.Equal(HttpStatusCode.Forbidden, answer.Status);
        Assert.Empty(bed.Server.Calls);
    }

    [Fact]
    public async Task The_gateways_own_origin_and_address_are_served()
    {
        await using var bed = await McpTestBed.StartAsync();

        Assert.Equal(HttpStatusCode.OK, (await bed.SendAsync(Call, change: request => request.Headers.TryAddWithoutValidation("Origin", bed.BaseUrl))).Status);
        Assert.Equal(HttpStatusCode.OK, (await bed.SendAsync(Call, change: request => request.Headers.TryAddWithoutValidation("Host", "gateway.test:7600"))).Status);
    }
}
