using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Postern.Cli.SignIn;

/// <summary>Waits on a port of this machine for the browser to bring the issuer's answer (RFC 8252 section 7.3).</summary>
internal sealed class LoopbackRedirect : IAsyncDisposable
{
    private const string Path = "/callback";
    private readonly WebApplication _app;
    private readonly TaskCompletionSource<IReadOnlyDictionary<string, string>> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly string _state;

    private LoopbackRedirect(WebApplication app, string state) => (_app, _state) = (app, state);

    /// <summary>The redirect URI.</summary>
    public string Address => $"{_app.Urls.Single()}{Path}";

    /// <summary>The answer's parameters. Answers with another state are refused and not waited for (they are somebody else's).</summary>
    public Task<IReadOnlyDictionary<string, string>> Answer => _answer.Task;

    public static async Task<LoopbackRedirect> StartAsync(string state, CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.Services.AddRoutingCore();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Listen(IPAddress.Loopback, 0);
        });
        var app = builder.Build();
        var redirect = new LoopbackRedirect(app, state);
        app.MapGet(Path, (RequestDelegate)redirect.ReceiveAsync);
        try
        {
            await app.StartAsync(cancellationToken);
            return redirect;
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task ReceiveAsync(HttpContext context)
    {
        context.Response.ContentType = "text/html; charset=utf-8";
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers.ContentSecurityPolicy = "default-src 'none'; frame-ancestors 'none'";
        context.Response.Headers["Referrer-Policy"] = "no-referrer";
        var query = context.Request.Query;
        if (query.Any(pair => pair.Value.Count != 1) || query["state"] != _state)
        {
            context.Response.StatusCode = StatusCodes.Status400BadRequest;
            await context.Response.WriteAsync("<!doctype html><title>Postern</title><p>This answer does not belong to the sign-in that is under way.</p>");
            return;
        }

        await context.Response.WriteAsync(query.ContainsKey("code")
            ? "<!doctype html><title>Postern</title><p>You can close this page and go back to the terminal.</p>"
            : "<!doctype html><title>Postern</title><p>You were not signed in. The terminal says more.</p>");
        await context.Response.CompleteAsync();
        _answer.TrySetResult(query.ToDictionary(pair => pair.Key, pair => pair.Value.ToString(), StringComparer.Ordinal));
    }
}
