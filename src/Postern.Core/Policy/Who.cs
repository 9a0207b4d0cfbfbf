using System.Collections.Frozen;
using Postern.Core.Operations;

namespace Postern.Core.Policy;

/// <summary>Whom a rule speaks of: keys AND, values OR, exact qualified names.</summary>
internal sealed class Who
{
    /// <summary>Whoever is authenticated.</summary>
    public static readonly Who Anyone = new();

    public FrozenSet<string>? Users { get; init; }

    public FrozenSet<string>? Groups { get; init; }

    public FrozenSet<string>? Agents { get; init; }

    public FrozenSet<string>? Workloads { get; init; }

    public bool Includes(Identity identity)
    {
        if (identity.Kind is not (IdentityKind.Person or IdentityKind.Workload)) return false;
        // A person stands behind the first kind, and is whom `users` and `groups` speak of; a workload never passes for one.
        var isPerson = identity.Kind == IdentityKind.Person;
        if (Users is not null && !(isPerson && Users.Contains(identity.Key))) return false;
        if (Workloads is not null && (isPerson || !Workloads.Contains(identity.Key))) return false;
        if (Agents is not null && !(identity.QualifiedAgent is { } agent && Agents.Contains(agent))) return false;
        return Groups is null || Overlap(Groups, identity.QualifiedGroups);
    }

    private static bool Overlap(FrozenSet<string> left, FrozenSet<string> right)
    {
        var (fewer, more) = left.Count < right.Count ? (left, right) : (right, left);
        foreach (var value in fewer)
        {
            if (more.Contains(value)) return true;
        }
        return false;
    }
}
