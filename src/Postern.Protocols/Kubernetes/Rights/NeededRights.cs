using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using Postern.Core.Policy;

namespace Postern.Protocols.Kubernetes.Rights;

/// <summary>What a credential must be able to do so that everything can be carried out that rules could ever give.</summary>
internal static class NeededRights
{
    private static readonly ImmutableArray<string> s_verbs = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];

    /// <summary>The rights that entries of rules ask for.</summary>
    /// <param name="entries">Of the policy.</param>
    /// <param name="impersonates">True where the cluster is told who asks: then the person's own rights are asked, and the credential's is to name people.</param>
    public static ImmutableArray<ClusterRight> Of(ImmutableArray<GivenEntry> entries, bool impersonates)
    {
        if (impersonates) return [new ClusterRight { Verbs = ["impersonate"], Groups = [""], Resources = ["users", "groups"] }];
        return [.. entries.SelectMany(Of)];
    }

    /// <summary>What would suffice, as documents that <c>kubectl apply</c> takes.</summary>
    public static string Document(ImmutableArray<ClusterRight> needed, string connection)
    {
        var text = new StringBuilder();
        foreach (var place in needed.GroupBy(right => right.Namespace).OrderBy(place => place.Key, StringComparer.Ordinal))
        {
            if (text.Length > 0) text.Append("---\n");
            text.Append("apiVersion: rbac.authorization.k8s.io/v1\n").Append("kind: ").Append(place.Key is null ? "ClusterRole" : "Role").Append("\nmetadata:\n  name: postern-").Append(connection).Append('\n');
            if (place.Key is not null) text.Append("  namespace: ").Append(JsonSerializer.Serialize(place.Key)).Append('\n');
            text.Append("rules:\n");
            foreach (var right in place.DistinctBy(Line)) text.Append(Line(right));
        }
        return text.ToString();
    }

    private static string Line(ClusterRight right)
    {
        if (!right.Paths.IsEmpty) return $"- nonResourceURLs: {List(right.Paths)}\n  verbs: {List(right.Verbs)}\n";
        var names = right.Names.IsEmpty ? "" : $"  resourceNames: {List(right.Names)}\n";
        return $"- apiGroups: {List(right.Groups)}\n  resources: {List(right.Resources)}\n{names}  verbs: {List(right.Verbs)}\n";
    }

    private static string List(ImmutableArray<string> values) => "[" + string.Join(", ", values.Select(value => JsonSerializer.Serialize(value))) + "]";

    private static IEnumerable<ClusterRight> Of(GivenEntry entry)
    {
        ImmutableArray<string> Of(string fact) => entry.Values.TryGetValue(fact, out var values) ? values : [];
        if (entry.IsEverything) return [new ClusterRight { Verbs = s_verbs, Groups = ["*"], Resources = ["*"] }, new ClusterRight { Verbs = ["get"], Paths = ["*"] }];
        if (Of(KubernetesVocabulary.NonResource) is { IsEmpty: false } paths) return [new ClusterRight { Verbs = ["get"], Paths = [.. paths.Select(PathOf).Distinct()] }];
        var resources = Of(KubernetesVocabulary.Resource);
        if (resources.IsEmpty) return [];
        ImmutableArray<string> verbs = [.. Of(KubernetesVocabulary.Verb).SelectMany(verb => VerbsOf(verb)).Distinct()];
        var names = Of(KubernetesVocabulary.ObjectName);
        // What is created has no name yet, and a pattern has no meaning there.
        var bound = names.IsEmpty || names.Any(name => name.Contains('*', StringComparison.Ordinal)) || verbs.Contains("create") || verbs.Contains("deletecollection") ? [] : names;
        var spaces = Of(KubernetesVocabulary.Namespace);
        var isWide = spaces.IsEmpty || spaces.Any(space => space.Contains('*', StringComparison.Ordinal));
        return
            from space in isWide ? [null] : spaces.Cast<string?>()
            from kind in resources.GroupBy(GroupOf)
            select new ClusterRight { Namespace = space, Verbs = verbs, Groups = [kind.Key], Resources = [.. kind.Select(ResourceOf).Distinct()], Names = bound };
    }

    private static string PathOf(string pattern)
    {
        // RBAC knows a star at the end alone.
        var star = pattern.IndexOf('*', StringComparison.Ordinal);
        return star < 0 ? pattern : pattern[..(star + 1)];
    }

    // The API server asks for `get` where a stream is opened by WebSocket, and newer ones for `create` too.
    private static ImmutableArray<string> VerbsOf(string verb) => verb switch
    {
        "exec" or "attach" or "portforward" => ["get", "create"],
        "token" => ["create"],
        // Beside the verb of the method, which a rule names too.
        "proxy" => [],
        _ when verb.Contains('*', StringComparison.Ordinal) => s_verbs,
        _ => [verb],
    };

    private static string GroupOf(string resource)
    {
        var slash = resource.IndexOf('/', StringComparison.Ordinal);
        var name = slash < 0 ? resource : resource[..slash];
        var dot = name.IndexOf('.', StringComparison.Ordinal);
        if (dot < 0) return name.Contains('*', StringComparison.Ordinal) ? "*" : "";
        return name[(dot + 1)..].Contains('*', StringComparison.Ordinal) ? "*" : name[(dot + 1)..];
    }

    private static string ResourceOf(string resource)
    {
        var slash = resource.IndexOf('/', StringComparison.Ordinal);
        var name = slash < 0 ? resource : resource[..slash];
        var dot = name.IndexOf('.', StringComparison.Ordinal);
        if (dot >= 0) name = name[..dot];
        return name.Contains('*', StringComparison.Ordinal) ? "*" : slash < 0 ? name : name + resource[slash..];
    }
}
