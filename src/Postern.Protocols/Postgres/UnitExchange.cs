using Postern.Core.Approvals;
using Postern.Core.Operations;
using Postern.Core.Pipeline;

namespace Postern.Protocols.Postgres;

/// <summary>One unit in flight: forwards the judged bytes, says no with the true state of the transaction, says "held" by a notice.</summary>
internal sealed class UnitExchange(PostgresSession session, Operation operation) : IExchange
{
    public Operation Operation => operation;

    public TimeSpan Patience => session.Patience;

    public IReplySink Replies => session;

    public ValueTask ForwardAsync(Clearance clearance, CancellationToken cancellationToken) => session.ForwardAsync(clearance);

    public ValueTask RefuseAsync(Refusal refusal, CancellationToken cancellationToken) => session.RefuseAsync(refusal);

    public ValueTask WaitAsync(Refusal refusal, Waiting waiting, CancellationToken cancellationToken) => session.TellOfWaitingAsync(refusal, waiting);

    public ValueTask PendAsync(Refusal refusal, Hold hold, CancellationToken cancellationToken) => session.RefuseAsync(refusal);
}
