using System.Collections.Immutable;

namespace Postern.Core.Policy;

/// <summary>One immutable version of the rules. Every decision names it.</summary>
/// <param name="Number">Counts up from 1 as versions are applied.</param>
/// <param name="Hash">Digest over the sources as read, so that two gateways can tell whether they judge alike.</param>
public sealed record PolicyVersion(int Number, Operations.Digest Hash);

/// <summary>A rule that took part in a decision.</summary>
/// <param name="Rule">The rule's id.</param>
/// <param name="Effect">What its <c>then</c> says.</param>
public sealed record RuleMatch(string Rule, RuleEffect Effect);

/// <summary>The four values of <c>then</c>.</summary>
public enum RuleEffect
{
    /// <summary>Permitted.</summary>
    Allow,

    /// <summary>Permitted once people agree.</summary>
    Hold,

    /// <summary>Gives nothing; whatever gives it, people must agree first.</summary>
    Guard,

    /// <summary>Never.</summary>
    Deny,
}

/// <summary>Three-valued answer when arguments are unknown; how lists are filtered.</summary>
public enum Possibility
{
    /// <summary>No arguments make it permitted or held.</summary>
    Never,

    /// <summary>Some arguments may.</summary>
    Possible,

    /// <summary>Every argument is permitted, without a hold.</summary>
    Always,
}

/// <summary>What policy says of one operation: allow, hold or deny, with the reason, the rules and the version.</summary>
public abstract class Decision
{
    private Decision(PolicyVersion version, ImmutableArray<RuleMatch> rules, string reason)
    {
        Version = version;
        Rules = rules;
        Reason = reason;
    }

    /// <summary>The version that decided.</summary>
    public PolicyVersion Version { get; }

    /// <summary>Every matching rule, the deciding one first when <see cref="HasDecidingRule"/>.</summary>
    public ImmutableArray<RuleMatch> Rules { get; }

    /// <summary>False when what decided is that no rule permits, whatever else matched.</summary>
    public bool HasDecidingRule { get; init; } = true;

    /// <summary>Why, for the record and for administrators. Callers see <see cref="Message"/>, never rule source.</summary>
    public string Reason { get; }

    /// <summary>The author's words for the caller, or null.</summary>
    public string? Message { get; init; }

    /// <summary>What the author offers instead.</summary>
    public ImmutableArray<string> Alternatives { get; init; } = [];

    /// <summary>Rules in <c>mode: report</c> that matched: recorded, without effect.</summary>
    public ImmutableArray<RuleMatch> Reported { get; init; } = [];

    /// <summary>The grants without which some part would not be permitted by what matched; empty when rules alone decided.</summary>
    public ImmutableArray<string> Grants { get; init; } = [];

    /// <summary>The limits of every matching rule; all of them count.</summary>
    public ImmutableArray<RuleLimits> Limits { get; init; } = [];

    /// <summary>The deciding rule and its version, as callers are told it: <c>large-refunds@14</c>; null when no rule decided.</summary>
    public string? RuleLabel => Rules.IsDefaultOrEmpty || !HasDecidingRule ? null : $"{Rules[0].Rule}@{Version.Number}";

    /// <summary>Permitted.</summary>
    public sealed class Allow(PolicyVersion version, ImmutableArray<RuleMatch> rules, string reason) : Decision(version, rules, reason);

    /// <summary>Permitted once people agree.</summary>
    public sealed class Hold(PolicyVersion version, ImmutableArray<RuleMatch> rules, string reason, HoldTerms terms) : Decision(version, rules, reason)
    {
        /// <summary>Who must agree, and by when.</summary>
        public HoldTerms Terms { get; } = terms;
    }

    /// <summary>Refused.</summary>
    public sealed class Deny(PolicyVersion version, ImmutableArray<RuleMatch> rules, string reason, string code) : Decision(version, rules, reason)
    {
        /// <summary>One of <see cref="Pipeline.RefusalCode"/>.</summary>
        public string Code { get; } = code;

        /// <summary>
        /// True when the caller may know that what it named exists: some rule could permit it with other arguments.
        /// False makes the refusal the constant one, in which hidden and absent cannot be told apart.
        /// </summary>
        public bool IsVisible { get; init; }

        /// <summary>What the caller may ask for, so that this would be permitted; null when there is no such thing.</summary>
        public RequestEntry? Offer { get; init; }

        /// <summary>True when a rule gives it, and the protocol says that masks cannot read what would come back.</summary>
        internal bool IsObjection { get; init; }
    }
}

/// <summary>The merged demands of every matching hold and guard (policy.md section 7).</summary>
/// <param name="Requirements">Each must be met; one person may serve several, once each.</param>
/// <param name="Expires">Time to answer; the shortest counts.</param>
/// <param name="Valid">Time to use an approval; the shortest counts.</param>
/// <param name="Risk">The highest stated.</param>
public sealed record HoldTerms(ImmutableArray<ApproverRequirement> Requirements, TimeSpan Expires, TimeSpan Valid, HoldRisk Risk);

/// <summary>How many distinct people, from which groups or by name (qualified, <c>issuer:value</c>).</summary>
public sealed record ApproverRequirement(ImmutableArray<string> Groups, ImmutableArray<string> Users, int Count);

/// <summary>The author's rating of a held operation.</summary>
public enum HoldRisk
{
    /// <summary>Low.</summary>
    Low,

    /// <summary>Medium; the default.</summary>
    Medium,

    /// <summary>High.</summary>
    High,
}
