using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Gateway.Policies;

namespace Postern.Gateway.Api;

/// <summary>Who may administer the gateway: people whom the policy names for the very thing, and nobody else.</summary>
internal static class Administration
{
    public static bool Permits(IPolicySource policies, Identity identity, string admin, string publicUrl, DateTimeOffset now) =>
        identity.Kind == IdentityKind.Person
        && policies.Decide(identity, GatewayVocabulary.Of(GatewayVocabulary.Itself(publicUrl), admin, now), now) is Decision.Allow;
}
