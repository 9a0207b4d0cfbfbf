using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Postern.Tests.Mcp;

/// <summary>What a target may try to get a value past the masks, through a whole gateway.</summary>
[Guarantee("G11")]
public sealed class McpMaskAttackTests
{
    private const string Policy = McpTestBed.Rules + """

        masks:
          - { id: pii, on: { connection: shop }, fields: ["$..email"], detect: [credit-card, email], as: redact }
        """;

    private const string Canary = "eve.canary@example.com";
    private const string Call = """{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"list_orders"}}""";

    [Theory]
    [Row("M01")]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_value_split_between_two_writes_at_any_byte_is_masked(bool isStream)
    {
        var message = $$$"""{"jsonrpc":"2.0","id":5,"result":{"content":[{"type":"text","text":"to {{{Canary}}}"}]}}""";
        var body = isStream ? $"data: {message}\n\n" : message;
        var at = 0;
        await using var bed = await ScriptedAsync(async http =>
        {
            http.Response.ContentType = isStream ? "text/event-stream" : "application/json";
            await http.Response.WriteAsync(body[..at]);
            await http.Response.Body.FlushAsync();
            await http.Response.WriteAsync(body[at..]);
        });
        for (at = body.IndexOf("eve", StringComparison.Ordinal) - 2; at < body.IndexOf(".com", StringComparison.Ordinal) + 6; at++)
        {
            var answer = await bed.SendAsync(Call);
            Assert.Equal("to [masked:pii]", answer.Result.GetProperty("content")[0].GetProperty("text").GetString());
        }
    }

    [Fact]
    [Row("M01")]
    public async Task A_message_spread_over_several_data_lines_is_masked_as_one()
    {
        await using var bed = await ScriptedAsync(http => FakeMcpServer.WriteSseAsync(http,
            "data: {\"jsonrpc\":\"2.0\",\"id\":5,\"result\":{\"structuredContent\":{\"email\":\ndata: \"x\"},\"content\":[{\"type\":\"text\",\"text\":\ndata: \"" + Canary + "\"}]}}\n\n"));

        var answer = await bed.SendAsync(Call);

        Assert.Contains("\"[masked:pii]\"},", answer.Body, StringComparison.Ordinal);
        Assert.DoesNotContain(Canary, answer.Body, StringComparison.Ordinal);
    }

