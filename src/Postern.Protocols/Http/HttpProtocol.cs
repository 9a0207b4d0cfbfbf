using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Postern.Core.Operations;

namespace Postern.Protocols.Http;

/// <summary>HTTP APIs, at <c>/http/{connection}/…</c>.</summary>
public sealed class HttpProtocol : IProtocol
{
    /// <summary>The name in <c>connections.*.protocol</c>.</summary>
    public const string ProtocolName = "http";

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
