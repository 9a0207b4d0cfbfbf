using System.Collections.Immutable;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Postern.Demo.Shop;

/// <summary>
/// A demo MCP server over Streamable HTTP with customers, orders and refunds. Listens on loopback only and wants a bearer
/// secret that the gateway holds, so that whoever comes around the gateway gets nothing.
/// </summary>
public sealed class ShopServer : IAsyncDisposable
{
    private const int MaxBodyBytes = 64 * 1024;
    private const string SecretMark = "(shop secret)";

    private readonly ShopLedger _ledger = new();
    private readonly ShopDialogue _dialogue;
    private readonly byte[] _secret;
    private readonly Lock _lock = new();
    private ImmutableList<ShopRequest> _received = [];
    private WebApplication? _app;

    private ShopServer(string secret)
    {
        _secret = Encoding.UTF8.GetBytes("Bearer " + secret);
        _dialogue = new ShopDialogue(new ShopTools(_ledger));
    }

    /// <summary>The endpoint, for example <c>http://127.0.0.1:41234/mcp</c>.</summary>
    public string Url { get; private set; } = "";

    /// <summary>Every message that came in with the right secret, in order.</summary>
    public ImmutableList<ShopRequest> Received => _received;

    /// <summary>How many refunds were really made.</summary>
    public int RefundCount => _ledger.Refunds.Length;

    /// <summary>Starts a shop on <c>127.0.0.1</c>.</summary>
    /// <param name="secret">What callers must present as a bearer token.</param>
    /// <param name="port">0 takes a free one.</param>
    /// <param name="cancellationToken">Ends the start.</param>
    /// <exception cref="IOException">The port is taken.</exception>
    public static async Task<ShopServer> StartAsync(string secret, int port = 0, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(secret);
        var shop = new ShopServer(secret);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = MaxBodyBytes;
            kestrel.Listen(IPAddress.Loopback, port, listen => listen.Protocols = HttpProtocols.Http1);
        });
        var app = builder.Build();
        app.Run(shop.ServeAsync);
        await app.StartAsync(cancellationToken);
        shop._app = app;
        shop.Url = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single() + "/mcp";
        return shop;
    }

    /// <summary>The calls of one tool that came in.</summary>
    public int CountOf(string tool) => _received.Count(request => request.Tool == tool);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_app is not { } app) return;
        _app = null;
        await app.DisposeAsync();
    }

    private async Task ServeAsync(HttpContext http)
    {
        var request = http.Request;
        if (request.Path != "/mcp")
        {
            http.Response.StatusCode = 404;
            return;
        }
        // A page in a browser must not reach the shop: neither by its own origin nor by a name that resolves to loopback.
        if (request.Headers.Origin.Count > 0 || request.Host.Host is not ("127.0.0.1" or "localhost"))
        {
            http.Response.StatusCode = 403;
            return;
        }
        if (!CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(request.Headers.Authorization.ToString()), _secret))
        {
            http.Response.StatusCode = 401;
            http.Response.Headers.WWWAuthenticate = "Bearer";
            return;
        }
        switch (request.Method)
        {
            case "POST":
                await PostAsync(http);
                return;
            case "DELETE":
                http.Response.StatusCode = _dialogue.End(request.Headers["Mcp-Session-Id"].ToString()) ? 204 : 404;
                return;
            default:
                // GET would open a stream of the server's own messages; the shop has none (405 is the legal answer).
                http.Response.StatusCode = 405;
                http.Response.Headers.Allow = "POST, DELETE";
                return;
        }
    }

    private async Task PostAsync(HttpContext http)
    {
        var request = http.Request;
        if (!request.HasJsonContentType())
        {
            http.Response.StatusCode = 415;
            return;
        }
        var accept = request.Headers.Accept.ToString();
        if (!accept.Contains("application/json", StringComparison.OrdinalIgnoreCase) || !accept.Contains("text/event-stream", StringComparison.OrdinalIgnoreCase))
        {
            http.Response.StatusCode = 406;
            return;
        }
        using var buffer = new MemoryStream();
        await request.Body.CopyToAsync(buffer, http.RequestAborted);
        ReadOnlyMemory<byte> body = buffer.ToArray();
        var message = ShopMessage.Read(body, out var code, out var problem);
        Note(request, message, body);
        var reply = message is null ? ShopReply.Error(400, null, code, problem) : _dialogue.Answer(message, request.Headers);
        await WriteAsync(http, reply);
    }

    private void Note(HttpRequest request, ShopMessage? message, ReadOnlyMemory<byte> body)
    {
        var headers = request.Headers.ToImmutableSortedDictionary(
            header => header.Key, header => header.Key == "Authorization" ? SecretMark : header.Value.ToString(), StringComparer.OrdinalIgnoreCase);
        var entry = new ShopRequest(message?.Method ?? "", message?.Tool, body, headers);
        lock (_lock) _received = _received.Add(entry);
    }

    private static async Task WriteAsync(HttpContext http, ShopReply reply)
    {
        var response = http.Response;
        response.StatusCode = reply.Status;
        if (reply.Session is not null) response.Headers["Mcp-Session-Id"] = reply.Session;
        if (reply.Message is null) return;
        var text = reply.Message.ToJsonString(ShopJson.Compact);
        if (reply.Progress is null)
        {
            response.ContentType = "application/json";
            await response.WriteAsync(text, http.RequestAborted);
            return;
        }
        response.ContentType = "text/event-stream";
        response.Headers.CacheControl = "no-store";
        await response.WriteAsync($"event: message\ndata: {reply.Progress.ToJsonString(ShopJson.Compact)}\n\n", http.RequestAborted);
        await response.Body.FlushAsync(http.RequestAborted);
        await response.WriteAsync($"event: message\ndata: {text}\n\n", http.RequestAborted);
    }
}
