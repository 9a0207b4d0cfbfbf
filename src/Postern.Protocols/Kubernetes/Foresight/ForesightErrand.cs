using System.Buffers;
using Postern.Core.Approvals;
using Postern.Core.Json;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Protocols.Kubernetes.Wire;
using Postern.Upstreams;

namespace Postern.Protocols.Kubernetes.Foresight;

/// <summary>One question about a held request, to the API server: one of the gateway's own operations, a child of the held one, recorded as any other.</summary>
internal sealed class ForesightErrand(KubernetesGateway gateway, KubernetesAsk held, Identity asker, KubernetesRequest request) : IExchange, IReplySink
{
    /// <summary>The action, which is the gateway's own.</summary>
    public const string Action = "kubernetes.foresee";

    private const int MaxAnswer = 4 * 1024 * 1024;

    private readonly Operation _operation = Ask(held, request, gateway.Services.Clock.GetUtcNow());

    /// <summary>The status of the answer; 0 when there was none.</summary>
    public int Status { get; private set; }

    /// <summary>The document, freed of what never leaves and masked.</summary>
    public ReadOnlyMemory<byte> Answer { get; private set; }

    public Operation Operation => _operation;

    public TimeSpan Patience => TimeSpan.Zero;

    public IReplySink Replies => this;

    public async ValueTask ForwardAsync(Clearance clearance, CancellationToken cancellationToken)
    {
        var headers = new List<KeyValuePair<string, string>> { new("Accept", "application/json") };
        if (!request.Body.IsEmpty) headers.Add(new("Content-Type", request.ContentType!));
        gateway.Identify(headers, _operation.Connection.Name, asker);
        var sent = new UpstreamRequest(request.Method, headers) { Target = request.Target, Body = request.Body.IsEmpty ? UpstreamBody.None : UpstreamBody.Of(request.Body) };
        await using var response = await gateway.Services.Upstreams.SendAsync(clearance, sent, cancellationToken).ConfigureAwait(false);
        var answer = new ArrayBufferWriter<byte>(4096);
        while (true)
        {
            var read = await response.ReadAsync(answer.GetMemory(4096), isMidMessage: true).ConfigureAwait(false);
            if (read == 0) break;
            answer.Advance(read);
            if (answer.WrittenCount > MaxAnswer) throw new UpstreamException(RefusalCode.UpstreamInvalid, "the API server's answer is too large to be compared");
        }
        if (response.Header("Content-Type")?.Split(';')[0].Trim() is not "application/json" || StrictJson.Check(answer.WrittenSpan) is not null) throw new UpstreamException(RefusalCode.UpstreamInvalid, "the API server's answer is not JSON with one meaning");
        var scrubbed = new ArrayBufferWriter<byte>(answer.WrittenCount);
        var isChanged = ObjectScrub.Document(answer.WrittenSpan, held.Info is { Resource: "secrets", Group: "" }, scrubbed).IsChanged;
        Status = response.Status;
        await clearance.Replies.ReleaseLastAsync(new ReplyFrame(isChanged ? scrubbed.WrittenMemory : answer.WrittenMemory, KubernetesShapes.Document)).ConfigureAwait(false);
    }

    public ValueTask WriteAsync(Masked<ReadOnlyMemory<byte>> content, object? tag, CancellationToken cancellationToken)
    {
        Answer = content.Value.ToArray();
        return default;
    }

    public ValueTask RefuseAsync(Refusal refusal, CancellationToken cancellationToken)
    {
        Status = 0;
        return default;
    }

    public ValueTask PendAsync(Refusal refusal, Hold hold, CancellationToken cancellationToken) => RefuseAsync(refusal, cancellationToken);

    private static Operation Ask(KubernetesAsk held, KubernetesRequest request, DateTimeOffset now)
    {
        var document = KubernetesDocument.Of(request, isJson: !request.Body.IsEmpty, request.Body);
        return new Operation
        {
            Id = OperationId.New(now),
            Connection = held.Operation.Connection,
            // The facts of what is held, so that the same masks touch it.
            Parts = [new Part { Action = Action, Facts = held.Operation.Parts[0].Facts }],
            Request = document.Bytes,
            // What the held request brings is kept for people alone where it is a credential.
            RecordedAs = held.Operation.RecordedAs,
            RequestShape = KubernetesShapes.Request,
            DigestOf = KubernetesDocument.DigestOf,
            Parent = held.Operation.Id,
        };
    }
}
