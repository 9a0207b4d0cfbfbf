using System.Security.Authentication;
using Postern.Core.Approvals;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Upstreams.Postgres;

namespace Postern.Protocols.Postgres;

/// <summary>Signs in at a server and leaves again: whether it is there and takes the credential.</summary>
internal sealed class PostgresTargetErrand(IPostgresDialer dialer, Operation operation) : IExchange, IReplySink
{
    /// <summary>The gateway's own action.</summary>
    public const string Action = "postgres.target.ask";

    private UpstreamException? _fault;
    private bool _isIn;

    public Operation Operation => operation;

    public TimeSpan Patience => TimeSpan.Zero;

    public IReplySink Replies => this;

    public static async ValueTask<TargetAnswer> AskAsync(ProtocolServices services, Connection connection, CancellationToken cancellationToken)
    {
        var errand = new PostgresTargetErrand(services.Postgres!, TargetErrand.Of(connection, Action, services.Clock.GetUtcNow()));
        await services.Pipeline.RunAsync(errand, Itself.Identity, cancellationToken).ConfigureAwait(false);
        return errand switch
        {
            { _isIn: true } => new(TargetState.Good, "the server lets the gateway in"),
            { _fault: { InnerException: System.Net.Sockets.SocketException or AuthenticationException or OperationCanceledException } fault } => TargetErrand.Failed(fault),
            { _fault: { Code: RefusalCode.UpstreamUnavailable } fault } => new(TargetState.Refused, fault.Message),
            _ => TargetErrand.Failed(errand._fault is { } fault ? new UpstreamException(fault.Code, fault.Message, fault) : null),
        };
    }

    public async ValueTask ForwardAsync(Clearance clearance, CancellationToken cancellationToken)
    {
        try
        {
            var link = await dialer.OpenAsync(clearance, [], cancellationToken).ConfigureAwait(false);
            await link.DisposeAsync().ConfigureAwait(false);
            _isIn = true;
        }
        catch (UpstreamException fault)
        {
            _fault = fault;
            throw;
        }
    }

    public ValueTask WriteAsync(Masked<ReadOnlyMemory<byte>> content, object? tag, CancellationToken cancellationToken) => default;

    public ValueTask RefuseAsync(Refusal refusal, CancellationToken cancellationToken) => default;

    public ValueTask PendAsync(Refusal refusal, Hold hold, CancellationToken cancellationToken) => default;
}
