using Postern.Core.Operations;

namespace Postern.Core.Approvals;

/// <summary>What a caller that comes back goes on with.</summary>
public enum ContinuationKind
{
    /// <summary>It waited for people, and waits on. Gives no right.</summary>
    Waiting = 1,

    /// <summary>The target asked back, and the caller brings the answers. Bound to the caller and the call; gives no right.</summary>
    Answering = 2,

    /// <summary>As <see cref="Answering"/>, of an operation that people approved: the approval goes on, once.</summary>
    Cleared = 3,
}

/// <summary>
/// Proof that this gateway told exactly this caller to come back with exactly this call. Only <see cref="ContinuationSeal"/>
/// makes one, from what it sealed itself. A sealed class, neither record nor struct, so that nothing can forge one.
/// </summary>
public sealed class Continuation
{
    private readonly Digest _binding;
    private OperationId? _fitted;

    internal Continuation(ContinuationKind kind, OperationId of, string hold, int leg, DateTimeOffset ends, Digest binding, ReadOnlyMemory<byte> carried)
    {
        Kind = kind;
        Of = of;
        Hold = hold;
        Leg = leg;
        Ends = ends;
        _binding = binding;
        Carried = carried;
    }

    /// <summary>What is gone on with.</summary>
    public ContinuationKind Kind { get; }

    /// <summary>The operation that told the caller to come back.</summary>
    public OperationId Of { get; }

    /// <summary>The hold that is waited for, or whose approval goes on; empty when there is none.</summary>
    public string Hold { get; }

    /// <summary>How many legs of waiting lie behind.</summary>
    public int Leg { get; }

    /// <summary>Absolute end.</summary>
    public DateTimeOffset Ends { get; }

    /// <summary>What the protocol put in for itself.</summary>
    public ReadOnlyMemory<byte> Carried { get; }

    /// <summary>
    /// True when it was given to this identity and agent, for this connection, target and definition, and for the call with this
    /// digest. Only what fits counts with the approvals.
    /// </summary>
    public bool Fits(Identity identity, Operation operation, Digest asked)
    {
        ArgumentNullException.ThrowIfNull(identity);
        ArgumentNullException.ThrowIfNull(operation);
        if (_binding != ApprovalBinding.Of(identity, operation, asked)) return false;
        _fitted = operation.Id;
        return true;
    }

    internal bool IsOf(Operation operation) => _fitted == operation.Id;
}