    [Theory]
    [Row("M05")]
    [InlineData(1)]
    [InlineData(4_095)]
    [InlineData(16 * 1024 - 60)]
    [InlineData(64 * 1024)]
    [InlineData(256 * 1024)]
    [InlineData(5_000_000)]
    [InlineData(16_000_000)]
    public async Task A_value_behind_any_amount_of_padding_is_masked(int padding)
    {
        var text = new string('x', padding) + " " + Canary;
        await using var bed = await McpTestBed.StartAsync(Policy, server => server.OnCall = _ => $$"""{"content":[{"type":"text","text":"{{text}}"}]}""");

        var answer = await bed.SendAsync(Call);

        Assert.EndsWith("x [masked:pii]", answer.Result.GetProperty("content")[0].GetProperty("text").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    [Row("M05")]
    public async Task A_message_too_large_to_be_masked_whole_does_not_pass()
    {
        var text = new string('x', 17 * 1024 * 1024) + " " + Canary;
        await using var bed = await McpTestBed.StartAsync(Policy, server => server.OnCall = _ => $$"""{"content":[{"type":"text","text":"{{text}}"}]}""");

        var answer = await bed.SendAsync(Call);

        Assert.True(answer.IsError);
        Assert.Equal("upstream.invalid", answer.Envelope.GetProperty("code").GetString());
    }

    [Fact]
    [Row("M02")]
    public async Task One_record_sent_as_data_as_text_as_a_resource_and_as_a_link_is_masked_in_all_of_them()
    {
        var data = $$"""{"email":"x","note":"{{Canary}}"}""";
        var text = JsonSerializer.Serialize(data);
        await using var bed = await McpTestBed.StartAsync(Policy, server => server.OnCall = _ => $$"""
            {"structuredContent":{{data}},"content":[
              {"type":"text","text":{{text}}},
              {"type":"resource","resource":{"uri":"a://b","mimeType":"application/json","text":{{text}},"_meta":{"copy":{{data}} } } },
              {"type":"resource_link","uri":"mailto:{{Canary}}","name":"{{Canary}}","description":"{{Canary}}"}],"_meta":{"copy":{{data}} } }
            """);

        var answer = await bed.SendAsync(Call);

        Assert.DoesNotContain(Canary, answer.Body, StringComparison.Ordinal);
        Assert.DoesNotContain("\"x\"", answer.Body, StringComparison.Ordinal);
        Assert.DoesNotContain("\\\"x\\\"", answer.Body, StringComparison.Ordinal);
        Assert.Equal("""{"email":"[masked:pii]","note":"[masked:pii]"}""", answer.Result.GetProperty("content")[1].GetProperty("resource").GetProperty("text").GetString());
    }

    [Theory]
    [Row("M15")]
    [InlineData("[masked:pii] " + Canary)]
    [InlineData("[masked:" + Canary + "]")]
    [InlineData("[hash:0123456789abcdef]" + Canary)]
    [InlineData("****" + Canary)]
    public async Task A_marker_that_the_target_wrote_clears_nothing(string text)
    {
        await using var bed = await McpTestBed.StartAsync(Policy, server => server.OnCall = _ =>
            $$$"""{"structuredContent":{"email":"{{{text}}}"},"content":[{"type":"text","text":"{{{text}}}"}]}""");

        var answer = await bed.SendAsync(Call);

        Assert.DoesNotContain(Canary, answer.Body, StringComparison.Ordinal);
        Assert.Equal("[masked:pii]", answer.Result.GetProperty("structuredContent").GetProperty("email").GetString());
    }

    [Fact]
    [Row("M03")]
    public async Task Where_a_mask_decodes_base_64_pictures_and_files_are_masked_as_what_they_hold()
    {
        var policy = McpTestBed.Rules + "\nmasks:\n  - { id: pii, detect: [email], decode: [base64, url], as: redact }\n";
        var blob = Convert.ToBase64String(Encoding.UTF8.GetBytes($"name,mail\nEve,{Canary}\n"));
        await using var bed = await McpTestBed.StartAsync(policy, server => server.OnCall = _ => $$"""
            {"content":[{"type":"resource","resource":{"uri":"a://b","blob":"{{blob}}"} },{"type":"image","data":"{{blob}}","mimeType":"image/png"},{"type":"text","text":"as {{blob}} or eve.canary%40example%2ecom"}]}
            """);

        var answer = await bed.SendAsync(Call);

        var content = answer.Result.GetProperty("content");
        Assert.Equal("name,mail\nEve,[masked:pii]\n", Encoding.UTF8.GetString(content[0].GetProperty("resource").GetProperty("blob").GetBytesFromBase64()));
        Assert.Equal("name,mail\nEve,[masked:pii]\n", Encoding.UTF8.GetString(content[1].GetProperty("data").GetBytesFromBase64()));
        Assert.Equal("as [masked:pii] or [masked:pii]", content[2].GetProperty("text").GetString());
    }

    [Theory]
    [InlineData("nextCursor")]
    [InlineData("requestState")]
    [InlineData("resultType")]
    public async Task A_token_of_the_protocol_that_holds_a_value_blocks_the_answer(string token)
    {
        await using var bed = await McpTestBed.StartAsync(Policy, server => server.OnCall = _ => $$"""{"content":[],"{{token}}":"{{Canary}}"}""");

        var answer = await bed.SendAsync(Call);

        Assert.True(answer.IsError);
        Assert.Equal("upstream.invalid", answer.Envelope.GetProperty("code").GetString());
        Assert.DoesNotContain(Canary, answer.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_listed_under_a_name_that_a_mask_hides_is_not_listed()
    {
        await using var bed = await McpTestBed.StartAsync(McpTestBed.Rules + """

              - { id: read, who: { groups: [support] }, on: { connection: shop, uris: ["**"] }, then: allow }
            masks:
              - { id: pii, on: { connection: shop }, detect: [email], as: redact }
            """, server => server.Override = async (http, received) =>
        {
            if (received.Method != "resources/list") return false;
            await FakeMcpServer.SseAsync(http, $$$"""{"jsonrpc":"2.0","id":1,"result":{"resources":[{"uri":"db://customers/{{{Canary}}}","name":"a"},{"uri":"db://customers/7","name":"{{{Canary}}}"}]}}""");
            return true;
        });

        var answer = await bed.SendAsync("""{"jsonrpc":"2.0","id":1,"method":"resources/list"}""");

        Assert.Equal("""[{"uri":"db://customers/7","name":"[masked:pii]"}]""", answer.Result.GetProperty("resources").GetRawText());
    }

    private static Task<McpTestBed> ScriptedAsync(Func<HttpContext, Task> onCall) => McpTestBed.StartAsync(Policy, server => server.Override = async (http, received) =>
    {
        if (received.Method != "tools/call") return false;
        await onCall(http);
        return true;
    });
}
