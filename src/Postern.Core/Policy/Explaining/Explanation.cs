using System.Collections.Immutable;
using Postern.Core.Grants;
using Postern.Core.Operations;
using Postern.Core.Policy.Cel;
using Postern.Core.Policy.Replay;
using Postern.Core.Recording;
using Outcome = Postern.Core.Policy.Cel.Outcome;

namespace Postern.Core.Policy.Explaining;

/// <summary>What one rule made of an operation, and for want of what it did not match.</summary>
/// <param name="Rule">The rule's id.</param>
/// <param name="Effect">Its <c>then</c>, in lower case.</param>
/// <param name="IsReport">True in <c>mode: report</c>: without effect.</param>
/// <param name="Wants">What it lacked, in words; empty when it matched.</param>
/// <param name="Part">The action of the part that is spoken of.</param>
public sealed record ExplainedRule(string Rule, string Effect, bool IsReport, ImmutableArray<string> Wants, string Part);

/// <summary>
/// Why an operation was decided as it was: which rules matched, and which would have but for one thing. Every question is put to the very
/// functions that a decision asks; none of the answers decides anything.
/// </summary>
/// <param name="Decision">What the version says.</param>
/// <param name="Matched">The rules that matched, the deciding one first.</param>
/// <param name="Nearly">The rules that lacked one thing, in the order of the files.</param>
public sealed record Explanation(Decision Decision, ImmutableArray<ExplainedRule> Matched, ImmutableArray<ExplainedRule> Nearly)
{
    /// <summary>Rules that are told at most; a policy of thousands has many that lack one thing.</summary>
    public const int MaxNearly = 20;

    /// <summary>Explains a decision.</summary>
    /// <param name="policy">The version.</param>
    /// <param name="identity">Who asks.</param>
    /// <param name="operation">What for.</param>
    /// <param name="now">When.</param>
    /// <param name="grants">What was granted to them for a time.</param>
    public static Explanation Of(PolicySet policy, Identity identity, Operation operation, DateTimeOffset now, in ActiveGrants grants = default)
    {
        ArgumentNullException.ThrowIfNull(policy);
        ArgumentNullException.ThrowIfNull(identity);
        ArgumentNullException.ThrowIfNull(operation);
        var decision = policy.Decide(identity, operation, now, grants);
        var deciding = decision is { HasDecidingRule: true, Rules.IsEmpty: false } ? decision.Rules[0].Rule : null;
        var matched = new List<ExplainedRule>();
        var nearly = new List<ExplainedRule>();
        if (policy.VocabularyOf(operation.Connection) is { } vocabulary && identity.Kind != IdentityKind.Gateway)
        {
            foreach (var rule in policy.Rules)
            {
                if (Best(rule, vocabulary, identity, operation, now) is not { } explained) continue;
                // The rule whose failing condition denies lacks nothing: it decided.
                if (explained.Wants.IsEmpty || explained.Rule == deciding) matched.Add(explained);
                else nearly.Add(explained);
            }
        }
        return new Explanation(decision, [.. matched.OrderBy(rule => rule.Rule == deciding ? 0 : 1)], [.. nearly.Take(MaxNearly)]);
    }

    /// <summary>Explains what was recorded, from what the record holds.</summary>
    /// <param name="policy">The version that decided.</param>
    /// <param name="recorded">The record.</param>
    /// <param name="grants">The grants that it counted on, as far as they are still known.</param>
    /// <param name="unfaithful">What the decision read and no record keeps; null when the record holds it all.</param>
    public static Explanation OfRecorded(PolicySet policy, RecordedOperation recorded, ImmutableArray<Grant> grants, out string? unfaithful)
    {
        ArgumentNullException.ThrowIfNull(recorded);
        var question = new RecordedQuestions().Of(recorded.Intent, recorded.Request);
        _ = question.Decide(policy, grants, out unfaithful);
        return Of(policy, question.Identity, question.Operation, recorded.Intent.At, question.GrantsOf(grants));
    }

