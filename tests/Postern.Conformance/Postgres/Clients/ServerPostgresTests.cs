using System.Text.Json;
using Postern.Conformance.Peers;

namespace Postern.Conformance.Postgres.Clients;

/// <summary>An MCP server that takes a DSN, unchanged: its DSN names Postern, with the person's token where the password stands.</summary>
public sealed class ServerPostgresTests(SharedCluster shared)
{
    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_answers_from_the_database_with_what_policy_allows()
    {
        await using var bed = await PostgresBed.StartAsync(shared);
        var dsn = $"postgresql://alice:{Uri.EscapeDataString(bed.Gateway.Token("alice"))}@127.0.0.1:{bed.Port}/target?sslmode=verify-full&sslrootcert={Uri.EscapeDataString(bed.Cluster.Authority)}";
        await using var server = Child.Start(Checkout.NodeExecutable, [Checkout.Package("@modelcontextprotocol", "server-postgres", "dist", "index.js"), dsn]);
        await AskAsync(server, 1, "initialize", new { protocolVersion = "2025-06-18", capabilities = new { }, clientInfo = new { name = "test", version = "1" } });
        await server.WriteLineAsync("""{"jsonrpc":"2.0","method":"notifications/initialized"}""");

        var rows = await QueryAsync(server, 2, "select name, email, secret from customers order by id");
        var refused = await QueryAsync(server, 3, "select person from salaries");
        var after = await QueryAsync(server, 4, "select count(*) as n from orders");
        var tables = (await AskAsync(server, 5, "resources/list", new { })).GetRawText();

        Assert.Contains("Grace", rows, StringComparison.Ordinal);
        Assert.Contains("[masked:customer-pii]", rows, StringComparison.Ordinal);
        Assert.DoesNotContain("grace@example.com", rows, StringComparison.Ordinal);
        Assert.DoesNotContain("wombat", rows, StringComparison.Ordinal);
        Assert.Contains("not permitted", refused, StringComparison.Ordinal);
        Assert.Contains("20", after, StringComparison.Ordinal);
        Assert.Contains("customers", tables, StringComparison.Ordinal);
    }

    private static async Task<string> QueryAsync(Child server, int id, string sql) => (await AskAsync(server, id, "tools/call", new { name = "query", arguments = new { sql } })).GetRawText();

    private static async Task<JsonElement> AskAsync(Child server, int id, string method, object @params)
    {
        await server.WriteLineAsync(JsonSerializer.Serialize(new { jsonrpc = "2.0", id, method, @params }));
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Test);
        patience.CancelAfter(TimeSpan.FromSeconds(60));
        while (await server.ReadLineAsync(patience.Token) is { } line)
        {
            var message = JsonDocument.Parse(line).RootElement;
            if (message.TryGetProperty("id", out var answered) && answered.ValueKind == JsonValueKind.Number && answered.GetInt32() == id) return message;
        }
        throw new InvalidOperationException($"the server ended: {server.Errors}");
    }
}
