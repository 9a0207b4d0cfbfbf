using Microsoft.AspNetCore.Builder;
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

    /// <inheritdoc/>
    public Vocabulary Vocabulary => HttpVocabulary.Instance;

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
        var endpoint = new HttpEndpoint(services);
        endpoints.Map(HttpEndpoint.Route, endpoint.HandleAsync);
        ProtectedResource.Map(endpoints, services, HttpEndpoint.ResourceRoute);
    }
}
