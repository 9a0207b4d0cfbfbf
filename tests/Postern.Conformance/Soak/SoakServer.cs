using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace Postern.Conformance.Soak;

/// <summary>
/// A target for hours of work, of both eras: short answers, long ones, streams with progress and log messages, sessions that come and go.
/// Every answer carries a payment card, so that masks have something to do.
/// </summary>
internal sealed class SoakServer : IAsyncDisposable
{
    /// <summary>What no caller may ever see.</summary>
    public const string Card = "4111 1111 1111 1111";

    private static readonly string Long = string.Concat(Enumerable.Range(0, 2_000).Select(line => $"line {line} of a long answer; "));

    private readonly WebApplication _app;
    private long _sessions;

    private SoakServer(WebApplication app) => _app = app;

    public string Url => _app.Urls.Single() + "/mcp";

    public static async Task<SoakServer> StartAsync(CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        var server = new SoakServer(app);
        app.MapPost("/mcp", server.PostAsync);
        app.MapGet("/mcp", ListenAsync);
        app.MapDelete("/mcp", () => Results.Ok());
        await app.StartAsync(cancellationToken);
        return server;
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private static async Task ListenAsync(HttpContext context)
    {
        context.Response.ContentType = "text/event-stream";
        try
        {
            while (!context.RequestAborted.IsCancellationRequested)
            {
                await SayAsync(context, """{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"card 4111 1111 1111 1111"}}""");
                await Task.Delay(500, context.RequestAborted);
            }
        }
        catch (OperationCanceledException)
        {
            // The listener went away.
        }
    }

    private static Task SayAsync(HttpContext context, string message) =>
        context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes($"event: message\ndata: {message}\n\n"), context.RequestAborted).AsTask();

    private async Task PostAsync(HttpContext context)
    {
        using var document = await JsonDocument.ParseAsync(context.Request.Body, cancellationToken: context.RequestAborted);
        var message = document.RootElement;
        if (!message.TryGetProperty("id", out var id))
        {
            context.Response.StatusCode = StatusCodes.Status202Accepted;
            return;
        }
        var method = message.GetProperty("method").GetString();
        var parameters = message.TryGetProperty("params", out var given) ? given : default;
        var rawId = id.GetRawText();
        if (method == "tools/call" && parameters.GetProperty("name").GetString() == "stream")
        {
            await StreamAsync(context, rawId, parameters);
            return;
        }
        if (method == "initialize") context.Response.Headers["Mcp-Session-Id"] = Interlocked.Increment(ref _sessions).ToString(CultureInfo.InvariantCulture);
        var result = method switch
        {
            "server/discover" => """{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{},"logging":{}},"ttlMs":60000,"cacheScope":"public","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"soak","version":"1"}}}""",
            "initialize" => """{"protocolVersion":"2025-11-25","capabilities":{"tools":{},"logging":{}},"serverInfo":{"name":"soak","version":"1"}}""",
            "tools/list" => $$"""{"resultType":"complete","ttlMs":60000,"cacheScope":"public","tools":[{{string.Join(',', ((string[])["read", "long", "stream", "write", "secret"]).Select(Tool))}}]}""",
            "tools/call" => Answer(parameters),
            _ => "{}",
        };
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync($$"""{"jsonrpc":"2.0","id":{{rawId}},"result":{{result}} }""", context.RequestAborted);
    }

    private static async Task StreamAsync(HttpContext context, string rawId, JsonElement parameters)
    {
        context.Response.ContentType = "text/event-stream";
        var token = parameters.TryGetProperty("_meta", out var meta) && meta.TryGetProperty("progressToken", out var asked) ? asked.GetRawText() : null;
        try
        {
            for (var step = 1; step <= 20; step++)
            {
                if (token is not null) await SayAsync(context, $$$"""{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":{{{token}}},"progress":{{{step}}},"total":20,"message":"card {{{Card}}}"} }""");
                await Task.Delay(20, context.RequestAborted);
            }
            await SayAsync(context, $$"""{"jsonrpc":"2.0","id":{{rawId}},"result":{{Answer(parameters)}} }""");
        }
        catch (OperationCanceledException)
        {
            // The caller went away in the middle, as some are there to do.
        }
    }

    private static string Tool(string name) => $$"""{"name":"{{name}}","description":"Does {{name}}.","inputSchema":{"type":"object","properties":{"n":{"type":"integer"} } } }""";

    private static string Answer(JsonElement parameters)
    {
        var name = parameters.GetProperty("name").GetString();
        return $$"""{"resultType":"complete","content":[{"type":"text","text":"{{name}} is done, card {{Card}}{{(name == "long" ? Long : "")}}"}]}""";
    }
}
