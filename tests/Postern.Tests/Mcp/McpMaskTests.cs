using System.Text.Json;

namespace Postern.Tests.Mcp;

[Guarantee("G11")]
public sealed class McpMaskTests
{
    private const string Policy = McpTestBed.Rules + """

          - { id: read, who: { groups: [support] }, on: { connection: shop, uris: ["**"] }, then: allow }
        masks:
          - { id: pii, on: { connection: shop }, fields: ["$..email"], detect: [credit-card, email], as: redact }
        """;

    private const string Canary = "eve.canary@example.com";

    [Fact]
    public async Task Values_are_masked_in_structure_and_in_text_and_everything_else_stays()
    {
        const string Data = """{"orders":[{"id":7,"email":"x","total":1.50}]}""";
        await using var bed = await McpTestBed.StartAsync(Policy, server => server.OnCall = _ =>
            $$"""{"structuredContent":{{Data}},"content":[{"type":"text","text":{{JsonSerializer.Serialize(Data)}}}],"_vendor":1.0}""");

        var answer = await bed.CallAsync("list_orders");

        Assert.Equal("""{"orders":[{"id":7,"email":"[masked:pii]","total":1.50}]}""", answer.Result.GetProperty("structuredContent").GetRawText());
        Assert.Equal("""{"orders":[{"id":7,"email":"[masked:pii]","total":1.50}]}""", answer.Result.GetProperty("content")[0].GetProperty("text").GetString());
        Assert.Equal("1.0", answer.Result.GetProperty("_vendor").GetRawText());
        Assert.DoesNotContain(bed.Recorder.Log, line => line.Contains("\"email\":\"x\"", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_canary_in_any_place_of_any_message_reaches_neither_caller_nor_record()
    {
        string[] events =
        [
            """{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","logger":"CANARY","data":{"a":["CANARY"]}}}""",
            """{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":1,"message":"CANARY"}}""",
            """{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"_meta":{"x":"CANARY"}}}""",
            """{"jsonrpc":"2.0","id":5,"result":{"content":[{"type":"text","text":"mail CANARY now","annotations":{"x":"CANARY"}},{"type":"resource","resource":{"uri":"a://b","text":"CANARY"}},{"type":"resource_link","uri":"mailto:CANARY","name":"CANARY"},{"type":"vendor","unknown":{"deep":["CANARY"]}}],"structuredContent":{"a":"CANARY"},"_meta":{"x":"CANARY"}}}""",
        ];
        await using var bed = await McpTestBed.StartAsync(Policy, server => server.Override = async (http, received) =>
        {
            if (received.Method != "tools/call") return false;
            await FakeMcpServer.SseAsync(http, [.. events.Select(sse => sse.Replace("CANARY", Canary, StringComparison.Ordinal))]);
            return true;
        });

        var answer = await bed.SendAsync("""{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"list_orders","_meta":{"progressToken":"p"}}}""");

        Assert.Equal(4, answer.Events.Length);
        Assert.False(answer.IsError);
        Assert.DoesNotContain(Canary, answer.Body, StringComparison.Ordinal);
        Assert.DoesNotContain(bed.Recorder.Log, line => line.Contains(Canary, StringComparison.Ordinal));
        Assert.All(answer.Events, sse => JsonDocument.Parse(sse));
    }

    [Fact]
    public async Task Error_messages_and_resources_are_masked_too()
    {
        await using var bed = await McpTestBed.StartAsync(Policy, server => server.Override = async (http, received) =>
        {
            if (received.Method is not ("tools/call" or "resources/read")) return false;
            await FakeMcpServer.SseAsync(http, received.Method == "tools/call"
                ? $$$$"""{"jsonrpc":"2.0","id":{{{{received.Json.GetProperty("id").GetRawText()}}}},"error":{"code":-32000,"message":"no {{{{Canary}}}}","data":{"email":7,"x":"{{{{Canary}}}}"}}}"""
                : $$$$"""{"jsonrpc":"2.0","id":1,"result":{"contents":[{"uri":"a://b","mimeType":"application/json","text":"{\"email\":\"z\"}"}]}}""");
            return true;
        });

        var error = await bed.CallAsync("list_orders");
        var read = await bed.SendAsync("""{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"a://b"}}""");

        Assert.Equal(-32000, error.ErrorCode);
        Assert.DoesNotContain(Canary, error.Body, StringComparison.Ordinal);
        Assert.Equal("""{"email":"[masked:pii]"}""", read.Result.GetProperty("contents")[0].GetProperty("text").GetString());
    }

    [Fact]
    public async Task A_schema_that_masked_values_would_break_is_relaxed_and_a_schema_that_names_a_field_is_not_masked_as_the_field()
    {
        await using var bed = await McpTestBed.StartAsync(Policy, server => server.Tools =
            """[{"name":"list_orders","inputSchema":{"type":"object","properties":{"email":{"type":"string","format":"email"}}},"outputSchema":{"type":"object","properties":{"email":{"type":"string","format":"email","pattern":"^a"},"id":{"type":"integer"}}}}]""");

        var tool = (await bed.SendAsync("""{"jsonrpc":"2.0","id":1,"method":"tools/list"}""")).Result.GetProperty("tools")[0];

        Assert.Equal("""{"type":"object","properties":{"email":{"type":"string","format":"email"}}}""", tool.GetProperty("inputSchema").GetRawText());
        var email = tool.GetProperty("outputSchema").GetProperty("properties").GetProperty("email");
        Assert.Equal("string", email.GetProperty("type").GetString());
        Assert.False(email.TryGetProperty("format", out _));
        Assert.False(email.TryGetProperty("pattern", out _));
        Assert.Equal("integer", tool.GetProperty("outputSchema").GetProperty("properties").GetProperty("id").GetProperty("type").GetString());
    }

    [Fact]
    public async Task The_request_is_masked_in_the_record_and_whole_at_the_target()
    {
        await using var bed = await McpTestBed.StartAsync(Policy);

        await bed.CallAsync("list_orders", $$"""{"email":"{{Canary}}","note":"{{Canary}}"}""");

        Assert.Contains(Canary, Assert.Single(bed.Server.CallsOf("tools/call")).Body, StringComparison.Ordinal);
        Assert.DoesNotContain(bed.Recorder.Intents, intent => System.Text.Encoding.UTF8.GetString(intent.Request.Value.Span).Contains(Canary, StringComparison.Ordinal));
    }
}
