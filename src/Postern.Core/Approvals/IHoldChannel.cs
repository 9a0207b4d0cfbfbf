using Postern.Core.Grants;
using Postern.Core.Policy;

namespace Postern.Core.Approvals;

/// <summary>Tells people of what waits for them. A channel that is down neither approves nor loses a request.</summary>
public interface IHoldChannel
{
    /// <summary>A hold waits for answers. Queues the notice and returns at once; never throws.</summary>
    void Notify(Hold hold);

    /// <summary>A hold was answered, or its time is over. Queues the notice and returns at once; never throws.</summary>
    void Settled(Hold hold)
    {
    }

    /// <summary>Somebody took access without asking anybody. Queues the notice and returns at once; never throws.</summary>
    void Alarm(Grant grant, RequestEntry entry)
    {
    }
}
