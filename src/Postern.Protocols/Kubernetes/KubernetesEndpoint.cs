using System.Collections.Concurrent;
using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Core.Policy;
using Postern.Protocols.Kubernetes.Forwarding;
using Postern.Protocols.Kubernetes.Streams;
using Postern.Protocols.Kubernetes.Wire;

namespace Postern.Protocols.Kubernetes;

/// <summary>What happens to one HTTP request at <c>/k8s/{connection}/…</c>, first byte to last. Every step can only refuse.</summary>
internal sealed class KubernetesEndpoint(KubernetesGateway gateway)
{
    /// <summary>The route; the connection's name is exact.</summary>
    public const string Route = "/k8s/{connection}/{**rest}";

    /// <summary>Largest body; the API server itself takes 3 MiB.</summary>
    public const int MaxBody = 4 * 1024 * 1024;

    private const string Prefix = "/k8s/";

    private readonly OriginGuard _origins = new(gateway.Services);
    private readonly ProtocolServices _services = gateway.Services;
    private readonly Identification _identification = new(gateway.Services, gateway.Notes, Prefix, SayUnauthenticatedAsync);

    public async Task HandleAsync(HttpContext http)
    {
        http.Response.Headers.CacheControl = "no-cache, private";
        http.Response.Headers.XContentTypeOptions = "nosniff";

        // 1. Not led here by a foreign page or a rebound name.
        if (!_origins.Permits(http))
        {
            await RefuseAsync(http, 403, "Forbidden", "host or origin is not served here", "gateway", null).ConfigureAwait(false);
            return;
        }

        // 2. An exact connection. Whatever does not exist gets the same answer.
        var name = http.Request.RouteValues["connection"] as string ?? "";
        if (_services.Connections.Find(name) is not { Protocol: KubernetesVocabulary.ProtocolName } connection)
        {
            await RefuseAsync(http, 404, "NotFound", "no such connection", "gateway", null).ConfigureAwait(false);
            return;
        }

        // 3. Who asks: one bearer token in one header.
        if (await _identification.OfAsync(http, connection.Name).ConfigureAwait(false) is not { } identity) return;

        // 4. What is asked.
        if (await ReadAsync(http, connection, identity).ConfigureAwait(false) is not { } ask) return;
        if (StreamOpening.IsCarried(ask.Info))
        {
            await OpenAsync(http, ask, identity).ConfigureAwait(false);
        }
        else if (PortOpening.IsCarried(ask.Info))
        {
            await ForwardPortsAsync(http, ask, identity).ConfigureAwait(false);
        }
        else
        {
            await _services.Pipeline.RunAsync(new KubernetesExchange(http, gateway, ask, _services.LongestWait), identity, http.RequestAborted).ConfigureAwait(false);
        }
    }

    /// <summary>A stream into a container. Over SPDY whoever may not hears why; the others hear what to use instead.</summary>
    private async ValueTask OpenAsync(HttpContext http, KubernetesAsk ask, Identity identity)
    {
        var connection = ask.Operation.Connection.Name;
        if (StreamOpening.IsSpdy(http))
        {
            if (_services.Policies.Decide(identity, ask.Operation, _services.Clock.GetUtcNow()) is Decision.Deny)
                await _services.Pipeline.RunAsync(new KubernetesExchange(http, gateway, ask, TimeSpan.Zero) { Objection = StreamOpening.SpdyFault }, identity, http.RequestAborted).ConfigureAwait(false);
            else
                await RefuseAsync(http, 400, "BadRequest", StreamOpening.SpdyFault, connection, identity).ConfigureAwait(false);
            return;
        }
        if (StreamOpening.Read(http, ask.Query, out var fault) is not { } opening)
        {
            await RefuseAsync(http, 400, "BadRequest", fault!, connection, identity).ConfigureAwait(false);
            return;
        }
        using var exchange = new StreamExchange(http, gateway, ask, opening);
        await _services.Pipeline.RunAsync(exchange, identity, http.RequestAborted).ConfigureAwait(false);
    }

    /// <summary>A port-forward, within which each connection is an operation of its own.</summary>
    private async ValueTask ForwardPortsAsync(HttpContext http, KubernetesAsk ask, Identity identity)
    {
        if (PortOpening.Read(http, ask, out var fault) is not { } opening)
        {
            await RefuseAsync(http, 400, "BadRequest", fault!, ask.Operation.Connection.Name, identity).ConfigureAwait(false);
            return;
        }
        // kubectl asks by WebSocket with GET, and by SPDY alone with POST where that is refused: the same to whoever judges, and approves, it (attack K02).
        if (ask.Request.Method != "GET")
        {
            var origin = new KubernetesOrigin(ask.Operation.Connection, ask.Operation.ClientRun, ask.Operation.ClientName);
            if (!KubernetesOperations.TryRead(origin, ask.Request with { Method = "GET" }, _services.Clock.GetUtcNow(), out ask!, out _)) return;
        }
        await using var exchange = new PortExchange(http, gateway, ask, identity, opening);
        await _services.Pipeline.RunAsync(exchange, identity, http.RequestAborted).ConfigureAwait(false);
    }

