using System.Collections.Immutable;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Core.Recording;

namespace Postern.Core.Pipeline;

/// <summary>Why a clearance ended before its operation did.</summary>
public enum ClearanceEnd
{
    /// <summary>It has not.</summary>
    None,

    /// <summary>The caller went away.</summary>
    CallerGone,

    /// <summary>The credential ran out or was revoked.</summary>
    CredentialEnded,

    /// <summary>A new policy version no longer permits the operation.</summary>
    PolicyChanged,

    /// <summary>The grant that permitted it is over, or was taken back.</summary>
    GrantEnded,

    /// <summary>A limit of the policy is reached: it ran, or said, as much as it may.</summary>
    LimitReached,

    /// <summary>The gateway stops.</summary>
    Stopping,

    /// <summary>The record cannot be written any more, so what goes on could not be accounted for.</summary>
    RecordBroken,

    /// <summary>Somebody who may ended the session that it belongs to.</summary>
    SessionEnded,
}

/// <summary>
/// Proof that the pipeline said yes to exactly this operation. Only Core makes one; dialling a target takes one, once.
/// A sealed class, neither record nor struct, so that neither <c>with</c> nor <c>default</c> can forge one.
/// </summary>
public sealed class Clearance : IDisposable
{
    private readonly CancellationTokenSource _ended;
    private int _used;
    private int _end;

    internal Clearance(Identity identity, Operation operation, PolicyVersion policy, MaskPlan masks, IAccount account, IReplySink caller, CancellationToken callerGone)
    {
        Identity = identity;
        Operation = operation;
        Policy = policy;
        _ended = CancellationTokenSource.CreateLinkedTokenSource(callerGone);
        Ended = _ended.Token;
        Replies = new ReplyGate(masks, account, caller, Ended);
        Inputs = new InputGate(masks.Record, account, Ended);
    }

    /// <summary>Whose operation it is.</summary>
    public Identity Identity { get; }

    /// <summary>What was permitted.</summary>
    public Operation Operation { get; }

    /// <summary>The session that it was recorded in.</summary>
    internal string Session { get; init; } = "";

    /// <summary>The version it was permitted under.</summary>
    public PolicyVersion Policy { get; internal set; }

    /// <summary>The grants that the decision counted on; when one is over, it is decided again.</summary>
    public ImmutableArray<string> Grants { get; internal set; } = [];

    /// <summary>The timestamp at which its time by the limits of the policy is over.</summary>
    internal long Deadline { get; init; } = long.MaxValue;

    /// <summary>The way back to the caller.</summary>
    public ReplyGate Replies { get; }

    /// <summary>The way to the target for input after the opening request.</summary>
    public InputGate Inputs { get; }

    /// <summary>Fires when the operation must stop: caller gone, credential over, policy changed, gateway stopping.</summary>
    public CancellationToken Ended { get; }

    /// <summary>Why <see cref="Ended"/> fired.</summary>
    public ClearanceEnd End => _end == 0 && Ended.IsCancellationRequested ? ClearanceEnd.CallerGone : (ClearanceEnd)_end;

    /// <summary>The hold whose approval was consumed for exactly this operation; null when it needed none.</summary>
    public Approvals.Hold? Approval { get; internal init; }

    /// <summary>True once the target was dialled: from then on the operation may have taken effect.</summary>
    internal bool IsUsed => Volatile.Read(ref _used) != 0;

    /// <summary>Takes the one use. False the second time: the dialer must refuse.</summary>
    public bool TryUse() => Interlocked.Exchange(ref _used, 1) == 0;

    internal void Cut(ClearanceEnd why)
    {
        Interlocked.CompareExchange(ref _end, (int)why, 0);
        _ended.CancelQuietly();
    }

    /// <summary>Releases the clearance's timer and registrations; the pipeline does this when the operation is over.</summary>
    public void Dispose() => _ended.Dispose();
}
