using Microsoft.AspNetCore.Routing;
using Postern.Protocols;

namespace Postern.Gateway.Identities;

/// <summary>Everything about identity that the gateway's HTTP listener serves.</summary>
public static class IdentityRoutes
{
    /// <summary>Sign-in for pages, and the metadata of the gateway itself as a protected resource. Protocols map their own resources.</summary>
    public static void MapIdentity(this IEndpointRouteBuilder endpoints, BrowserSignIn signIn, ProtocolServices services)
    {
        signIn.Map(endpoints);
        ProtectedResource.Map(endpoints, services, string.Empty);
    }
}
