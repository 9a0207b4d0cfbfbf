using System.Collections.Immutable;
using Postern.Core.Policy.Testing;
using Postern.Core.Yaml;

namespace Postern.Core.Policy.Reading;

/// <summary>Reads one entry of <c>requests:</c>, as the rule that a grant under it is.</summary>
internal static class RequestReader
{
    private static readonly ImmutableArray<string> Keys = ["id", "who", "grant", "for", "approvers", "expires", "risk", "break_glass", "limits"];
    private static readonly ImmutableArray<string> GrantKeys = ["on"];
    private static readonly ImmutableArray<string> ForKeys = ["default", "max"];
    private static readonly ImmutableArray<(string, HoldRisk)> Risks = [("low", HoldRisk.Low), ("medium", HoldRisk.Medium), ("high", HoldRisk.High)];

    // Long enough for a shift; whoever needs more asks again. What nobody ends is no just-in-time access.
    private static readonly TimeSpan LongestOfAll = TimeSpan.FromDays(7);
    private static readonly TimeSpan DefaultDuration = TimeSpan.FromMinutes(30);
    private static readonly TimeSpan DefaultExpires = TimeSpan.FromMinutes(30);

    public static ReadRule? Read(LoadContext context, YamlNode node, int ordinal)
    {
        if (!context.IsMapping(node, "an entry of `requests`")) return null;
        context.CheckKeys(node, Keys);
        var id = Ids.Read(context, node, "request");
        Who? who = null;
        if (node.Find("who") is { } whoNode) who = WhoReader.Read(context, whoNode, "`who`");
        else context.Error(node, "an entry of `requests` must say who may ask: `who: {groups: [...]}`");
        var onNode = On(context, node);
        var on = onNode is null ? [] : EntryReader.Read(context, onNode, mustName: true);
        var (usual, most) = For(context, node);
        var isBreakGlass = BreakGlass(context, node);
        var terms = Terms(context, node, isBreakGlass);
        if (id is null || who is null || onNode is null || terms is null) return null;
        var request = new RequestEntry
        {
            Id = id, Who = who, Scope = YamlJson.ToUtf8(onNode), Default = usual, Max = most, Terms = terms, IsBreakGlass = isBreakGlass,
        };
        return new ReadRule(new Rule { Ordinal = ordinal, Id = id, Effect = RuleEffect.Allow, Who = who, On = on, Request = request, Limits = node.Find("limits") is { } limits ? LimitReader.Read(context, limits, id) : null }, node);
    }

    private static YamlNode? On(LoadContext context, YamlNode node)
    {
        if (node.Find("grant") is not { } grant)
        {
            context.Error(node, "an entry of `requests` must say what is asked for: `grant: {on: {...}}`");
            return null;
        }
        if (!context.IsMapping(grant, "`grant`")) return null;
        context.CheckKeys(grant, GrantKeys);
        if (grant.Find("on") is { } on) return on;
        context.Error(grant, "`grant` must say `on` what");
        return null;
    }

    private static (TimeSpan Usual, TimeSpan Most) For(LoadContext context, YamlNode node)
    {
        if (node.Find("for") is not { } lasting)
        {
            context.Error(node, "an entry of `requests` must say for how long: `for: {default: 30m, max: 2h}`");
            return default;
        }
        if (!context.IsMapping(lasting, "`for`")) return default;
        context.CheckKeys(lasting, ForKeys);
        if (lasting.Find("max") is not { } mostNode)
        {
            context.Error(lasting, "`for` must say `max`: no grant is without an end");
            return default;
        }
        var most = context.Duration(mostNode, "`max`") ?? default;
        if (most > LongestOfAll) context.Error(mostNode, $"`max` is at most {LongestOfAll.TotalDays}d; whoever needs longer asks again, or a rule gives it");
        if (lasting.Find("default") is not { } usualNode) return (most < DefaultDuration ? most : DefaultDuration, most);
        var usual = context.Duration(usualNode, "`default`") ?? default;
        if (usual > most) context.Error(usualNode, $"`default` is longer than `max`");
        return (usual, most);
    }

    private static bool BreakGlass(LoadContext context, YamlNode node)
    {
        if (node.Find("break_glass") is not { } at) return false;
        if (at is { Kind: YamlKind.Scalar, IsPlain: true, Text: "true" }) return true;
        context.Error(at, $"`break_glass` can only be `true`, found {LoadContext.Shown(at)}; leave the key out otherwise");
        return false;
    }

    private static HoldTerms? Terms(LoadContext context, YamlNode node, bool isBreakGlass)
    {
        var approvers = node.Find("approvers");
        if (approvers is null)
        {
            context.Error(node, isBreakGlass
                ? "`break_glass` asks nobody, and must say who is told: `approvers: {groups: [...]}`"
                : "an entry of `requests` must say who agrees: `approvers: {groups: [...]}`");
            return null;
        }
        var expires = node.Find("expires") is { } expiresNode ? context.Duration(expiresNode, "`expires`") : DefaultExpires;
        var risk = node.Find("risk") is { } riskNode ? context.Word(riskNode, "`risk`", Risks) : isBreakGlass ? HoldRisk.High : HoldRisk.Medium;
        // An agreement is used by the gateway itself, as soon as it is there; `valid` covers a restart in between.
        return new HoldTerms(HoldReader.Requirements(context, approvers), expires ?? DefaultExpires, TimeSpan.FromMinutes(10), risk ?? HoldRisk.Medium);
    }
}
