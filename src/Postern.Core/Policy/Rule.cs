using System.Collections.Immutable;
using Postern.Core.Operations;
using Postern.Core.Policy.Cel;

namespace Postern.Core.Policy;

/// <summary>One compiled rule. What a decision says about it is built once, here.</summary>
internal sealed class Rule
{
    /// <summary>Place among all rules; keeps the order of a decision's rules stable.</summary>
    public required int Ordinal { get; init; }

    public required string Id { get; init; }

    public required RuleEffect Effect { get; init; }

    public required Who Who { get; init; }

    public required ImmutableArray<Entry> On { get; init; }

    public CelCondition? When { get; init; }

    /// <summary>The first instant at which the rule is no longer in force.</summary>
    public DateTimeOffset Until { get; init; } = DateTimeOffset.MaxValue;

    /// <summary>Evaluated and recorded, without effect.</summary>
    public bool IsReport { get; init; }

    public string? Message { get; init; }

    public ImmutableArray<string> Alternatives { get; init; } = [];

    /// <summary>Hold and guard: what they demand.</summary>
    public HoldTerms? Terms { get; init; }

    /// <summary>The entry under <c>requests:</c> that this rule is: an allow that counts for whoever has a grant under it, and nobody else.</summary>
    public RequestEntry? Request { get; init; }

    /// <summary>What is counted wherever the rule matches; null when nothing is.</summary>
    public RuleLimits? Limits { get; init; }

    /// <summary>Allow and hold give; guard and deny only take.</summary>
    public bool Gives => Effect is RuleEffect.Allow or RuleEffect.Hold;

    public RuleMatch Match => field ??= new RuleMatch(Id, Effect);

    public ImmutableArray<RuleMatch> OnlyMatch => field.IsDefault ? field = [Match] : field;

    public ImmutableArray<RuleLimits> OnlyLimits => field.IsDefault ? field = Limits is null ? [] : [Limits] : field;

    public string Reason => field ??= Effect switch
    {
        RuleEffect.Allow when Request is not null => $"permitted by a grant under `{Id}`",
        RuleEffect.Allow => $"permitted by `{Id}`",
        RuleEffect.Deny => $"forbidden by `{Id}`",
        _ => $"held by `{Id}`",
    };

    public bool IsInForce(DateTimeOffset now) => now < Until;

    public Outcome Evaluate(ref CelContext context, out string? error)
    {
        error = null;
        return When is null ? Outcome.True : When.Evaluate(ref context, out error);
    }
}
