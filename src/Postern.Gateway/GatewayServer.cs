using System.Buffers;
using System.Collections.Immutable;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Postern.Core.Pipeline;
using Postern.Gateway.Configuration;
using Postern.Gateway.Listening;
using Postern.Protocols;

namespace Postern.Gateway;

/// <summary>The data listener: what every request passes before any route sees it, and what every fault becomes.</summary>
internal sealed partial class GatewayServer(HostNames hosts, RefusalNotes notes, ILogger log)
{
    private ImmutableArray<System.Net.IPNetwork> _proxies = [];

    public WebApplication Build(BoundListener listener, GatewayOptions options, ServedCertificate? certificate, ClusterListener? clusters, ILoggerFactory logs, TimeProvider clock)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "postern" });
        builder.Services.AddSingleton(logs);
        builder.Services.AddRoutingCore();
        KestrelSettings.Apply(builder, listener, options.Limits, certificate, clusters, clock);
        var app = builder.Build();
        _proxies = options.BehindProxy;
        if (!options.BehindProxy.IsEmpty) app.UseForwardedHeaders(Forwarded(options));
        app.Use(GuardAsync);
        app.UseRouting();
        return app;
    }

    /// <summary>
    /// The first thing that sees a request. A method of its own, not several pieces in a chain: each costs a state machine per request.
    /// </summary>
    private async Task GuardAsync(HttpContext context, RequestDelegate next)
    {
        try
        {
            var own = hosts.ConnectionAt(context.Request);
            if (StrictRequests.Complaint(context, isTargetsOwn: own is not null) is { } complaint)
            {
                await RefuseAsync(context, StatusCodes.Status400BadRequest, RefusalCode.InvalidRequest, complaint).ConfigureAwait(false);
                return;
            }
            if ((own is null && !hosts.AreOurs(context.Request)) || !IsNameOfHandshake(context))
            {
                await RefuseAsync(context, StatusCodes.Status421MisdirectedRequest, RefusalCode.InvalidRequest, "the Host header names another host").ConfigureAwait(false);
                return;
            }
            // Before any route: nothing of the gateway's own lies at a connection's name.
            if (own is not null) context.SetEndpoint(own);
            // What comes behind a request to switch protocols is not looked at: unless it is switched, nothing may come behind it.
            if (context.Request.Headers.Upgrade.Count > 0) CloseUnlessSwitched(context);
            await next(context).ConfigureAwait(false);
            if (!context.Response.HasStarted && context.Response.StatusCode is StatusCodes.Status404NotFound or StatusCodes.Status405MethodNotAllowed && context.GetEndpoint() is null or { DisplayName: "405 HTTP Method Not Supported" })
            {
                await WriteAsync(context, context.Response.StatusCode, RefusalCode.InvalidRequest, "there is nothing at this address for this method").ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The caller is gone; nobody is left to answer.
        }
        catch (BadHttpRequestException malformed)
        {
            var code = malformed.StatusCode == StatusCodes.Status413PayloadTooLarge ? RefusalCode.RequestTooLarge : RefusalCode.InvalidRequest;
            await RefuseAsync(context, malformed.StatusCode, code, "the request could not be read").ConfigureAwait(false);
        }
        catch (Exception fault)
        {
            // The edge of last resort. The caller learns nothing of the fault; the log learns its type and place, never a value.
            Faulted(log, fault.GetType().Name, context.GetEndpoint()?.DisplayName ?? "no route", fault.StackTrace?.Split('\n')[0].Trim() ?? "");
            if (context.Response.HasStarted) context.Abort();
            else await WriteAsync(context, StatusCodes.Status500InternalServerError, RefusalCode.GatewayUnavailable, "the gateway could not finish this").ConfigureAwait(false);
        }
    }

    /// <summary>
    /// False when TLS was opened for one name and another is asked for: whoever checked the first (a firewall, a client's certificate check) did not
    /// see the second. A proxy in front opens its own TLS, under the name by which it knows us.
    /// </summary>
    private bool IsNameOfHandshake(HttpContext context)
    {
        if (context.Features.Get<ITlsHandshakeFeature>()?.HostName is not { Length: > 0 } name || string.Equals(name, context.Request.Host.Host, StringComparison.OrdinalIgnoreCase)) return true;
        return context.Features.Get<FramedReader>()?.Peer is { } peer && _proxies.Any(network => network.Contains(peer.IsIPv4MappedToIPv6 ? peer.MapToIPv4() : peer));
    }

    private static void CloseUnlessSwitched(HttpContext context) => context.Response.OnStarting(static state =>
    {
        var response = ((HttpContext)state).Response;
        if (response.StatusCode != StatusCodes.Status101SwitchingProtocols) response.Headers.Connection = "close";
        return Task.CompletedTask;
    }, context);

    private async Task RefuseAsync(HttpContext context, int status, string code, string reason)
    {
        await notes.NoteAsync("request.refused", reason, "gateway").ConfigureAwait(false);
        if (context.Response.HasStarted)
        {
            context.Abort();
            return;
        }
        // What follows on this connection can no longer be trusted to begin where we think.
        context.Response.Headers.Connection = "close";
        await WriteAsync(context, status, code, reason).ConfigureAwait(false);
    }

    private static Task WriteAsync(HttpContext context, int status, string code, string reason)
    {
        var body = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            json.WriteString("title", code);
            json.WriteNumber("status", status);
            json.WriteString("detail", reason);
            json.WriteString("code", code);
            json.WriteEndObject();
        }
        var response = context.Response;
        response.StatusCode = status;
        response.ContentType = "application/problem+json";
        response.Headers.CacheControl = "no-store";
        response.Headers.XContentTypeOptions = "nosniff";
        response.ContentLength = body.WrittenCount;
        return response.Body.WriteAsync(body.WrittenMemory, context.RequestAborted).AsTask();
    }

    private static ForwardedHeadersOptions Forwarded(GatewayOptions options)
    {
        var forwarded = new ForwardedHeadersOptions { ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto, ForwardLimit = 1 };
        forwarded.KnownIPNetworks.Clear();
        forwarded.KnownProxies.Clear();
        foreach (var network in options.BehindProxy) forwarded.KnownIPNetworks.Add(network);
        return forwarded;
    }

    [LoggerMessage(EventId = 100, Level = LogLevel.Error, Message = "fault {Fault} at {Route}: {Place}")]
    private static partial void Faulted(ILogger log, string fault, string route, string place);
}
