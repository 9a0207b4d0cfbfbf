using System.Buffers;
using System.Text;
using System.Text.Json;
using Postern.Core.Approvals;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Gateway.Policies;

namespace Postern.Gateway.Api;

/// <summary>Administering, as the pipeline runs it: the target is the gateway itself, and what is forwarded is done here.</summary>
/// <param name="operation">What is asked.</param>
/// <param name="act">Does it; the token fires when its right ends.</param>
internal sealed class AdminExchange(Operation operation, Func<CancellationToken, ValueTask<ApiAnswer>> act) : IExchange, IReplySink
{
    private readonly ArrayBufferWriter<byte> _released = new();

    // Of a larger one the digest is recorded: a policy's text stands in the record where it is published.
    private const int MaxRecordedBody = 64 * 1024;

    public Operation Operation => operation;

    /// <summary>Nobody waits for people here; the identical repeat uses their answer.</summary>
    public TimeSpan Patience => TimeSpan.Zero;

    public IReplySink Replies => this;

    /// <summary>True when a person's token alone is not enough.</summary>
    public bool NeedsPresence { get; init; }

    /// <summary>True when the answer tells what recordings say: of it the record has the digest.</summary>
    public bool TellsRecordings { get; init; }

    /// <summary>What it came to, or null when it was not done.</summary>
    public ApiAnswer.Bytes? Answer { get; private set; }

    /// <summary>Why not.</summary>
    public Refusal? Refusal { get; private set; }

    /// <summary>What waits for people, or null.</summary>
    public Hold? Hold { get; private set; }

    /// <summary>A call of a route as an operation: an approval holds for exactly this.</summary>
    public static Operation Of(string publicUrl, string action, ApiRoute route, string path, JsonElement? body, DateTimeOffset now)
    {
        var request = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(request))
        {
            json.WriteStartObject();
            json.WriteString("admin", action);
            json.WriteString("route", route.Operation);
            json.WriteString("path", path);
            if (body is { } sent)
            {
                var text = sent.GetRawText();
                if (Encoding.UTF8.GetByteCount(text) <= MaxRecordedBody)
                {
                    json.WritePropertyName("body");
                    sent.WriteTo(json);
                }
                else
                {
                    json.WriteString("bodyDigest", Digest.Of(Encoding.UTF8.GetBytes(text)).ToString());
                }
            }
            json.WriteEndObject();
        }
        return GatewayVocabulary.Of(GatewayVocabulary.Itself(publicUrl), action, now, request.WrittenMemory);
    }

    public async ValueTask ForwardAsync(Clearance clearance, CancellationToken cancellationToken)
    {
        if (NeedsPresence && clearance.Approval is null && PublishExchange.IsTokenAlone(clearance.Identity))
        {
            throw new UpstreamException(RefusalCode.NotPermitted, "a person's token alone does not do this") { NothingWasSent = true };
        }
        if (!clearance.TryUse()) throw new InvalidOperationException("a clearance is used once");
        var answer = ApiText.Of(await act(cancellationToken).ConfigureAwait(false), operation.Id);
        await clearance.Replies.ReleaseLastAsync(new ReplyFrame(answer.Json, FrameShape.Json) { IsRecordedElsewhere = TellsRecordings }).ConfigureAwait(false);
        // What is answered is what masks have seen and the record holds.
        Answer = answer with { Json = _released.WrittenMemory };
    }

    public ValueTask WriteAsync(Masked<ReadOnlyMemory<byte>> content, object? tag, CancellationToken cancellationToken)
    {
        _released.Write(content.Value.Span);
        return default;
    }

    public ValueTask RefuseAsync(Refusal refusal, CancellationToken cancellationToken)
    {
        Refusal = refusal;
        return default;
    }

    public ValueTask PendAsync(Refusal refusal, Hold hold, CancellationToken cancellationToken)
    {
        (Refusal, Hold) = (refusal, hold);
        return default;
    }
}

/// <summary>What the gateway does by itself, on the one path: decided by its closed list, recorded before it counts.</summary>
internal sealed class OwnOperations(OperationPipeline pipeline, string publicUrl, TimeProvider clock)
{
    /// <summary>Does it. Null when it was done; otherwise why it was not, and then it must be asked for again.</summary>
    /// <param name="action">One of the gateway's own actions.</param>
    /// <param name="describe">Writes members of the recorded request, beside <c>admin</c>.</param>
    /// <param name="act">Does it; its faults are recorded.</param>
    public async ValueTask<string?> RunAsync(string action, Action<Utf8JsonWriter> describe, Func<OperationId, ValueTask> act)
    {
        var request = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(request))
        {
            json.WriteStartObject();
            json.WriteString("admin", action);
            describe(json);
            json.WriteEndObject();
        }
        var operation = GatewayVocabulary.Of(GatewayVocabulary.Itself(publicUrl), action, clock.GetUtcNow(), request.WrittenMemory);
        var exchange = new AdminExchange(operation, async _ =>
        {
            await act(operation.Id).ConfigureAwait(false);
            return new ApiAnswer.Document(static json =>
            {
                json.WriteStartObject();
                json.WriteEndObject();
            });
        });
        await pipeline.RunAsync(exchange, PolicyPublisher.Itself, CancellationToken.None).ConfigureAwait(false);
        return exchange.Answer is null ? exchange.Refusal?.Reason ?? "it could not be done" : null;
    }
}
