using System.Collections.Concurrent;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Core.Policy;
using Postern.Protocols.HttpData;

namespace Postern.Protocols.Http;

/// <summary>What happens to one request at <c>/http/{connection}/…</c>, first byte to last. Every step can only refuse.</summary>
internal sealed class HttpEndpoint
{
    /// <summary>The route; the connection's name is exact.</summary>
    public const string Route = "/http/{connection}/{**rest}";

    /// <summary>The route of what tokens are for.</summary>
    public const string ResourceRoute = "/http/{connection}";

    private const string Prefix = "/http/";

    private readonly ProtocolServices _services;
    private readonly HttpVocabulary _vocabulary;
    private readonly OriginGuard _origins;
    private readonly Identification _identification;
    private readonly RefusalNotes _notes;
    private readonly ConcurrentDictionary<string, ReplyPlace> _places = new(StringComparer.Ordinal);

    public HttpEndpoint(ProtocolServices services, HttpVocabulary vocabulary)
    {
        _vocabulary = vocabulary;
        _services = services;
        _origins = new OriginGuard(services);
        _notes = new RefusalNotes(services.Recorder, services.Clock, services.Logs.CreateLogger("Postern.Http"));
        _identification = new Identification(
            services, _notes, Prefix,
            static (http, status) => new ValueTask(Problem.WriteAsync(
                http, status, status == StatusCodes.Status503ServiceUnavailable ? RefusalCode.GatewayUnavailable : RefusalCode.Unauthenticated, "expected a valid bearer token for this connection; sign in", http.RequestAborted)));
    }

    public async Task HandleAsync(HttpContext http)
    {
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers.XContentTypeOptions = "nosniff";

        // 1. Not led here by a foreign page or a rebound name.
        if (!_origins.Permits(http))
        {
            await RefuseAsync(http, new AskFault(403, RefusalCode.InvalidRequest, "host or origin is not served here"), "gateway").ConfigureAwait(false);
            return;
        }

        // 2. An exact connection, by the raw target: what stands in front of it is what the router saw, and nothing was folded away.
        var raw = http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        var name = http.Request.RouteValues["connection"] as string ?? "";
        var basePath = Prefix + name;
        if (_services.Connections.Find(name) is not { Protocol: HttpProtocol.ProtocolName } connection || !raw.StartsWith(basePath, StringComparison.Ordinal))
        {
            await RefuseAsync(http, new AskFault(404, RefusalCode.InvalidRequest, "no such connection"), "gateway").ConfigureAwait(false);
            return;
        }
        var target = raw[basePath.Length..];
        if (target.Length == 0 || target[0] == '?') target = "/" + target;

        await HandleAsync(http, connection, target, basePath).ConfigureAwait(false);
    }

    /// <summary>The same for a host name that is the connection's: what stands in the request line is the target's path.</summary>
    public async Task HandleAtHostAsync(HttpContext http, string name)
    {
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers.XContentTypeOptions = "nosniff";
        if (!_origins.PermitsAtHost(http) || _services.Connections.Find(name) is not { Protocol: HttpProtocol.ProtocolName } connection)
        {
            await RefuseAsync(http, new AskFault(403, RefusalCode.InvalidRequest, "host or origin is not served here"), "gateway").ConfigureAwait(false);
            return;
        }
        await HandleAsync(http, connection, http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget, "").ConfigureAwait(false);
    }

    /// <param name="http">The request.</param>
    /// <param name="connection">What it is for.</param>
    /// <param name="target">Path and query for the target.</param>
    /// <param name="basePath">Where the connection lies at the host that was asked.</param>
    private async Task HandleAsync(HttpContext http, Connection connection, string target, string basePath)
    {
        // 3. Who asks: one bearer token in one header.
        if (await _identification.OfAsync(http, connection.Name).ConfigureAwait(false) is not { } identity) return;

        // 4. What is asked.
        var (ask, fault) = await AskReader.ReadAsync(http, target).ConfigureAwait(false);
        if (ask is not null && HttpOperations.RepeatsTooOften(ask)) (ask, fault) = (null, AskFault.Invalid($"a name stands more than {HttpOperations.MaxRepeats} times"));
        var (operation, document) = ask is null ? default : Operation(connection, ask, ref fault);
        if (operation is null) ask = null;

        // 5. What people may have to see must be there whole, before it is asked for.
        if (ask is { Body: AskBody.Stream } streamed && _services.Policies.Decide(identity, operation!, _services.Clock.GetUtcNow()) is Decision.Hold)
        {
            (ask, fault) = await AskReader.WithContentAsync(http, streamed, AskBody.Bytes).ConfigureAwait(false);
            if (ask is not null) (operation, document) = Operation(connection, ask, ref fault);
        }
        if (ask is null)
        {
            await RefuseAsync(http, fault!, connection.Name, identity.Key).ConfigureAwait(false);
            return;
        }

        // 6. The six steps.
        var own = basePath.Length > 0 ? _services.PublicUrl + basePath : $"{http.Request.Scheme}://{http.Request.Host.Value}";
        var place = _places.GetOrAdd(own, static (url, state) => new ReplyPlace(url, state.Path, new Uri(state.Target)), (Path: basePath, connection.Target));
        var exchange = new HttpExchange(_services, http, operation!, ask, document!.Content, place);
        await _services.Pipeline.RunAsync(exchange, identity, http.RequestAborted).ConfigureAwait(false);
    }

    private (Operation? Operation, AskDocument? Document) Operation(Connection connection, HttpAsk ask, ref AskFault? fault)
    {
        var document = AskDocument.Of(ask);
        var operation = HttpOperations.Of(connection, ask, document, _vocabulary.DocumentOf(connection.Name), _services.Clock.GetUtcNow(), out var wrong);
        if (operation is null) fault = AskFault.Invalid(wrong!);
        return (operation, document);
    }

    private async Task RefuseAsync(HttpContext http, AskFault fault, string connection, string? identity = null)
    {
        await _notes.NoteAsync("request.refused", fault.Reason, connection, identity).ConfigureAwait(false);
        await Problem.WriteAsync(http, fault.Status, fault.Code, fault.Reason, http.RequestAborted).ConfigureAwait(false);
    }
}
