namespace Postern.Core.Policy;

/// <summary>Where the pipeline reads the policy in force. Reading is a reference copy; a reload swaps it.</summary>
public interface IPolicySource
{
    /// <summary>The snapshot in force now.</summary>
    PolicySet Current { get; }
}
