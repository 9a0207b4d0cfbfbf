using System.Buffers;
using System.Security.Authentication;
using Postern.Core.Approvals;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Upstreams;

namespace Postern.Protocols;

/// <summary>Asks a target over HTTP whether it is there: one of the gateway's own operations, recorded as any other.</summary>
internal sealed class TargetErrand(ProtocolServices services, Operation operation, UpstreamRequest request) : IExchange, IReplySink
{
    private const int MaxAnswer = 256 * 1024;

    /// <summary>The status of its answer; 0 when there was none.</summary>
    public int Status { get; private set; }

    /// <summary>The body of its answer.</summary>
    public ReadOnlyMemory<byte> Answer { get; private set; }

    /// <summary>Why there is no answer; null when there is one.</summary>
    public UpstreamException? Fault { get; private set; }

    public Operation Operation => operation;

    public TimeSpan Patience => TimeSpan.Zero;

    public IReplySink Replies => this;

    /// <summary>An errand of this name, without a body.</summary>
    public static Operation Of(Connection connection, string action, DateTimeOffset now) => new()
    {
        Id = OperationId.New(now),
        Connection = connection,
        Parts = [new Part { Action = action, IsImplied = true }],
        Request = default,
        RequestShape = FrameShape.Text,
        DigestOf = static _ => Digest.Of([]),
    };

    /// <summary>Runs it and gives it back.</summary>
    public async ValueTask<TargetErrand> RunAsync(CancellationToken cancellationToken)
    {
        await services.Pipeline.RunAsync(this, Itself.Identity, cancellationToken).ConfigureAwait(false);
        return this;
    }

    /// <summary>What a fault on the way to a target means.</summary>
    public static TargetAnswer Failed(UpstreamException? fault) => fault switch
    {
        null => new(TargetState.Foreign, "it gave no answer that can be read"),
        { InnerException: AuthenticationException } => new(TargetState.Untrusted, fault.Message),
        { NothingWasSent: true } => new(TargetState.Unreachable, fault.Message),
        _ => new(TargetState.Foreign, fault.Message),
    };

    public async ValueTask ForwardAsync(Clearance clearance, CancellationToken cancellationToken)
    {
        try
        {
            await using var response = await services.Upstreams.SendAsync(clearance, request, cancellationToken).ConfigureAwait(false);
            Status = response.Status;
            if (request.Method == "HEAD") return;
            var answer = new ArrayBufferWriter<byte>(4096);
            while (answer.WrittenCount <= MaxAnswer && await response.ReadAsync(answer.GetMemory(4096), isMidMessage: true).ConfigureAwait(false) is > 0 and var read) answer.Advance(read);
            await clearance.Replies.ReleaseLastAsync(new ReplyFrame(answer.WrittenMemory, FrameShape.Text)).ConfigureAwait(false);
        }
        catch (UpstreamException fault)
        {
            Fault = fault;
            throw;
        }
    }

    public ValueTask WriteAsync(Masked<ReadOnlyMemory<byte>> content, object? tag, CancellationToken cancellationToken)
    {
        Answer = content.Value.ToArray();
        return default;
    }

    public ValueTask RefuseAsync(Refusal refusal, CancellationToken cancellationToken) => default;

    public ValueTask PendAsync(Refusal refusal, Hold hold, CancellationToken cancellationToken) => default;
}
