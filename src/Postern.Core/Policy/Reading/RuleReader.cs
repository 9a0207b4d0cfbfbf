using System.Collections.Immutable;
using Postern.Core.Operations;
using Postern.Core.Policy.Cel;
using Postern.Core.Yaml;

namespace Postern.Core.Policy.Reading;

/// <summary>A rule as read, with the places that later checks point at.</summary>
internal sealed record ReadRule(Rule Rule, YamlNode Node);

/// <summary>Reads one rule.</summary>
internal static class RuleReader
{
    private static readonly ImmutableArray<string> Keys = ["id", "who", "on", "when", "then", "hold", "message", "alternatives", "until", "mode", "limits"];
    private static readonly ImmutableArray<string> NotEnforced = ["reveal"];
    private static readonly ImmutableArray<(string, RuleEffect)> Effects = [("allow", RuleEffect.Allow), ("hold", RuleEffect.Hold), ("guard", RuleEffect.Guard), ("deny", RuleEffect.Deny)];
    private static readonly ImmutableArray<(string, bool)> Modes = [("enforce", false), ("report", true)];

    public static ReadRule? Read(LoadContext context, YamlNode node, int ordinal)
    {
        if (!context.IsMapping(node, "a rule")) return null;
        context.CheckKeys(node, Keys, NotEnforced);
        var id = Ids.Read(context, node, "rule");
        if (node.Find("then") is not { } then)
        {
            context.Error(node, "a rule must say `then`: `allow`, `hold`, `guard` or `deny`");
            return null;
        }
        if (context.Word(then, "`then`", Effects) is not { } effect) return null;
        var gives = effect is RuleEffect.Allow or RuleEffect.Hold;

        var who = Who.Anyone;
        if (node.Find("who") is { } whoNode) who = WhoReader.Read(context, whoNode, "`who`") ?? Who.Anyone;
        else if (gives) context.Error(node, $"`{then.Text}` must say to whom: `who: {{groups: [...]}}`, or `who: anyone` for whoever is authenticated");

        ImmutableArray<Entry> on = [];
        if (node.Find("on") is { } onNode) on = EntryReader.Read(context, onNode, mustName: gives);
        else context.Error(node, "a rule must say `on` what; to mean every connection write `on: {connection: \"*\"}`");

        var terms = Terms(context, node, then, effect);
        var rule = new Rule
        {
            Ordinal = ordinal,
            Id = id ?? "",
            Effect = effect,
            Who = who,
            On = on,
            When = node.Find("when") is { } whenNode ? Condition(context, whenNode, on) : null,
            Until = node.Find("until") is { } until ? context.Instant(until, "`until`") ?? DateTimeOffset.MaxValue : DateTimeOffset.MaxValue,
            IsReport = node.Find("mode") is { } mode && (context.Word(mode, "`mode`", Modes) ?? false),
            Message = node.Find("message") is { } message ? context.Text(message, "`message`") : null,
            Alternatives = node.Find("alternatives") is { } alternatives ? context.Texts(alternatives, "`alternatives`") : [],
            Terms = terms,
            Limits = Limits(context, node, effect, id ?? ""),
        };
        return new ReadRule(rule, node);
    }

    private static HoldTerms? Terms(LoadContext context, YamlNode node, YamlNode then, RuleEffect effect)
    {
        var needs = effect is RuleEffect.Hold or RuleEffect.Guard;
        if (node.Find("hold") is { } hold)
        {
            if (needs) return HoldReader.Read(context, hold);
            context.Error(hold, $"`hold` belongs to `then: hold` and `then: guard`, not to `then: {then.Text}`");
        }
        else if (needs)
        {
            context.Error(node, $"`then: {then.Text}` must say who agrees: `hold: {{approvers: {{groups: [...]}}}}`");
        }
        return null;
    }

    private static RuleLimits? Limits(LoadContext context, YamlNode node, RuleEffect effect, string id)
    {
        if (node.Find("limits") is not { } limits) return null;
        if (effect != RuleEffect.Deny) return LimitReader.Read(context, limits, id);
        context.Error(limits, "`limits` on a `deny` would limit nothing; put them on what permits");
        return null;
    }

    private static CelCondition? Condition(LoadContext context, YamlNode node, ImmutableArray<Entry> on)
    {
        if (context.Text(node, "`when`") is not { } source) return null;
        try
        {
            return CelCondition.Load(source, Variables(context, on));
        }
        catch (CelException problem)
        {
            var (line, column) = Place(node, source, problem.Offset);
            context.Add(ProblemSeverity.Error, node.File, line, column, $"in `when`: {problem.Message}");
            return null;
        }
    }

    /// <summary>The variables of every vocabulary whose operations the entries may match.</summary>
    private static ImmutableArray<WhenVariable> Variables(LoadContext context, ImmutableArray<Entry> on)
    {
        var vocabularies = on.IsEmpty || on.Any(entry => entry.Vocabulary is null) ? context.Environment.Vocabularies : [.. on.Select(entry => entry.Vocabulary!).Distinct()];
        return [.. vocabularies.SelectMany(vocabulary => vocabulary.Variables).DistinctBy(variable => variable.Name)];
    }

    // Exact for conditions on one line; inside blocks and folded text YAML does not keep the place, so the start is named.
    internal static (int Line, int Column) Place(YamlNode node, string source, int offset)
    {
        if (source.Contains('\n', StringComparison.Ordinal)) return (node.Line, node.Column);
        return (node.Line, node.Column + offset + (node.IsPlain ? 0 : 1));
    }
}
