using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Postern.Core.Operations;
using Postern.Upstreams;

namespace Postern.Protocols.Http;

/// <summary>HTTP APIs, at <c>/http/{connection}/…</c>.</summary>
public sealed class HttpProtocol : IProtocol
{
    /// <summary>The name in <c>connections.*.protocol</c>.</summary>
    public const string ProtocolName = "http";

    /// <summary>The gateway's own: whether a target is there.</summary>
    internal const string AskTarget = "http.target.ask";

    /// <inheritdoc/>
    public string Name => ProtocolName;

    private readonly HttpVocabulary _vocabulary = new();
    private HttpEndpoint? _endpoint;

    /// <inheritdoc/>
    public Vocabulary Vocabulary => _vocabulary;

    /// <inheritdoc/>
    public void Describe(string connection, ReadOnlyMemory<byte> document) => _vocabulary.Describe(connection, document);

    /// <inheritdoc/>
    public void EndSessions(string identityKey)
    {
        // Each request stands for itself; what runs is cut by the leash.
    }

    /// <inheritdoc/>
    public async ValueTask<TargetAnswer?> AskTargetAsync(ProtocolServices services, Connection connection, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(connection);
        // HEAD is safe (RFC 9110 section 9.2.1), and nobody knows what a GET of somebody's API would bring. Any status is an answer; only two say no.
        var asked = await new TargetErrand(services, TargetErrand.Of(connection, AskTarget, services.Clock.GetUtcNow()), new UpstreamRequest("HEAD", [])).RunAsync(cancellationToken).ConfigureAwait(false);
        return asked.Status switch
        {
            0 => TargetErrand.Failed(asked.Fault),
            401 or 403 or 407 => new(TargetState.Refused, $"it does not let the gateway in: status {asked.Status}"),
            var status => new(TargetState.Good, $"it answers (status {status})"),
        };
    }

    /// <inheritdoc/>
    public void Map(IEndpointRouteBuilder endpoints, ProtocolServices services)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(services);
        _endpoint = new HttpEndpoint(services, _vocabulary);
        endpoints.Map(HttpEndpoint.Route, _endpoint.HandleAsync);
        ProtectedResource.Map(endpoints, services, HttpEndpoint.ResourceRoute);
    }

    /// <inheritdoc/>
    public RequestDelegate? AtHost(string connection) => _endpoint is { } endpoint ? http => endpoint.HandleAtHostAsync(http, connection) : null;
}
