using System.Text.Json;

namespace Postern.Tests.Mcp;

/// <summary>A target's notifications reach those alone whom they are for, whatever the target says.</summary>
[Row("P23")]
public sealed class ServerNoticeTests
{
    private const string Policy = """
        version: 1
        rules:
          - { id: orders, who: { groups: [support] }, on: { connection: shop, uris: ["shop://orders/**"] }, then: allow }
          - { id: tools, who: { groups: [support] }, on: { connection: shop, tools: [list_orders] }, then: allow }
          - { id: task-news, who: { groups: [support] }, on: { connection: shop, extensions: ["notifications/tasks/status"] }, then: allow }
        """;

    private static readonly string[] s_news =
    [
        Updated("shop://orders/1"),
        Updated("shop://orders/1/lines"),
        Updated("shop://orders/12"),
        Updated("shop://orders/2"),
        Updated("shop://salaries/1"),
        """{"jsonrpc":"2.0","method":"notifications/tasks/status","params":{"taskId":"t"}}""",
        """{"jsonrpc":"2.0","method":"notifications/vendor","params":{}}""",
        """{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"never-asked"}}""",
        """{"jsonrpc":"2.0","method":"notifications/elicitation/complete","params":{"elicitationId":"never-shown"}}""",
        """{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}""",
        """{"jsonrpc":"2.0","method":"notifications/prompts/list_changed"}""",
    ];

    [Fact]
    public async Task A_session_hears_of_what_it_subscribed_to_and_may_read()
    {
        await using var bed = await TellingAsync();
        var session = await bed.InitializeAsync();
        var other = await bed.InitializeAsync("bob");
        Assert.Equal("{}", (await bed.SendAsync("""{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"shop://orders/1"}}""", session)).Result.GetRawText());
        Assert.True((await bed.SendAsync("""{"jsonrpc":"2.0","id":2,"method":"resources/subscribe","params":{"uri":"shop://salaries/1"}}""", session)).Json.TryGetProperty("error", out _));

        Assert.Equal([s_news[0], s_news[1], s_news[5], s_news[9], s_news[10]], await ListenAsync(bed, session, "alice"));
        Assert.Equal([s_news[5], s_news[9], s_news[10]], await ListenAsync(bed, other, "bob"));

        await bed.SendAsync("""{"jsonrpc":"2.0","id":3,"method":"resources/unsubscribe","params":{"uri":"shop://orders/1"}}""", session);
        Assert.Equal([s_news[5], s_news[9], s_news[10]], await ListenAsync(bed, session, "alice"));
        Assert.Contains(bed.Recorder.Occurrences, note => note.Kind == "reply.dropped");
        Assert.Single(bed.Server.CallsOf("resources/subscribe"));
    }

    [Fact]
    public async Task A_subscription_of_the_stateless_era_is_its_filter()
    {
        await using var bed = await TellingAsync();

        var heard = await bed.SendModernAsync("subscriptions/listen", """ "notifications":{"toolsListChanged":true,"promptsListChanged":false,"resourceSubscriptions":["shop://orders/1"]} """);
        var refused = await bed.SendModernAsync("subscriptions/listen", """ "notifications":{"resourceSubscriptions":["shop://orders/1","shop://salaries/1"]} """);
        var unknown = await bed.SendModernAsync("subscriptions/listen", """ "notifications":{"everythingChanged":true} """);

        Assert.Equal([s_news[0], s_news[1], s_news[5], s_news[9]], heard.Events[..^1]);
        Assert.True(refused.Json.TryGetProperty("error", out _));
        Assert.True(unknown.Json.TryGetProperty("error", out _));
        Assert.Single(bed.Server.CallsOf("subscriptions/listen"));
    }

    [Fact]
    public async Task A_call_of_the_stateless_era_hears_of_nothing_but_itself()
    {
        await using var bed = await TellingAsync();

        var answer = await bed.SendModernAsync("tools/call", "\"name\":\"list_orders\"", "list_orders");

        Assert.Equal([s_news[5]], answer.Events[..^1]);
        Assert.False(answer.IsError);
    }

    private static string Updated(string uri) => $$$"""{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"{{{uri}}}"}}""";

    private static async Task<string[]> ListenAsync(McpTestBed bed, string session, string token)
    {
        using var response = await McpSessionTests.TransportAsync(bed, HttpMethod.Get, session, token: token);
        var body = await response.Content.ReadAsStringAsync();
        return [.. body.Split('\n').Where(line => line.StartsWith("data: ", StringComparison.Ordinal)).Select(line => line[6..])];
    }

    private static Task<McpTestBed> TellingAsync() => McpTestBed.StartAsync(Policy, server => server.Override = async (http, received) =>
    {
        if (received.HttpMethod == "GET")
        {
            await FakeMcpServer.SseAsync(http, s_news);
            return true;
        }
        if (received.Method is not ("resources/subscribe" or "resources/unsubscribe" or "subscriptions/listen" or "tools/call")) return false;
        var result = $$"""{"jsonrpc":"2.0","id":{{received.Json.GetProperty("id").GetRawText()}},"result":{{(received.Method == "tools/call" ? """{"resultType":"complete","content":[]}""" : "{}")}} }""";
        if (received.Method.StartsWith("resources", StringComparison.Ordinal)) await FakeMcpServer.SseAsync(http, result);
        else await FakeMcpServer.SseAsync(http, [.. s_news, result]);
        return true;
    });
}
