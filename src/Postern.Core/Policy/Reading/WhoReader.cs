using System.Collections.Frozen;
using System.Collections.Immutable;
using Postern.Core.Yaml;

namespace Postern.Core.Policy.Reading;

/// <summary>Reads <c>who</c>, <c>except</c> and the names inside <c>approvers</c>.</summary>
internal static class WhoReader
{
    /// <summary>The one group that the gateway itself vouches for: administrators by the one-time code of its first start.</summary>
    public const string OwnGroup = "gateway:administrators";

    private static readonly ImmutableArray<string> Keys = ["users", "groups", "agents", "workloads"];

    /// <summary>Null after an error.</summary>
    public static Who? Read(LoadContext context, YamlNode node, string what)
    {
        if (node is { Kind: YamlKind.Scalar, Text: "anyone" }) return Who.Anyone;
        if (node.Kind != YamlKind.Mapping)
        {
            context.Error(node, $"{what} is `anyone`, or a map with `users`, `groups`, `agents` or `workloads`; found {LoadContext.Shown(node)}{NearestWord.Hint(node.Text, ["anyone"])}");
            return null;
        }
        context.CheckKeys(node, Keys);
        if (node.Entries.IsEmpty) context.Error(node, $"{what} is empty; name somebody, or write `anyone`");
        return new Who
        {
            Users = Set(context, node, "users"),
            Groups = Set(context, node, "groups"),
            Agents = Set(context, node, "agents"),
            Workloads = Set(context, node, "workloads"),
        };
    }

    /// <summary>Exact names, qualified as <c>issuer:value</c>.</summary>
    public static ImmutableArray<string> Names(LoadContext context, YamlNode node, string what)
    {
        var names = ImmutableArray.CreateBuilder<string>();
        foreach (var item in context.Items(node, what))
        {
            if (context.Text(item, what) is not { } text || (what == "`groups`" && text == OwnGroup ? text : Qualified(context, item, text)) is not { } name) continue;
            if (names.Contains(name)) context.Error(item, $"`{text}` stands in {what} twice");
            else names.Add(name);
        }
        return names.DrainToImmutable();
    }

    private static FrozenSet<string>? Set(LoadContext context, YamlNode node, string key)
    {
        if (node.Find(key) is not { } value) return null;
        var names = Names(context, value, $"`{key}`");
        if (key == "groups") WarnOfUnknownGroups(context, value, names);
        return names.ToFrozenSet(StringComparer.Ordinal);
    }

    private static string? Qualified(LoadContext context, YamlNode node, string text)
    {
        var issuers = context.Environment.Issuers;
        if (Glob.IsPattern(text))
        {
            context.Error(node, $"`{text}`: names of people, groups, agents and workloads are exact; `*` is not read here");
            return null;
        }
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        if (colon >= 0)
        {
            var issuer = text[..colon];
            if (issuers.Contains(issuer) && colon + 1 < text.Length) return text;
            context.Error(node, $"`{text}`: no issuer is called `{issuer}`; names are written `issuer:value`{NearestWord.Hint(issuer, issuers)}");
            return null;
        }
        if (issuers.Length == 1) return $"{issuers[0]}:{text}";
        context.Error(node, issuers.IsEmpty
            ? $"`{text}`: no issuer is configured"
            : $"`{text}`: write the issuer, as in `{issuers[0]}:{text}`; it may be left out only when exactly one is configured");
        return null;
    }

    private static void WarnOfUnknownGroups(LoadContext context, YamlNode node, ImmutableArray<string> groups)
    {
        var known = context.Environment.Groups;
        if (known.IsEmpty) return;
        foreach (var group in groups)
        {
            if (group != OwnGroup && !known.Contains(group)) context.Warn(node, $"no group `{group}` is known{NearestWord.Hint(group, known)}");
        }
    }
}
