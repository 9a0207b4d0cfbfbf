using System.Collections.Immutable;
using System.Text.Json;

namespace Postern.Protocols.Kubernetes.Rights;

/// <summary>What a <c>SelfSubjectRulesReview</c> says, and what of it nobody needs.</summary>
internal static class GrantedRights
{
    // What every authenticated user has by default: discovery, and to ask about oneself.
    private static readonly ImmutableArray<string> s_open = ["/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/readyz", "/openapi", "/openapi/*", "/version", "/version/", "/.well-known/*"];

    /// <summary>Reads the answer; null when it is none.</summary>
    public static (ImmutableArray<ClusterRight> Rights, bool IsComplete)? Read(ReadOnlyMemory<byte> answer)
    {
        try
        {
            using var document = JsonDocument.Parse(answer);
            if (document.RootElement.ValueKind != JsonValueKind.Object || !document.RootElement.TryGetProperty("status", out var status) || status.ValueKind != JsonValueKind.Object
                || !status.TryGetProperty("resourceRules", out var resources)) return null;
            var rights = ImmutableArray.CreateBuilder<ClusterRight>();
            foreach (var rule in Items(resources)) rights.Add(new ClusterRight { Verbs = Texts(rule, "verbs"), Groups = Texts(rule, "apiGroups"), Resources = Texts(rule, "resources"), Names = Texts(rule, "resourceNames") });
            if (status.TryGetProperty("nonResourceRules", out var paths))
            {
                foreach (var rule in Items(paths)) rights.Add(new ClusterRight { Verbs = Texts(rule, "verbs"), Paths = Texts(rule, "nonResourceURLs") });
            }
            return (rights.ToImmutable(), !status.TryGetProperty("incomplete", out var incomplete) || incomplete.ValueKind != JsonValueKind.True);
        }
        catch (Exception unreadable) when (unreadable is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>What of the granted is not needed in a namespace (null: anywhere).</summary>
    public static IEnumerable<WiderRight> Wider(ImmutableArray<ClusterRight> granted, ImmutableArray<ClusterRight> needed, string? space)
    {
        var where = space ?? "the whole cluster";
        foreach (var right in granted)
        {
            if (!right.Paths.IsEmpty)
            {
                ImmutableArray<string> paths = [.. right.Paths.Where(path => !s_open.Contains(path) && !right.Verbs.All(verb => needed.Any(need => need.CoversPath(verb, path))))];
                if (!paths.IsEmpty) yield return new WiderRight(where, right.Verbs, paths, []);
                continue;
            }
            var surplus =
                from verb in right.Verbs
                let what = string.Join('\n', from @group in right.Groups from resource in right.Resources where !IsOpen(verb, @group, resource) && !needed.Any(need => need.Covers(space, verb, @group, resource, right.Names)) select @group.Length == 0 ? resource : $"{resource}.{@group}")
                where what.Length > 0
                group verb by what;
            foreach (var same in surplus) yield return new WiderRight(where, [.. same], [.. same.Key.Split('\n')], right.Names);
        }
    }

    private static bool IsOpen(string verb, string group, string resource) => (verb, group, resource) is
        ("create", "authorization.k8s.io", "selfsubjectaccessreviews" or "selfsubjectrulesreviews") or ("create", "authentication.k8s.io", "selfsubjectreviews");

    private static IEnumerable<JsonElement> Items(JsonElement list) => list.ValueKind == JsonValueKind.Array ? list.EnumerateArray().Where(item => item.ValueKind == JsonValueKind.Object) : [];

    private static ImmutableArray<string> Texts(JsonElement rule, string member) =>
        rule.TryGetProperty(member, out var list) && list.ValueKind == JsonValueKind.Array ? [.. list.EnumerateArray().Select(text => text.GetString() ?? "")] : [];
}
