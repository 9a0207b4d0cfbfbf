using System.Net;
using System.Text.Json;
using Postern.Protocols.Mcp.Wire;

namespace Postern.Tests.Mcp;

/// <summary>A resource is judged by its URI as written, so a URI with two readings is refused.</summary>
[Row("P19")]
public sealed class ResourceUriTests
{
    private const string Policy = """
        version: 1
        rules:
          - { id: orders, who: { groups: [support] }, on: { connection: shop, uris: ["shop://orders/**", "file:///pub/**"] }, then: allow }
          - { id: secrets, on: { connection: shop, uris: ["shop://salaries/**"] }, then: deny }
        """;

    public static TheoryData<string> Twofold =>
    [
        "shop://orders/../salaries/1", "shop://orders/./../salaries/1", "shop://orders/..", "shop://orders/.", "shop://orders/..;x/salaries/1", "shop://../salaries", "shop://orders/a/..?x", "shop://orders/..#x",
        "shop://orders/%2e%2e/salaries/1", "shop://orders/%2E./salaries/1", "shop://orders/..%2fsalaries", "shop://orders/%252e%252e/salaries", "shop://orders/a%5c..%5cb", "shop://orders/a%00.txt",
        "shop://orders/..\\salaries\\1", "shop:\\\\orders\\1", "shop://orders//salaries/1", "shop:////salaries/1", "file:////etc/passwd", "SHOP://orders/1", "File:///pub/a", "file://HOST/pub/a", "https://orders@evil.example/1",
        "shop://orders/1 ", " shop://orders/1", "shop://orders/1\n", "shop://orders/\u200b1", "shop://orders/\u202e1", "shop://orders/\u00001", "../etc/passwd", "./a",
    ];

    [Theory]
    [MemberData(nameof(Twofold))]
    public void It_is_found(string uri) => Assert.NotNull(ResourceUri.FaultOf(uri));

    [Theory]
    [InlineData("shop://orders/1")]
    [InlineData("shop://Orders/A-1")]
    [InlineData("file:///pub/My%20Documents/a.txt")]
    [InlineData("file:///pub/..a/b../...")]
    [InlineData("test://template/{id}/data")]
    [InlineData("test://{+path}{?query}")]
    [InlineData("postgres://reader@db/shop/orders/schema")]
    [InlineData("https://example.com/a?b=../c#..")]
    [InlineData("via:https://example.com/a")]
    [InlineData("urn:isbn:0451450523")]
    [InlineData("memo://notes/")]
    [InlineData("über://größe/1")]
    [InlineData("static-text")]
    public void A_plain_one_is_left_alone(string uri) => Assert.Null(ResourceUri.FaultOf(uri));

    [Theory]
    [MemberData(nameof(Twofold))]
    public async Task Nothing_that_names_one_reaches_the_target(string uri)
    {
        await using var bed = await McpTestBed.StartAsync(Policy);
        var text = JsonSerializer.Serialize(uri);
        var session = await bed.InitializeAsync();

        Answer[] refused =
        [
            await bed.SendAsync($$$"""{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":{{{text}}}}}""", session),
            await bed.SendAsync($$$"""{"jsonrpc":"2.0","id":2,"method":"resources/subscribe","params":{"uri":{{{text}}}}}""", session),
            await bed.SendAsync($$$$"""{"jsonrpc":"2.0","id":3,"method":"completion/complete","params":{"ref":{"type":"ref/resource","uri":{{{{text}}}}},"argument":{"name":"a","value":"b"}}}""", session),
            await bed.SendModernAsync("subscriptions/listen", $$$""" "notifications":{"resourceSubscriptions":[{{{text}}}]} """),
        ];

        Assert.All(refused, answer => Assert.Equal((HttpStatusCode.BadRequest, -32602), (answer.Status, answer.ErrorCode)));
        Assert.Empty(bed.Server.Calls.Where(call => call.Method is not ("initialize" or "tools/list" or "prompts/list")));
    }

    [Fact]
    public async Task It_is_not_shown_in_a_list_either()
    {
        await using var bed = await McpTestBed.StartAsync(Policy, server => server.Override = async (http, received) =>
        {
            if (received.Method != "resources/list") return false;
            await FakeMcpServer.SseAsync(http, $$$"""{"jsonrpc":"2.0","id":{{{received.Json.GetProperty("id").GetRawText()}}},"result":{"resources":[{"uri":"shop://orders/1","name":"a"},{"uri":"shop://orders/../salaries/1","name":"b"},{"uri":"shop://salaries/1","name":"c"}]}}""");
            return true;
        });

        var answer = await bed.SendAsync("""{"jsonrpc":"2.0","id":1,"method":"resources/list"}""");

        Assert.Equal("shop://orders/1", Assert.Single(answer.Result.GetProperty("resources").EnumerateArray()).GetProperty("uri").GetString());
    }
}
