using System.Collections.Immutable;
using System.Globalization;
using Postern.Core.Yaml;

namespace Postern.Core.Policy.Reading;

/// <summary>Reads <c>hold</c>: who must agree, and by when.</summary>
internal static class HoldReader
{
    private static readonly ImmutableArray<string> Keys = ["approvers", "expires", "valid", "risk"];
    private static readonly ImmutableArray<string> ApproverKeys = ["groups", "users", "count"];
    private static readonly ImmutableArray<(string, HoldRisk)> Risks = [("low", HoldRisk.Low), ("medium", HoldRisk.Medium), ("high", HoldRisk.High)];
    private static readonly TimeSpan DefaultExpires = TimeSpan.FromMinutes(30);
    private static readonly TimeSpan DefaultValid = TimeSpan.FromMinutes(10);
    private const int MaxCount = 20;

    public static HoldTerms? Read(LoadContext context, YamlNode node)
    {
        if (!context.IsMapping(node, "`hold`")) return null;
        context.CheckKeys(node, Keys);
        if (node.Find("approvers") is not { } approvers)
        {
            context.Error(node, "`hold` must say who agrees: `approvers: {groups: [...]}`");
            return null;
        }
        var requirements = Requirements(context, approvers);
        var expires = node.Find("expires") is { } expiresNode ? context.Duration(expiresNode, "`expires`") : DefaultExpires;
        var valid = node.Find("valid") is { } validNode ? context.Duration(validNode, "`valid`") : DefaultValid;
        var risk = node.Find("risk") is { } riskNode ? context.Word(riskNode, "`risk`", Risks) : HoldRisk.Medium;
        return new HoldTerms(requirements, expires ?? DefaultExpires, valid ?? DefaultValid, risk ?? HoldRisk.Medium);
    }

    /// <summary>A list: each must be met.</summary>
    public static ImmutableArray<ApproverRequirement> Requirements(LoadContext context, YamlNode approvers)
    {
        var requirements = ImmutableArray.CreateBuilder<ApproverRequirement>();
        foreach (var item in context.Items(approvers, "`approvers`"))
        {
            if (Requirement(context, item) is { } requirement) requirements.Add(requirement);
        }
        return requirements.DrainToImmutable();
    }

    private static ApproverRequirement? Requirement(LoadContext context, YamlNode node)
    {
        if (!context.IsMapping(node, "`approvers`")) return null;
        context.CheckKeys(node, ApproverKeys);
        var groups = node.Find("groups") is { } groupsNode ? WhoReader.Names(context, groupsNode, "`groups`") : [];
        var users = node.Find("users") is { } usersNode ? WhoReader.Names(context, usersNode, "`users`") : [];
        if (groups.IsEmpty && users.IsEmpty && node.Find("groups") is null && node.Find("users") is null) context.Error(node, "`approvers` names nobody; write `groups` or `users`");
        var count = 1;
        if (node.Find("count") is { } countNode
            && (countNode.Kind != YamlKind.Scalar || !int.TryParse(countNode.Text, NumberStyles.None, CultureInfo.InvariantCulture, out count) || count is < 1 or > MaxCount))
        {
            context.Error(countNode, $"`count` must be a whole number from 1 to {MaxCount}, found {LoadContext.Shown(countNode)}");
            count = 1;
        }
        if (groups.IsEmpty && users.Length > 0 && users.Length < count) context.Error(node, $"`count` asks for {count} people, but only {users.Length} are named");
        return new ApproverRequirement(groups, users, count);
    }
}
