namespace Postern.Core.Approvals;

/// <summary>Tells reviewers that a hold waits. A channel that is down neither approves nor loses a request.</summary>
public interface IHoldChannel
{
    /// <summary>Queues the notice and returns at once; never throws.</summary>
    void Notify(Hold hold);
}
