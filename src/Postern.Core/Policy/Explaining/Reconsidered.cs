using System.Collections.Immutable;
using Postern.Core.Grants;
using Postern.Core.Policy.Replay;
using Postern.Core.Recording;

namespace Postern.Core.Policy.Explaining;

/// <summary>
/// What a version says of an operation that was decided by another: of the same question, at the instant when it was asked. Made from the
/// record by the one engine, as a simulation is; what would be a guess is unknown. Nothing is asked of any target.
/// </summary>
/// <param name="Version">The version that is asked.</param>
/// <param name="Kind"><c>allow</c>, <c>hold</c>, <c>deny</c>, or <see cref="UnknownKind"/>.</param>
/// <param name="Code">With a deny: the refusal code.</param>
/// <param name="Reason">Why; of what is unknown, what the record does not hold.</param>
/// <param name="Rules">The rules that matched, the deciding one first; none where what decides is that no rule permits.</param>
/// <param name="Nearly">The rules that lacked one thing.</param>
/// <param name="Differs">True when it is another kind of decision than the one on the record; null when it is unknown.</param>
public sealed record Reconsidered(int Version, string Kind, string? Code, string? Reason, ImmutableArray<RuleMatch> Rules, ImmutableArray<ExplainedRule> Nearly, bool? Differs)
{
    /// <summary>The kind of what the record does not let anybody say.</summary>
    public const string UnknownKind = "unknown";

    /// <summary>Asks a version about a recorded operation.</summary>
    /// <param name="policy">The version.</param>
    /// <param name="recorded">The record.</param>
    /// <param name="grants">The grants that it counted on, as far as they are still known.</param>
    public static Reconsidered Of(PolicySet policy, RecordedOperation recorded, ImmutableArray<Grant> grants)
    {
        ArgumentNullException.ThrowIfNull(policy);
        ArgumentNullException.ThrowIfNull(recorded);
        // Of half a question nothing is derived.
        if (recorded.Closed is { } closed) return Unknown(policy, $"what was asked cannot be read: {closed}");
        var explanation = Explanation.OfRecorded(policy, recorded, grants, out var unfaithful);
        if (unfaithful is not null) return Unknown(policy, unfaithful);
        var decision = explanation.Decision;
        return new Reconsidered(
            policy.Version.Number, Simulation.WordOf(decision), (decision as Decision.Deny)?.Code, decision.Reason, decision.HasDecidingRule ? decision.Rules : [], explanation.Nearly,
            Simulation.ChangeOf(recorded.Intent.Decision.Kind, decision) is not null);
    }

    /// <summary>What of it is told to whoever may not read rules: no more than a refusal would say.</summary>
    public Reconsidered AsRefusal() => Kind == UnknownKind ? this : this with { Reason = null, Rules = Kind == "deny" ? [] : Rules, Nearly = [] };

    private static Reconsidered Unknown(PolicySet policy, string reason) => new(policy.Version.Number, UnknownKind, null, reason, [], [], null);
}
