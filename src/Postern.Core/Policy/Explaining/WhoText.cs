namespace Postern.Core.Policy.Explaining;

/// <summary>Whom a rule speaks of, in words.</summary>
internal static class WhoText
{
    public static string Of(Who who)
    {
        if (who is { Users: null, Groups: null, Agents: null, Workloads: null }) return "anyone";
        var keys = new List<string>();
        Add(keys, "users", who.Users);
        Add(keys, "groups", who.Groups);
        Add(keys, "agents", who.Agents);
        Add(keys, "workloads", who.Workloads);
        return string.Join(" and ", keys);
    }

    private static void Add(List<string> keys, string key, IEnumerable<string>? names)
    {
        if (names is not null) keys.Add($"{key} {string.Join(", ", names.Order(StringComparer.Ordinal).Select(name => $"`{name}`"))}");
    }
}
