using Postern.Core.Operations;

namespace Postern.Core.Policy;

/// <summary>Where the pipeline reads the policy in force. Reading is a reference copy; a reload swaps it.</summary>
public interface IPolicySource
{
    /// <summary>The snapshot in force now.</summary>
    PolicySet Current { get; }

    /// <summary>What was granted to an identity, at this moment.</summary>
    ActiveGrants GrantsOf(Identity identity) => ActiveGrants.None;

    /// <summary>Decides one operation under what is in force now.</summary>
    Decision Decide(Identity identity, Operation operation, DateTimeOffset now) => Current.Decide(identity, operation, now, GrantsOf(identity));

    /// <summary>What could become of an operation under what is in force now.</summary>
    Possibility Consider(Identity identity, Operation operation, DateTimeOffset now) => Current.Consider(identity, operation, now, GrantsOf(identity));
}