    /// <summary>The account as lines of text; the same wherever it is told.</summary>
    public IEnumerable<string> Lines()
    {
        yield return Decision switch
        {
            Decision.Allow => $"allowed: {Decision.Reason}",
            Decision.Hold => $"held: {Decision.Reason}",
            Decision.Deny deny => $"denied ({deny.Code}): {Decision.Reason}",
            _ => Decision.Reason,
        };
        foreach (var grant in Decision.Grants) yield return $"granted: `{grant}`";
        foreach (var rule in Matched) yield return $"{(rule.IsReport ? "reported" : "matched")}: `{rule.Rule}` ({rule.Effect}) on {rule.Part}";
        foreach (var rule in Nearly) yield return $"nearly: `{rule.Rule}` ({rule.Effect}) on {rule.Part}, but {rule.Wants[0]}";
    }

    // Of all parts and entries the one that lacks least; null when that is more than one thing.
    private static ExplainedRule? Best(Rule rule, Vocabulary vocabulary, Identity identity, Operation operation, DateTimeOffset now)
    {
        ExplainedRule? best = null;
        foreach (var part in operation.Parts)
        {
            foreach (var entry in rule.On)
            {
                var wants = Wants(rule, entry, part, vocabulary, identity, operation, now);
                if (wants.Count > 1 || (best is not null && best.Wants.Length <= wants.Count)) continue;
                best = new ExplainedRule(rule.Id, rule.Effect.ToString().ToLowerInvariant(), rule.IsReport, [.. wants], part.Action);
            }
        }
        return best;
    }

    private static List<string> Wants(Rule rule, Entry entry, Part part, Vocabulary vocabulary, Identity identity, Operation operation, DateTimeOffset now)
    {
        var wants = new List<string>();
        var hasDefinition = operation.Definition is not null;
        if (!entry.IsOn(operation.Connection))
        {
            // Words of another protocol never come near.
            if (entry.Vocabulary is not null && entry.Vocabulary != vocabulary) return ["it speaks of another protocol", ""];
            wants.Add($"it is not on `{operation.Connection.Name}`");
        }
        if (!new Clause(rule, entry).Matches(part, vocabulary, hasDefinition)) AddSelectors(wants, rule, entry, part, hasDefinition);
        if (!rule.Who.Includes(identity)) wants.Add($"it is for {WhoText.Of(rule.Who)}");
        if (!rule.IsInForce(now)) wants.Add($"it ended at {rule.Until.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss'Z'}");
        // Only a rule that matches otherwise is asked for its condition, as in a decision.
        if (wants.Count > 0 || rule.When is null) return wants;
        var context = new CelContext { Identity = identity, Connection = operation.Connection, Now = now, Variables = part.Variables };
        switch (rule.Evaluate(ref context, out var error))
        {
            case Outcome.False:
                wants.Add("its condition is not true");
                break;
            case Outcome.Error when !rule.IsReport:
                wants.Add($"its condition failed, and an error denies: {error}");
                break;
            // What is unknown takes and does not give.
            case Outcome.Unknown when rule is { Effect: RuleEffect.Allow, IsReport: false }:
                wants.Add("its condition depends on what is not known");
                break;
            default:
                break;
        }
        return wants;
    }

    private static void AddSelectors(List<string> wants, Rule rule, Entry entry, Part part, bool hasDefinition)
    {
        var before = wants.Count;
        foreach (var selector in entry.Selectors)
        {
            var fact = part.FactOrEmpty(selector.Key.Fact);
            if (rule.Gives ? selector.Covers(fact, hasDefinition) : selector.Touches(fact)) continue;
            wants.Add(Missing(selector, fact, hasDefinition));
        }
        // A star never reaches what must be named; an implied part is reached by a whole connection's deny alone.
        if (wants.Count == before) wants.Add(part.IsImplied ? "what is implied needs no rule" : "some of it must be written out by name");
    }

    private static string Missing(Selector selector, Fact fact, bool hasDefinition)
    {
        var written = string.Join(", ", selector.Written.Take(8).Select(value => $"`{value}`"));
        if (fact.IsAll) return $"`{selector.Key.Name}` is {written}, and everything was asked for";
        if (fact.IsEmpty) return $"`{selector.Key.Name}` is {written}, and nothing of the kind was asked for";
        var missing = fact.Values.FirstOrDefault(value => !selector.Names(value));
        if (missing is not null) return $"`{selector.Key.Name}` is {written}, not `{missing}`";
        return selector.Key.PatternsNeedDefinition && !hasDefinition ? $"`{fact.Values[0]}` has no accepted definition, so only its full name reaches it" : $"`{fact.Values[0]}` must be written out by name";
    }
}
