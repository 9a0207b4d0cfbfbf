using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace Postern.Conformance.Faults;

/// <summary>Where a target stands with a call.</summary>
internal enum WitnessMoment
{
    /// <summary>It has the whole call, and has answered nothing.</summary>
    Seen,

    /// <summary>Half of the answer is sent.</summary>
    Answering,

    /// <summary>All of it is.</summary>
    Answered,
}

/// <summary>
/// A small MCP server of the stateless revision that remembers every call it ever saw and every byte that it answered to one. It lives in
/// the test's own process, so that no fault of the gateway touches its memory.
/// </summary>
internal sealed class WitnessServer : IAsyncDisposable
{
    /// <summary>What stands in every answer, and no caller may ever see.</summary>
    public const string Canary = "4111 1111 1111 1111";

    /// <summary>Events of one stream, its result not counted.</summary>
    public const int EventsOfAStream = 6;

    /// <summary>What a gateway in front of it lets through: reads at once, writes once on-call agreed, cards never.</summary>
    public const string Policy = """
        version: 1
        rules:
          - id: support-reads
            who:  { groups: [support] }
            on:   { connection: target, tools: [read, stream, flood] }
            then: allow

          - id: writes-need-on-call
            who:  { groups: [support] }
            on:   { connection: target, tools: [write] }
            then: hold
            hold: { approvers: { groups: [on-call], count: 1 }, expires: 30m }
        masks:
          - id: cards
            detect: [credit-card]
            as: redact
        """;

    private readonly WebApplication _app;

    private WitnessServer(WebApplication app) => _app = app;

    /// <summary>How often each number was seen, by tool: <c>read:17</c>.</summary>
    public ConcurrentDictionary<string, int> Seen { get; } = new(StringComparer.Ordinal);

    /// <summary>What was answered to each, as sent.</summary>
    public ConcurrentDictionary<string, string> Answered { get; } = new(StringComparer.Ordinal);

    /// <summary>Called where a call has come to, on the thread that serves it.</summary>
    public Action<WitnessMoment>? At { get; set; }

    /// <summary>Answers a call otherwise, or hangs, or breaks the connection; true when it did.</summary>
    public Func<HttpContext, string, Task<bool>>? Misbehaves { get; set; }

    /// <summary>How many kilobytes of text a flood sends.</summary>
    public int FloodKilobytes { get; set; } = 4 * 1024;

    /// <summary>Where it answers.</summary>
    public string Url => _app.Urls.Single() + "/mcp";

    public static async Task<WitnessServer> StartAsync(CancellationToken cancellationToken, int port = 0)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port));
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
        var rawId = id.GetRawText();
        var method = message.GetProperty("method").GetString();
        if (method == "tools/call")
        {
            try
            {
                await CallAsync(context, rawId, message.GetProperty("params"));
            }
            catch (Exception gone) when (gone is IOException or OperationCanceledException)
            {
                // Whoever asked is gone; what was seen stays seen.
            }
            return;
        }
        var result = method switch
        {
            "server/discover" => """{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"ttlMs":60000,"cacheScope":"public","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"witness","version":"1"}}}""",
            "initialize" => """{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"witness","version":"1"}}""",
            "tools/list" => $$"""{"resultType":"complete","ttlMs":60000,"cacheScope":"public","tools":[{{string.Join(',', ((string[])["read", "write", "stream", "flood"]).Select(Tool))}}]}""",
            _ => null,
        };
        context.Response.ContentType = "application/json";
        if (result is null) context.Response.StatusCode = StatusCodes.Status404NotFound;
        var answer = result is null
            ? $$$"""{"jsonrpc":"2.0","id":{{{rawId}}},"error":{"code":-32601,"message":"Method not found"}}"""
            : $$$"""{"jsonrpc":"2.0","id":{{{rawId}}},"result":{{{result}}}}""";
        await context.Response.WriteAsync(answer);
    }

    private async Task CallAsync(HttpContext context, string rawId, JsonElement parameters)
    {
        var number = parameters.GetProperty("arguments").GetProperty("n").GetInt64();
        var tool = parameters.GetProperty("name").GetString()!;
        var key = $"{tool}:{number.ToString(CultureInfo.InvariantCulture)}";
        Seen.AddOrUpdate(key, 1, (_, count) => count + 1);
        At?.Invoke(WitnessMoment.Seen);
        if (Misbehaves is { } otherwise && await otherwise(context, key)) return;
        var text = $"{tool} {number} is done, card {Canary}";
        if (tool == "stream")
        {
            context.Response.ContentType = "text/event-stream";
            var token = parameters.GetProperty("_meta").GetProperty("progressToken").GetRawText();
            for (var step = 1; step <= EventsOfAStream; step++)
            {
                await SendAsync(context, key, $$$"""data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":{{{token}}},"progress":{{{step}}},"message":"step {{{step}}}, card {{{Canary}}}"} }""" + "\n\n");
                if (step == EventsOfAStream / 2) At?.Invoke(WitnessMoment.Answering);
            }
            await SendAsync(context, key, $"data: {Result(rawId, text)}\n\n");
        }
        else
        {
            context.Response.ContentType = "application/json";
            var answer = Result(rawId, tool == "flood" ? text + new string('.', 1024 * FloodKilobytes) : text);
            context.Response.ContentLength = Encoding.UTF8.GetByteCount(answer);
            await SendAsync(context, key, answer[..(answer.Length / 2)]);
            At?.Invoke(WitnessMoment.Answering);
            await SendAsync(context, key, answer[(answer.Length / 2)..]);
        }
        At?.Invoke(WitnessMoment.Answered);
    }

    private async Task SendAsync(HttpContext context, string key, string text)
    {
        // Written down before it is sent: what arrives anywhere was answered here.
        Answered.AddOrUpdate(key, text.Length > 4096 ? text[..4096] : text, (_, before) => before.Length > 4096 ? before : before + text);
        await context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(text), context.RequestAborted);
        await context.Response.Body.FlushAsync(context.RequestAborted);
    }

    private static string Result(string rawId, string text) =>
        $$$"""{"jsonrpc":"2.0","id":{{{rawId}}},"result":{"resultType":"complete","content":[{"type":"text","text":"{{{text}}}"}]}}""";

    private static string Tool(string name) => $$$"""{"name":"{{{name}}}","description":"Does {{{name}}}.","inputSchema":{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}}""";
}
