using Postern.Core.Masking;
using Postern.Core.Operations;

namespace Postern.Core.Policy;

/// <summary>
/// An immutable compiled version of the rules. Pure and in memory: the same arguments always give the same decision,
/// and every argument is in the record, so that any decision can be derived again.
/// </summary>
public sealed class PolicySet
{
    /// <summary>Which version this is.</summary>
    public required PolicyVersion Version { get; init; }

    /// <summary>Decides one operation (policy.md section 2). Never throws: an error inside policy is a deny.</summary>
    public Decision Decide(Identity identity, Operation operation, DateTimeOffset now) =>
        new Decision.Deny(Version, [], "no rule", Pipeline.RefusalCode.NotPermitted);

    /// <summary>
    /// Three-valued: what could become of the operation, whose unknown variables are marked so. Lists show what is not
    /// <see cref="Possibility.Never"/>.
    /// </summary>
    public Possibility Consider(Identity identity, Operation operation, DateTimeOffset now) => Possibility.Never;

    /// <summary>The masks that touch the operation, compiled; cached per set of masks.</summary>
    public MaskPlan MasksFor(Identity identity, Operation operation) => MaskPlan.None;
}
