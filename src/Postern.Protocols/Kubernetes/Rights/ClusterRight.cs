using System.Collections.Immutable;

namespace Postern.Protocols.Kubernetes.Rights;

/// <summary>A rule of the cluster's own RBAC, as a <c>Role</c> has it and a <c>SelfSubjectRulesReview</c> tells it.</summary>
internal sealed record ClusterRight
{
    /// <summary>The namespace; null for the whole cluster.</summary>
    public string? Namespace { get; init; }

    public required ImmutableArray<string> Verbs { get; init; }

    public ImmutableArray<string> Groups { get; init; } = [];

    public ImmutableArray<string> Resources { get; init; } = [];

    /// <summary>Empty for all.</summary>
    public ImmutableArray<string> Names { get; init; } = [];

    /// <summary>Paths that are no resource; then there are no groups and resources.</summary>
    public ImmutableArray<string> Paths { get; init; } = [];

    /// <summary>True when this gives everything that one verb on one resource of one group is, under the names of the other.</summary>
    public bool Covers(string? space, string verb, string group, string resource, ImmutableArray<string> names) =>
        (Namespace is null || Namespace == space) && Has(Verbs, verb) && Has(Groups, group) && Has(Resources, resource) && (Names.IsEmpty || (!names.IsEmpty && names.All(Names.Contains)));

    /// <summary>The same for a path.</summary>
    public bool CoversPath(string verb, string path) => Has(Verbs, verb) && Paths.Any(mine => mine == "*" || mine == path || (mine.EndsWith('*') && path.StartsWith(mine[..^1], StringComparison.Ordinal)));

    private static bool Has(ImmutableArray<string> values, string value) => values.Contains("*") || values.Contains(value);
}
