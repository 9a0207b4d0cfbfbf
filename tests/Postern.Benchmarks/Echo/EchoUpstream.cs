using System.Buffers;
using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Postern.Benchmarks.Steps;

namespace Postern.Benchmarks.Echo;

/// <summary>
/// A lean MCP server of the stateless revision: one pass over the request, one prepared result. It runs in a process of its
/// own (<c>upstream</c>), ends when its stdin closes, and says its URL on stdout.
/// </summary>
internal static class EchoUpstream
{
    private const string Discover = """{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"ttlMs":60000,"cacheScope":"public","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"echo","version":"1"}}}""";
    private const string Initialize = """{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"echo","version":"1"}}""";
    private const string Tools = """{"resultType":"complete","ttlMs":60000,"cacheScope":"public","tools":[{"name":"echo","description":"Answers with text of a size.","inputSchema":{"type":"object","properties":{"size":{"type":"integer"}},"required":["size"]}}]}""";

    private static readonly Dictionary<int, byte[]> Results = new();

    public static async Task RunAsync()
    {
        foreach (var size in EchoRun.Sizes) Results[size] = JsonSerializer.SerializeToUtf8Bytes(new { resultType = "complete", content = new[] { new { type = "text", text = Samples.Words(size) } } });

        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0);
            kestrel.AddServerHeader = false;
        });
        builder.WebHost.UseSockets(sockets => sockets.UnsafePreferInlineScheduling = true);
        await using var app = builder.Build();
        app.MapPost("/mcp", AnswerAsync);
        await app.StartAsync();
        Console.WriteLine($"listening {app.Urls.Single()}/mcp");
        while (await Console.In.ReadLineAsync() is not null)
        {
            // Lives until the run that started it lets go.
        }
    }

    private static async Task AnswerAsync(HttpContext context)
    {
        var length = (int)(context.Request.ContentLength ?? throw new BadHttpRequestException("a length is needed"));
        var body = ArrayPool<byte>.Shared.Rent(length);
        await context.Request.Body.ReadExactlyAsync(body.AsMemory(0, length));
        var (id, result, events, every) = Read(body.AsSpan(0, length));
        ArrayPool<byte>.Shared.Return(body);

        var response = context.Response;
        if (events > 0 && id is not null)
        {
            await Streams.PacedStream.AnswerAsync(response, id, events, TimeSpan.FromMilliseconds(every));
            return;
        }
        response.ContentType = "application/json";
        if (id is null)
        {
            response.StatusCode = StatusCodes.Status202Accepted;
            return;
        }
        if (result is null)
        {
            response.StatusCode = StatusCodes.Status404NotFound;
            await response.WriteAsync($$"""{"jsonrpc":"2.0","id":{{id}},"error":{"code":-32601,"message":"Method not found"}""" + "}");
            return;
        }
        var prefix = System.Text.Encoding.UTF8.GetBytes($$"""{"jsonrpc":"2.0","id":{{id}},"result":""");
        response.ContentLength = prefix.Length + result.Length + 1;
        response.BodyWriter.Write(prefix);
        response.BodyWriter.Write(result);
        response.BodyWriter.Write("}"u8);
        await response.BodyWriter.FlushAsync();
    }

    private static (string? Id, byte[]? Result, int Events, int Every) Read(ReadOnlySpan<byte> body)
    {
        var reader = new Utf8JsonReader(body);
        string? id = null, method = null;
        var (size, events, every) = (0, 0, 0);
        while (reader.Read())
        {
            if (reader.TokenType != JsonTokenType.PropertyName) continue;
            if (reader.CurrentDepth == 1 && reader.ValueTextEquals("id"u8))
            {
                reader.Read();
                id = reader.TokenType == JsonTokenType.String ? $"\"{reader.GetString()}\"" : System.Text.Encoding.UTF8.GetString(reader.ValueSpan);
            }
            else if (reader.CurrentDepth == 1 && reader.ValueTextEquals("method"u8))
            {
                reader.Read();
                method = reader.GetString();
            }
            else if (reader.CurrentDepth == 3 && reader.ValueTextEquals("size"u8))
            {
                reader.Read();
                size = reader.GetInt32();
            }
            else if (reader.CurrentDepth == 3 && reader.ValueTextEquals("events"u8))
            {
                reader.Read();
                events = reader.GetInt32();
            }
            else if (reader.CurrentDepth == 3 && reader.ValueTextEquals("everyMs"u8))
            {
                reader.Read();
                every = reader.GetInt32();
            }
        }
        return (id, method switch
        {
            "tools/call" => Results.GetValueOrDefault(size),
            "tools/list" => System.Text.Encoding.UTF8.GetBytes(Tools),
            "server/discover" => System.Text.Encoding.UTF8.GetBytes(Discover),
            "initialize" => System.Text.Encoding.UTF8.GetBytes(Initialize),
            _ => null,
        }, events, every);
    }
}
