using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Postern.Tests.Mcp;

/// <summary>A request as the scripted target received it.</summary>
internal sealed record Received(string HttpMethod, string? Method, string Body, IReadOnlyDictionary<string, string> Headers)
{
    public JsonElement Json => JsonDocument.Parse(Body).RootElement;
}

/// <summary>A scripted MCP target on loopback: speaks both eras unless a test says otherwise, and keeps what it received.</summary>
internal sealed class FakeMcpServer : IAsyncDisposable
{
    public const string Secret = "target-secret";
    private WebApplication? _app;
    private int _sessions;

    public string Url { get; private set; } = "";

    public ConcurrentQueue<Received> All { get; } = new();

    /// <summary>What clients sent, without the gateway's own reading of definitions.</summary>
    public IEnumerable<Received> Calls => All.Where(request => !request.Body.Contains("\"postern\"", StringComparison.Ordinal));

    public IEnumerable<Received> CallsOf(string method) => Calls.Where(request => request.Method == method);

    /// <summary>The tools as raw JSON.</summary>
    public string Tools { get; set; } = """[{"name":"list_orders","inputSchema":{"type":"object"},"x-vendor":1.0},{"name":"refund","inputSchema":{"type":"object"}}]""";

    /// <summary>Answers a tools/call; gets its body and returns the raw <c>result</c>.</summary>
    public Func<JsonElement, string> OnCall { get; set; } = _ => """{"content":[{"type":"text","text":"ok"}]}""";

    /// <summary>Takes over a whole request; true when it answered.</summary>
    public Func<HttpContext, Received, Task<bool>>? Override { get; set; }

    public bool UsesSse { get; set; }

    public bool IsLegacyOnly { get; set; }

    public static async Task<FakeMcpServer> StartAsync()
    {
        var server = new FakeMcpServer();
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        app.Run(server.HandleAsync);
        await app.StartAsync();
        server._app = app;
        server.Url = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single() + "/mcp";
        return server;
    }

    public async ValueTask DisposeAsync()
    {
        if (_app is not null) await _app.DisposeAsync();
    }

    public static Task SseAsync(HttpContext http, params string[] frames) => WriteSseAsync(http, string.Concat(frames.Select(frame => $"data: {frame}\n\n")));

    public static async Task WriteSseAsync(HttpContext http, string text)
    {
        if (!http.Response.HasStarted) http.Response.ContentType = "text/event-stream";
        await http.Response.WriteAsync(text);
        await http.Response.Body.FlushAsync();
    }

    private async Task HandleAsync(HttpContext http)
    {
        using var reader = new StreamReader(http.Request.Body, Encoding.UTF8);
        var body = await reader.ReadToEndAsync();
        var json = body.Length == 0 ? default : JsonDocument.Parse(body).RootElement;
        var method = json.ValueKind == JsonValueKind.Object && json.TryGetProperty("method", out var name) ? name.GetString() : null;
        var received = new Received(http.Request.Method, method, body, http.Request.Headers.ToDictionary(header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase));
        All.Enqueue(received);
        if (Override is not null && await Override(http, received)) return;
        if (http.Request.Method == "GET")
        {
            http.Response.StatusCode = 405;
            return;
        }
        if (http.Request.Method == "DELETE") return;
        var isModern = received.Headers.GetValueOrDefault("MCP-Protocol-Version") == "2026-07-28";
        if (isModern && IsLegacyOnly)
        {
            http.Response.StatusCode = 400;
            return;
        }
        if (!json.TryGetProperty("id", out var id))
        {
            http.Response.StatusCode = 202;
            return;
        }
        string result;
        switch (method)
        {
            case "initialize":
                http.Response.Headers["Mcp-Session-Id"] = $"upstream-{Interlocked.Increment(ref _sessions)}";
                result = """{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"fake","version":"1"}}""";
                break;
            case "tools/list":
                result = isModern ? $$"""{"resultType":"complete","ttlMs":1000,"cacheScope":"public","tools":{{Tools}}}""" : $$"""{"tools":{{Tools}}}""";
                break;
            case "tools/call":
                result = OnCall(json);
                break;
            case "ping":
                result = "{}";
                break;
            case "server/discover":
                result = """{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"serverInfo":{"name":"fake","version":"1"},"ttlMs":1,"cacheScope":"public"}""";
                break;
            default:
                await AnswerAsync(http, $$$"""{"jsonrpc":"2.0","id":{{{id.GetRawText()}}},"error":{"code":-32601,"message":"Method not found"}}""");
                return;
        }
        await AnswerAsync(http, $$"""{"jsonrpc":"2.0","id":{{id.GetRawText()}},"result":{{result}}}""");
    }

    private async Task AnswerAsync(HttpContext http, string message)
    {
        if (UsesSse)
        {
            await SseAsync(http, message);
            return;
        }
        http.Response.ContentType = "application/json";
        await http.Response.WriteAsync(message);
    }
}