    private static ValueTask SayUnauthenticatedAsync(HttpContext http, int status)
    {
        var reason = status switch { StatusCodes.Status401Unauthorized => "Unauthorized", StatusCodes.Status403Forbidden => "Forbidden", _ => "ServiceUnavailable" };
        return new ValueTask(KubernetesStatus.WriteAsync(
            http, status, reason,
            "Postern needs a valid token for this cluster; run `postern login`, or `postern kube login` for a context that brings one",
            status == StatusCodes.Status503ServiceUnavailable ? RefusalCode.GatewayUnavailable : RefusalCode.Unauthenticated, http.RequestAborted));
    }

    private async ValueTask<KubernetesAsk?> ReadAsync(HttpContext http, Connection connection, Identity identity)
    {
        // The target as it stood in the request line: routing has decoded the rest, and two readings are one too many.
        var raw = http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        if (!raw.StartsWith(Prefix + connection.Name + "/", StringComparison.Ordinal))
        {
            await RefuseAsync(http, 400, "BadRequest", "the path is written in an unusual way", connection.Name, identity).ConfigureAwait(false);
            return null;
        }
        var target = raw[(Prefix.Length + connection.Name.Length)..];
        if (http.Request.Headers.ContentEncoding.Count > 0 || http.Request.Headers.ContentType.Count > 1 || http.Request.Headers.Accept.Count > 1)
        {
            await RefuseAsync(http, 400, "BadRequest", "a body that is encoded, or a header that stands twice, is not read", connection.Name, identity).ConfigureAwait(false);
            return null;
        }
        if (await WholeBody.ReadAsync(http, MaxBody).ConfigureAwait(false) is not { } body)
        {
            await RefuseAsync(http, 413, "RequestEntityTooLarge", string.Create(CultureInfo.InvariantCulture, $"the body is larger than {MaxBody} bytes"), connection.Name, identity).ConfigureAwait(false);
            return null;
        }
        var type = MediaType(http.Request.ContentType);
        // What a client wrote in protobuf is judged, recorded and sent as the JSON that it says; what cannot be read so stays what it is, and is refused.
        if (type is "application/vnd.kubernetes.protobuf" && ProtobufBody.TryRead(body.Span, out var json)) (type, body) = ("application/json", json);
        var request = new KubernetesRequest(http.Request.Method, target, type, body);
        if (!KubernetesOperations.TryRead(new KubernetesOrigin(connection, RunOf(http), ClientOf(http)), request, _services.Clock.GetUtcNow(), out var ask, out var fault))
        {
            await RefuseAsync(http, fault.Status, fault.Reason, fault.Message, connection.Name, identity).ConfigureAwait(false);
            return null;
        }
        if (!StreamOpening.IsCarried(ask.Info) && !PortOpening.IsCarried(ask.Info) && UpgradeFault(http) is { } upgrade)
        {
            await RefuseAsync(http, 400, "BadRequest", upgrade, connection.Name, identity).ConfigureAwait(false);
            return null;
        }
        return ask;
    }

    /// <summary>A switched connection that nobody reads would be a tunnel past every mask (G11).</summary>
    private static string? UpgradeFault(HttpContext http)
    {
        if (StreamOpening.IsSpdy(http)) return StreamOpening.SpdyFault;
        return http.Request.Headers.Upgrade.Count > 0 ? "only exec, attach and port-forward switch the connection here; ask for this without `Upgrade`" : null;
    }

    private static string? MediaType(string? contentType)
    {
        if (contentType is null) return null;
        var pieces = contentType.Split(';', StringSplitOptions.TrimEntries);
        // Any charset but the one of JSON would be another text than the one that was judged.
        if (pieces.Length > 2 || (pieces.Length == 2 && !pieces[1].Equals("charset=utf-8", StringComparison.OrdinalIgnoreCase))) return "other";
        return pieces[0].ToLowerInvariant();
    }

    // One command of kubectl is one run of work.
    private static string? RunOf(HttpContext http) => http.Request.Headers["Kubectl-Session"] is [{ Length: > 0 and <= 64 } run] && run.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-') ? run : null;

    private static string? ClientOf(HttpContext http)
    {
        if (http.Request.Headers.UserAgent is not [{ Length: > 0 } agent]) return null;
        var end = agent.AsSpan().IndexOfAny(' ', '(');
        var first = end < 0 ? agent : agent[..end];
        return first.Length is > 0 and <= 64 && first.All(letter => letter is > ' ' and <= '~') ? first : null;
    }

    private async ValueTask RefuseAsync(HttpContext http, int status, string reason, string message, string connection, Identity? identity)
    {
        await gateway.Notes.NoteAsync("request.refused", message, connection, identity?.Key).ConfigureAwait(false);
        var code = status == 413 ? RefusalCode.RequestTooLarge : RefusalCode.InvalidRequest;
        await KubernetesStatus.WriteAsync(http, status, reason, $"Postern refused this on purpose: {message}", code, http.RequestAborted).ConfigureAwait(false);
    }
}
