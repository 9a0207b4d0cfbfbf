namespace Postern.Tests.Mcp;

/// <summary>A completion discloses values, so it follows the prompt or resource that it completes (policy.md section 4).</summary>
[Row("P27")]
public sealed class McpCompletionTests
{
    private const string Policy = """
        version: 1
        rules:
          - { id: prompts, who: { groups: [support] }, on: { connection: shop, prompts: ["order_*"] }, then: allow }
          - { id: orders, who: { groups: [support] }, on: { connection: shop, uris: ["shop://orders/**"] }, then: allow }
        masks:
          - { id: addresses, on: { connection: shop }, detect: [email], as: redact }
        """;

    [Theory]
    [InlineData("""{"type":"ref/prompt","name":"order_summary"}""", true)]
    [InlineData("""{"type":"ref/prompt","name":"order_new"}""", false)] // appeared later: nobody accepted it
    [InlineData("""{"type":"ref/prompt","name":"salaries"}""", false)]
    [InlineData("""{"type":"ref/resource","uri":"shop://orders/{id}"}""", true)]
    [InlineData("""{"type":"ref/resource","uri":"shop://people/{id}"}""", false)]
    public async Task It_is_permitted_where_what_it_completes_is(string reference, bool isPermitted)
    {
        await using var bed = await CompletingAsync();
        var session = await bed.InitializeAsync();
        await bed.SendModernAsync("tools/list");

        foreach (var answer in new[]
        {
            await bed.SendAsync($$$"""{"jsonrpc":"2.0","id":9,"method":"completion/complete","params":{"ref":{{{reference}}},"argument":{"name":"customer","value":"a"} } }""", session),
            await bed.SendModernAsync("completion/complete", $$$""" "ref":{{{reference}}},"argument":{"name":"customer","value":"a"} """),
        })
        {
            Assert.Equal(isPermitted, answer.Json.TryGetProperty("result", out var result));
            if (isPermitted) Assert.DoesNotContain("@example.com", result.GetRawText(), StringComparison.Ordinal);
        }
        Assert.Equal(isPermitted ? 2 : 0, bed.Server.CallsOf("completion/complete").Count());
    }

    private static Task<McpTestBed> CompletingAsync() => McpTestBed.StartAsync(Policy, server => server.Override = async (http, received) =>
    {
        if (received.Method is not ("prompts/list" or "completion/complete")) return false;
        var result = received.Method == "prompts/list"
            ? """{"resultType":"complete","prompts":[{"name":"order_summary"},{"name":"salaries"}]}"""
            : """{"resultType":"complete","completion":{"values":["ann@example.com","Ann"]}}""";
        http.Response.ContentType = "application/json";
        await http.Response.Body.WriteAsync(System.Text.Encoding.UTF8.GetBytes($$"""{"jsonrpc":"2.0","id":{{received.Json.GetProperty("id").GetRawText()}},"result":{{result}}}"""));
        return true;
    });
}
