using Postern.Core.Approvals;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Pipeline;

namespace Postern.Protocols.Postgres;

/// <summary>
/// The session as one long operation: its clearance opens the server's side, and when that ends, so does the session. What is asked in it
/// are operations of their own.
/// </summary>
internal sealed class ConnectExchange(PostgresSession session, Operation operation) : IExchange, IReplySink
{
    public Operation Operation => operation;

    public TimeSpan Patience => session.Patience;

    public IReplySink Replies => this;

    public ValueTask ForwardAsync(Clearance clearance, CancellationToken cancellationToken) => session.ServeAsync(clearance);

    public ValueTask RefuseAsync(Refusal refusal, CancellationToken cancellationToken) => session.CloseAsync(Refused.Report(refusal, Wire.OwnMessages.Fatal));

    public ValueTask WaitAsync(Refusal refusal, Waiting waiting, CancellationToken cancellationToken) => session.TellOfWaitingAsync(refusal, waiting);

    public ValueTask PendAsync(Refusal refusal, Hold hold, CancellationToken cancellationToken) => RefuseAsync(refusal, cancellationToken);

    public ValueTask WriteAsync(Masked<ReadOnlyMemory<byte>> content, object? tag, CancellationToken cancellationToken) => session.WriteAsync(content, cancellationToken);
}
