using Postern.Core.Operations;

namespace Postern.Protocols;

/// <summary>The gateway as a caller of its own targets: definition refresh, catalogue snapshots. What it may do is a closed list.</summary>
internal static class Itself
{
    public static readonly Identity Identity = new() { Issuer = "gateway", Subject = "postern", Kind = IdentityKind.Gateway };
}
