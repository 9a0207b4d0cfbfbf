using System.Buffers;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Postern.Gateway.Configuration;
using Postern.Gateway.Listening;

namespace Postern.Gateway.Health;

/// <summary>
/// The management listener: alive, ready, metrics. A server of its own, so that no route of it can ever be reached from the data
/// listener, nor the other way round.
/// </summary>
internal static class ManagementServer
{
    private const int MaxConnections = 256;

    public static WebApplication Build(BoundListener listener, Readiness readiness, GatewayMetrics metrics, ILoggerFactory logs)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "postern" });
        builder.Services.AddSingleton(logs);
        builder.Services.AddRoutingCore();
        KestrelSettings.Apply(builder, listener, new LimitOptions { Body = 1024, Connections = MaxConnections }, certificate: null, clusters: null, TimeProvider.System);
        var app = builder.Build();
        app.UseRouting();
        app.MapGet("/healthz", static (HttpContext context) => AnswerAsync(context, StatusCodes.Status200OK, static json => json.WriteString("status", "alive")));
        app.MapGet("/readyz", async (HttpContext context) =>
        {
            var report = await readiness.AskAsync(context.RequestAborted).ConfigureAwait(false);
            await AnswerAsync(context, report.IsReady ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable, json =>
            {
                json.WriteString("status", report.IsReady ? "ready" : "not ready");
                json.WriteStartObject("complaints");
                foreach (var (name, complaint) in report.Complaints) json.WriteString(name, complaint);
                json.WriteEndObject();
            }).ConfigureAwait(false);
        });
        app.MapGet("/metrics", async (HttpContext context) =>
        {
            var text = await metrics.ScrapeAsync(context.RequestAborted).ConfigureAwait(false);
            context.Response.ContentType = MetricsText.ContentType;
            context.Response.Headers.CacheControl = "no-store";
            await context.Response.WriteAsync(text, context.RequestAborted).ConfigureAwait(false);
        });
        return app;
    }

    private static Task AnswerAsync(HttpContext context, int status, Action<Utf8JsonWriter> write)
    {
        var body = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        context.Response.Headers.CacheControl = "no-store";
        context.Response.ContentLength = body.WrittenCount;
        return context.Response.Body.WriteAsync(body.WrittenMemory, context.RequestAborted).AsTask();
    }
}
