using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Postern.Conformance.Kills;

/// <summary>
/// A small MCP server of the stateless revision that remembers every call it ever saw. It lives in the test's own process,
/// so that no kill of the gateway touches its memory.
/// </summary>
internal sealed class WitnessServer : IAsyncDisposable
{
    /// <summary>What a gateway in front of it lets through: reads at once, writes once on-call agreed.</summary>
    public const string Policy = """
        version: 1
        rules:
          - id: support-reads
            who:  { groups: [support] }
            on:   { connection: target, tools: [read] }
            then: allow

          - id: writes-need-on-call
            who:  { groups: [support] }
            on:   { connection: target, tools: [write] }
            then: hold
            hold: { approvers: { groups: [on-call], count: 1 }, expires: 30m }
        """;

    private readonly WebApplication _app;

    private WitnessServer(WebApplication app) => _app = app;

    /// <summary>How often each number was seen, by tool: <c>read:17</c>.</summary>
    public ConcurrentDictionary<string, int> Seen { get; } = new(StringComparer.Ordinal);

    /// <summary>Where it answers.</summary>
    public string Url => _app.Urls.Single() + "/mcp";

    public static async Task<WitnessServer> StartAsync(CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        var server = new WitnessServer(app);
        app.MapPost("/mcp", server.AnswerAsync);
        await app.StartAsync(cancellationToken);
        return server;
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private async Task AnswerAsync(HttpContext context)
    {
        using var document = await JsonDocument.ParseAsync(context.Request.Body, cancellationToken: CancellationToken.None);
        var message = document.RootElement;
        if (!message.TryGetProperty("id", out var id))
        {
            context.Response.StatusCode = StatusCodes.Status202Accepted;
            return;
        }
        var method = message.GetProperty("method").GetString();
        var result = method switch
        {
            "server/discover" => """{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"ttlMs":60000,"cacheScope":"public","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"witness","version":"1"}}}""",
            "initialize" => """{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"witness","version":"1"}}""",
            "tools/list" => """{"resultType":"complete","ttlMs":60000,"cacheScope":"public","tools":[{"name":"read","description":"Reads.","inputSchema":{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}},{"name":"write","description":"Writes.","inputSchema":{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}}]}""",
            "tools/call" => Call(message.GetProperty("params")),
            _ => null,
        };
        context.Response.ContentType = "application/json";
        if (result is null) context.Response.StatusCode = StatusCodes.Status404NotFound;
        var answer = result is null
            ? $$$"""{"jsonrpc":"2.0","id":{{{id.GetRawText()}}},"error":{"code":-32601,"message":"Method not found"}}"""
            : $$$"""{"jsonrpc":"2.0","id":{{{id.GetRawText()}}},"result":{{{result}}}}""";
        await context.Response.WriteAsync(answer);
    }

    private string Call(JsonElement parameters)
    {
        var number = parameters.GetProperty("arguments").GetProperty("n").GetInt64();
        var tool = parameters.GetProperty("name").GetString();
        Seen.AddOrUpdate($"{tool}:{number.ToString(CultureInfo.InvariantCulture)}", 1, (_, count) => count + 1);
        return $$"""{"resultType":"complete","content":[{"type":"text","text":"{{tool}} {{number}} is done"}]}""";
    }
}
