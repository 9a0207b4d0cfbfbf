using System.Buffers;
using System.Text.Json;
using Postern.Core.Approvals;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Pipeline;

namespace Postern.Gateway.Policies;

/// <summary>Publishing, as the pipeline runs it: what is forwarded is the new version, and the target is the gateway itself.</summary>
internal sealed class PublishExchange(PolicyStore store, PolicyDraft draft, string? folder, Operation operation) : IExchange, IReplySink
{
    public Operation Operation => operation;

    /// <summary>Nobody waits for people here; the identical repeat uses their answer.</summary>
    public TimeSpan Patience => TimeSpan.Zero;

    public IReplySink Replies => this;

    /// <summary>The version now in force, or null when it was not put there.</summary>
    public PolicyStatus? Published { get; private set; }

    /// <summary>Why not.</summary>
    public Refusal? Refusal { get; private set; }

    /// <summary>What waits for people, or null.</summary>
    public Hold? Hold { get; private set; }

    /// <summary>The version in force, when the one that this was made from is not it any more.</summary>
    public int? Stale { get; private set; }

    /// <summary>True for a person of whom there is nothing but a token, which an agent may hold as well.</summary>
    public static bool IsTokenAlone(Identity identity) => identity is { Kind: IdentityKind.Person, InteractiveSince: null };

    public async ValueTask ForwardAsync(Clearance clearance, CancellationToken cancellationToken)
    {
        // Looked at here as well: what was decided may have changed since somebody looked first.
        if (clearance.Approval is null && IsTokenAlone(clearance.Identity)) throw new UpstreamException(RefusalCode.NotPermitted, "a person's token alone does not publish") { NothingWasSent = true };
        if (!clearance.TryUse()) throw new InvalidOperationException("a clearance is used once");
        try
        {
            Published = await store.PutInForceAsync(draft, operation.Id.ToString(), folder).ConfigureAwait(false);
        }
        catch (StalePolicyException stale)
        {
            Stale = stale.InForce;
            throw new UpstreamException(RefusalCode.UpstreamInvalid, "another version was published in between", stale) { NothingWasSent = true };
        }
        try
        {
            await clearance.Replies.ReleaseLastAsync(new ReplyFrame(Answer(Published), FrameShape.Json)).ConfigureAwait(false);
        }
        finally
        {
            // Last, because it may cut this very operation: its author may have taken the right from themselves.
            store.Redecide();
        }
    }

    public ValueTask WriteAsync(Masked<ReadOnlyMemory<byte>> content, object? tag, CancellationToken cancellationToken) => default;

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

    private static ReadOnlyMemory<byte> Answer(PolicyStatus status)
    {
        var body = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            json.WriteNumber("version", status.Applied.Number);
            json.WriteString("hash", status.Applied.Hash);
            json.WriteEndObject();
        }
        return body.WrittenMemory;
    }
}
