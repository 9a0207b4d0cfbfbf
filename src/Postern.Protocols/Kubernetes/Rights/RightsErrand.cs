using System.Buffers;
using System.Text.Json;
using Postern.Core.Approvals;
using Postern.Core.Json;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Upstreams;

namespace Postern.Protocols.Kubernetes.Rights;

/// <summary>Asks an API server what the lent credential may do in a namespace: one of the gateway's own operations, recorded as any other.</summary>
internal sealed class RightsErrand(ProtocolServices services, Connection connection, string space) : IExchange, IReplySink
{
    /// <summary>The action, which is the gateway's own.</summary>
    public const string Action = "kubernetes.rights";

    private const int MaxAnswer = 4 * 1024 * 1024;
    private const string Target = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";

    private readonly Operation _operation = Ask(connection, space, services.Clock.GetUtcNow());

    /// <summary>What the API server answered; empty when it did not.</summary>
    public ReadOnlyMemory<byte> Answer { get; private set; }

    /// <summary>Why there is no answer.</summary>
    public string? Complaint { get; private set; }

    public Operation Operation => _operation;

    public TimeSpan Patience => TimeSpan.Zero;

    public IReplySink Replies => this;

    public async ValueTask ForwardAsync(Clearance clearance, CancellationToken cancellationToken)
    {
        var request = new UpstreamRequest("POST", [new("Accept", "application/json"), new("Content-Type", "application/json")]) { Target = Target, Body = UpstreamBody.Of(_operation.Request) };
        await using var response = await services.Upstreams.SendAsync(clearance, request, cancellationToken).ConfigureAwait(false);
        var answer = new ArrayBufferWriter<byte>(4096);
        while (true)
        {
            var read = await response.ReadAsync(answer.GetMemory(4096), isMidMessage: true).ConfigureAwait(false);
            if (read == 0) break;
            answer.Advance(read);
            if (answer.WrittenCount > MaxAnswer) throw new UpstreamException(RefusalCode.UpstreamInvalid, "the API server's answer is too large");
        }
        if (response.Status is not (200 or 201)) throw new UpstreamException(RefusalCode.UpstreamInvalid, $"the API server answered with status {response.Status}");
        if (StrictJson.Check(answer.WrittenSpan) is not null) throw new UpstreamException(RefusalCode.UpstreamInvalid, "the API server's answer is not JSON with one meaning");
        await clearance.Replies.ReleaseLastAsync(new ReplyFrame(answer.WrittenMemory, FrameShape.Json)).ConfigureAwait(false);
    }

    public ValueTask WriteAsync(Masked<ReadOnlyMemory<byte>> content, object? tag, CancellationToken cancellationToken)
    {
        Answer = content.Value.ToArray();
        return default;
    }

    public ValueTask RefuseAsync(Refusal refusal, CancellationToken cancellationToken)
    {
        Complaint = refusal.Reason;
        return default;
    }

    public ValueTask PendAsync(Refusal refusal, Hold hold, CancellationToken cancellationToken) => RefuseAsync(refusal, cancellationToken);

    private static Operation Ask(Connection connection, string space, DateTimeOffset now)
    {
        var request = new ArrayBufferWriter<byte>(128);
        using (var json = new Utf8JsonWriter(request))
        {
            json.WriteStartObject();
            json.WriteString("apiVersion"u8, "authorization.k8s.io/v1"u8);
            json.WriteString("kind"u8, "SelfSubjectRulesReview"u8);
            json.WriteStartObject("spec"u8);
            json.WriteString("namespace"u8, space);
            json.WriteEndObject();
            json.WriteEndObject();
        }
        return new Operation
        {
            Id = OperationId.New(now),
            Connection = connection,
            Parts = [new Part { Action = Action, Facts = [Fact.Of(KubernetesVocabulary.Namespace, space)] }],
            Request = request.WrittenMemory,
            RequestShape = FrameShape.Json,
            DigestOf = static operation => Digest.Of(operation.Request.Span),
        };
    }
}
