using System.Net;
using System.Text.Json;

namespace Postern.Tests.Mcp;

/// <summary>Lists are filtered page by page, and the way to the next page is the caller's alone.</summary>
[Row("P24")]
public sealed class McpCursorTests
{
    private const string Secret = "after:hidden_tool";

    [Fact]
    public async Task A_page_that_is_filtered_empty_still_leads_to_the_next_and_shows_nothing_of_what_it_held()
    {
        await using var bed = await PagedAsync();

        var first = await bed.SendModernAsync("tools/list");
        var second = await bed.SendModernAsync("tools/list", CursorOf(first));

        Assert.Empty(first.Result.GetProperty("tools").EnumerateArray());
        Assert.DoesNotContain(Secret, first.Body, StringComparison.Ordinal);
        Assert.Equal("private", first.Result.GetProperty("cacheScope").GetString());
        Assert.Equal("list_orders", Assert.Single(second.Result.GetProperty("tools").EnumerateArray()).GetProperty("name").GetString());
        Assert.False(second.Result.TryGetProperty("nextCursor", out _));
        Assert.Equal(Secret, bed.Server.CallsOf("tools/list").Last().Json.GetProperty("params").GetProperty("cursor").GetString());
    }

    [Fact]
    public async Task In_the_sessions_era_too()
    {
        await using var bed = await PagedAsync();
        var session = await bed.InitializeAsync();

        var first = await bed.SendAsync("""{"jsonrpc":"2.0","id":1,"method":"tools/list"}""", session);
        var second = await bed.SendAsync($$$"""{"jsonrpc":"2.0","id":2,"method":"tools/list","params":{{{{CursorOf(first)}}}}}""", session);

        Assert.Empty(first.Result.GetProperty("tools").EnumerateArray());
        Assert.Single(second.Result.GetProperty("tools").EnumerateArray());
    }

    [Fact]
    public async Task A_cursor_of_another_identity_or_list_or_of_ones_own_making_is_refused_and_never_forwarded()
    {
        await using var bed = await PagedAsync();
        var cursor = CursorOf(await bed.SendModernAsync("tools/list"));
        var before = bed.Server.Calls.Count();

        Answer[] refused =
        [
            await bed.SendModernAsync("tools/list", cursor, token: "bob"),
            await bed.SendModernAsync("prompts/list", cursor),
            await bed.SendModernAsync("tools/list", $"\"cursor\":\"{Secret}\""),
            await bed.SendModernAsync("tools/list", "\"cursor\":7"),
            await bed.SendModernAsync("tools/list", "\"cursor\":\"\""),
            await bed.SendModernAsync("tools/list", $"{cursor[..20]}{(cursor[20] == 'A' ? 'B' : 'A')}{cursor[21..]}"),
        ];

        Assert.All(refused, answer =>
        {
            Assert.Equal(HttpStatusCode.BadRequest, answer.Status);
            Assert.Equal(-32602, answer.ErrorCode);
        });
        Assert.Equal(before, bed.Server.Calls.Count());
    }

    private static string CursorOf(Answer answer) => $"\"cursor\":{JsonSerializer.Serialize(answer.Result.GetProperty("nextCursor").GetString())}";

    private static Task<McpTestBed> PagedAsync() => McpTestBed.StartAsync(script: server => server.Override = async (http, received) =>
    {
        if (received.Method != "tools/list") return false;
        var isFirst = !received.Body.Contains(Secret, StringComparison.Ordinal);
        var page = isFirst
            ? $$$"""[{"name":"hidden_tool","inputSchema":{"type":"object"}}],"nextCursor":"{{{Secret}}}","cacheScope":"public" """
            : """[{"name":"list_orders","inputSchema":{"type":"object"}}]""";
        http.Response.ContentType = "application/json";
        await http.Response.Body.WriteAsync(System.Text.Encoding.UTF8.GetBytes($$$"""{"jsonrpc":"2.0","id":{{{received.Json.GetProperty("id").GetRawText()}}},"result":{"resultType":"complete","tools":{{{page}}} } }"""));
        return true;
    });
}
