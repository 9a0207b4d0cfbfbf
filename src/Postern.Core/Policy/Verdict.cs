using System.Collections.Immutable;
using Postern.Core.Pipeline;

namespace Postern.Core.Policy;

/// <summary>Makes the decision out of a judgement: the strictest part decides, and the deciding rules stand first.</summary>
internal static class Verdict
{
    private const string NoRule = "no rule permits it";

    public static Decision Of(Judgement judgement, PolicyVersion version)
    {
        var reported = Matches(judgement.Reported, first: null);
        if (judgement.IsForbidden)
        {
            var rule = First(judgement.Matched, RuleEffect.Deny);
            return new Decision.Deny(version, Matches(judgement.Matched, rule), rule.Reason, RefusalCode.NotPermitted) { Message = rule.Message, Alternatives = Alternatives(judgement.Matched, RuleEffect.Deny, RuleEffect.Deny), Reported = reported };
        }
        if (judgement.Failed is { } failed)
        {
            return new Decision.Deny(version, Matches(judgement.Matched, failed), $"the condition of `{failed.Id}` failed: {judgement.Failure}", RefusalCode.PolicyError) { Reported = reported };
        }
        if (judgement.IsUngiven)
        {
            return new Decision.Deny(version, Matches(judgement.Matched, first: null), NoRule, RefusalCode.NotPermitted) { HasDecidingRule = false, Reported = reported };
        }
        if (judgement.IsHeld)
        {
            var rule = First(judgement.Matched, RuleEffect.Hold, RuleEffect.Guard);
            return new Decision.Hold(version, Matches(judgement.Matched, rule), rule.Reason, Terms(judgement.Matched)) { Grants = Grants(judgement), Limits = Limits(judgement.Matched), Message = Message(judgement.Matched), Alternatives = Alternatives(judgement.Matched, RuleEffect.Hold, RuleEffect.Guard), Reported = reported };
        }
        if (judgement.Matched is [var only]) return new Decision.Allow(version, only.OnlyMatch, only.Reason) { Grants = Grants(judgement), Limits = only.OnlyLimits, Message = only.Message, Alternatives = only.Alternatives, Reported = reported };
        if (judgement.Matched.Count == 0) return new Decision.Allow(version, [], "part of what is permitted on this connection") { HasDecidingRule = false, Grants = Grants(judgement), Reported = reported };
        var allowed = First(judgement.Matched, RuleEffect.Allow);
        return new Decision.Allow(version, Matches(judgement.Matched, allowed), allowed.Reason) { Grants = Grants(judgement), Limits = Limits(judgement.Matched), Message = allowed.Message, Reported = reported };
    }

    /// <summary>The same refusal, with what the caller may know of it.</summary>
    public static Decision.Deny WithVisibility(Decision.Deny deny, bool isVisible, RequestEntry? offer) => new(deny.Version, deny.Rules, deny.Reason, deny.Code)
    {
        Message = deny.Message,
        Alternatives = deny.Alternatives,
        Reported = deny.Reported,
        HasDecidingRule = deny.HasDecidingRule,
        IsVisible = isVisible,
        Offer = offer,
        IsObjection = deny.IsObjection,
    };

    private static ImmutableArray<string> Grants(Judgement judgement) =>
        judgement.Granted.Count == 0 ? [] : [.. judgement.Granted.Select(granted => granted.Grant)];

    private static ImmutableArray<RuleLimits> Limits(List<Rule> rules)
    {
        ImmutableArray<RuleLimits> all = [];
        foreach (var rule in rules)
        {
            if (rule.Limits is { } limits) all = all.Add(limits);
        }
        return all;
    }

    private static Rule First(List<Rule> rules, RuleEffect effect, RuleEffect? other = null)
    {
        Rule? first = null;
        foreach (var rule in rules)
        {
            if ((rule.Effect == effect || rule.Effect == other) && (first is null || rule.Ordinal < first.Ordinal)) first = rule;
        }
        return first!;
    }

    private static ImmutableArray<RuleMatch> Matches(List<Rule> rules, Rule? first)
    {
        if (rules.Count == 0) return first is null ? [] : first.OnlyMatch;
        if (rules.Count == 1 && (first is null || ReferenceEquals(rules[0], first))) return rules[0].OnlyMatch;
        rules.Sort(static (left, right) => left.Ordinal.CompareTo(right.Ordinal));
        var matches = ImmutableArray.CreateBuilder<RuleMatch>(rules.Count + 1);
        if (first is not null) matches.Add(first.Match);
        foreach (var rule in rules)
        {
            if (!ReferenceEquals(rule, first)) matches.Add(rule.Match);
        }
        return matches.DrainToImmutable();
    }

    private static string? Message(List<Rule> rules)
    {
        foreach (var rule in rules)
        {
            if (rule.Terms is not null && rule.Message is not null) return rule.Message;
        }
        return null;
    }

    private static ImmutableArray<string> Alternatives(List<Rule> rules, RuleEffect effect, RuleEffect other)
    {
        ImmutableArray<string> all = [];
        foreach (var rule in rules)
        {
            if (rule.Alternatives.IsEmpty || (rule.Effect != effect && rule.Effect != other)) continue;
            all = all.IsEmpty ? rule.Alternatives : [.. all.Union(rule.Alternatives, StringComparer.Ordinal)];
        }
        return all;
    }

    // Every requirement must be met, the shortest times and the highest risk count (policy.md section 7).
    private static HoldTerms Terms(List<Rule> rules)
    {
        HoldTerms? merged = null;
        foreach (var rule in rules)
        {
            if (rule.Terms is not { } terms) continue;
            merged = merged is null ? terms : new HoldTerms(
                merged.Requirements.AddRange(terms.Requirements),
                merged.Expires < terms.Expires ? merged.Expires : terms.Expires,
                merged.Valid < terms.Valid ? merged.Valid : terms.Valid,
                merged.Risk > terms.Risk ? merged.Risk : terms.Risk);
        }
        return merged!;
    }
}
