using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Postern.Tests.Gateway.Identities;

/// <summary>A target whose streams end only when somebody cuts them: an event stream at <c>/stream</c>, and an MCP server at <c>/mcp</c> with a stream of its own messages.</summary>
internal sealed class EndlessTarget : IAsyncDisposable
{
    private readonly WebApplication _app;
    private int _streams;

    private EndlessTarget(WebApplication app) => _app = app;

    public string Url => _app.Urls.Single();

    /// <summary>Streams that are open at this moment.</summary>
    public int Streams => Volatile.Read(ref _streams);

    public static async Task<EndlessTarget> StartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.Services.AddRoutingCore();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        var target = new EndlessTarget(app);
        app.MapGet("/stream", (RequestDelegate)(context => target.StreamAsync(context, "data: {\"tick\":1}\n\n")));
        app.MapGet("/mcp", (RequestDelegate)(context => target.StreamAsync(context, "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"level\":\"info\",\"data\":\"tick\"}}\n\n")));
        app.MapPost("/mcp", (RequestDelegate)AnswerAsync);
        await app.StartAsync();
        return target;
    }

    public async ValueTask DisposeAsync()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
        await _app.StopAsync(patience.Token);
        await _app.DisposeAsync();
    }

    private async Task StreamAsync(HttpContext context, string line)
    {
        Interlocked.Increment(ref _streams);
        try
        {
            context.Response.ContentType = "text/event-stream";
            while (true)
            {
                await context.Response.WriteAsync(line, context.RequestAborted);
                await context.Response.Body.FlushAsync(context.RequestAborted);
                await Task.Delay(50, context.RequestAborted);
            }
        }
        catch (OperationCanceledException)
        {
            // It was cut.
        }
        finally
        {
            Interlocked.Decrement(ref _streams);
        }
    }

    private static async Task AnswerAsync(HttpContext context)
    {
        using var asked = await JsonDocument.ParseAsync(context.Request.Body, cancellationToken: context.RequestAborted);
        if (!asked.RootElement.TryGetProperty("id", out var id))
        {
            context.Response.StatusCode = 202;
            return;
        }
        var result = asked.RootElement.GetProperty("method").GetString() switch
        {
            "initialize" => """{"protocolVersion":"2025-11-25","capabilities":{"logging":{},"tools":{}},"serverInfo":{"name":"endless","version":"1"}}""",
            "tools/list" => """{"tools":[{"name":"get_time","inputSchema":{"type":"object"}}]}""",
            _ => "{}",
        };
        context.Response.ContentType = "application/json";
        context.Response.Headers["Mcp-Session-Id"] = "endless-1";
        await context.Response.WriteAsync($$"""{"jsonrpc":"2.0","id":{{id.GetRawText()}},"result":{{result}}}""", Encoding.UTF8, context.RequestAborted);
    }
}
