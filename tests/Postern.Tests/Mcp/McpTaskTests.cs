using Microsoft.AspNetCore.Http;

namespace Postern.Tests.Mcp;

/// <summary>Tasks of targets: passed on only where a rule names the method, and only to who began them.</summary>
public sealed class McpTaskTests
{
    private const string Call = """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_orders"}}""";

    private const string Named = McpTestBed.Rules + """

          - { id: tasks, who: { groups: [support] }, on: { connection: shop, extensions: [tasks/get, tasks/result, tasks/list, tasks/update, "subscriptions/listen#taskIds"] }, then: allow }
        masks:
          - { id: pii, on: { connection: shop, tools: [list_orders] }, detect: [email], as: redact }
        """;

    [Theory]
    [InlineData("tasks/get")]
    [InlineData("tasks/result")]
    [InlineData("tasks/update")]
    [InlineData("tasks/cancel")]
    [InlineData("tasks/list")]
    public async Task No_method_of_tasks_passes_in_either_era_unless_a_rule_names_it(string method)
    {
        await using var bed = await McpTestBed.StartAsync(McpTestBed.Rules + "\n  - { id: all, who: { groups: [support] }, on: { connection: shop, everything: true }, then: allow }\n", BeginTasks);
        await bed.SendAsync(Call);

        var old = await bed.SendAsync($$$"""{"jsonrpc":"2.0","id":2,"method":"{{{method}}}","params":{"taskId":"task-1"}}""");
        var modern = await bed.SendModernAsync(method, "\"taskId\":\"task-1\"", "task-1");

        Assert.Contains("\"error\"", old.Body, StringComparison.Ordinal);
        Assert.Contains("\"error\"", modern.Body, StringComparison.Ordinal);
        Assert.Empty(bed.Server.CallsOf(method));
    }

    [Theory]
    [Row("P25")]
    [Guarantee("G14")]
    [InlineData("""{"taskId":"task-1","status":"working","resultType":"task"}""")]
    [InlineData("""{"task":{"taskId":"task-1","status":"working"}}""")]
    public async Task A_task_answers_who_began_it_and_nobody_else(string begun)
    {
        await using var bed = await McpTestBed.StartAsync(Named, server =>
        {
            BeginTasks(server);
            server.OnCall = _ => begun;
        });
        await bed.SendAsync(Call);
        const string Get = """{"jsonrpc":"2.0","id":2,"method":"tasks/get","params":{"taskId":"task-1"}}""";
        const string Guess = """{"jsonrpc":"2.0","id":2,"method":"tasks/get","params":{"taskId":"task-2"}}""";

        var bobs = await bed.SendAsync(Get, token: "bob");
        var guessed = await bed.SendAsync(Guess, token: "bob");
        var unnamed = await bed.SendAsync("""{"jsonrpc":"2.0","id":2,"method":"tasks/get"}""", token: "bob");
        var listed = await bed.SendAsync("""{"jsonrpc":"2.0","id":2,"method":"tasks/list"}""");
        var heard = await bed.SendModernAsync("subscriptions/listen", """ "notifications":{"taskIds":["task-1"]} """, token: "bob");
        Assert.Empty(bed.Server.Calls.Where(received => received.Method is "tasks/get" or "tasks/list" or "subscriptions/listen"));
        Assert.All(new[] { bobs, guessed, unnamed, listed, heard }, answer => Assert.Contains("\"error\"", answer.Body, StringComparison.Ordinal));
        // Another's and none cannot be told apart, but for the id of the decision.
        Assert.Equal(bobs.Body.Length, guessed.Body.Length);

        // What it came from is masked as the call itself would be.
        var own = await bed.SendAsync(Get);
        Assert.Contains("[masked:pii]", own.Body, StringComparison.Ordinal);
        Assert.DoesNotContain("eve@example.com", own.Body, StringComparison.Ordinal);
    }

    [Fact]
    [Row("P25")]
    public async Task A_task_is_asked_for_under_the_rules_of_the_moment()
    {
        await using var bed = await McpTestBed.StartAsync(Named, BeginTasks);
        await bed.SendAsync(Call);

        bed.Publish(Named.Replace("masks:", "  - { id: over, on: { connection: shop, tools: [list_orders] }, then: deny }\nmasks:", StringComparison.Ordinal));
        var denied = await bed.SendAsync("""{"jsonrpc":"2.0","id":2,"method":"tasks/get","params":{"taskId":"task-1"}}""");

        Assert.Contains("\"error\"", denied.Body, StringComparison.Ordinal);
        Assert.Empty(bed.Server.CallsOf("tasks/get"));
    }

    private static void BeginTasks(FakeMcpServer server)
    {
        server.OnCall = _ => """{"taskId":"task-1","status":"working","resultType":"task"}""";
        server.Override = async (http, received) =>
        {
            if (received.Method?.StartsWith("tasks/", StringComparison.Ordinal) != true) return false;
            http.Response.ContentType = "application/json";
            await http.Response.WriteAsync($$$$"""{"jsonrpc":"2.0","id":{{{{received.Json.GetProperty("id").GetRawText()}}}},"result":{"taskId":"task-1","status":"completed","result":{"content":[{"type":"text","text":"to eve@example.com"}]}}}""");
            return true;
        };
    }
}
