using System.Buffers;
using System.Collections.Immutable;
using System.Text.Json;
using Postern.Core.Approvals;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Core.Policy;
using Postern.Core.Policy.Versions;

namespace Postern.Gateway.Policies;

/// <summary>What became of publishing.</summary>
internal abstract record PublishOutcome
{
    private PublishOutcome()
    {
    }

    /// <summary>It is in force.</summary>
    public sealed record Published(PolicyStatus Status) : PublishOutcome;

    /// <summary>People must agree first.</summary>
    public sealed record Held(Hold Hold) : PublishOutcome;

    /// <summary>No.</summary>
    public sealed record Refused(string Code, string Reason) : PublishOutcome;

    /// <summary>The version that it was made from is no longer in force.</summary>
    public sealed record Stale(int InForce) : PublishOutcome;

    /// <summary>It does not load.</summary>
    public sealed record Bad(ImmutableArray<PolicyProblem> Problems) : PublishOutcome;
}

/// <summary>
/// The one way of a policy into force: publishing is an operation on the connection <c>gateway</c>, decided by the policy before it,
/// recorded with before and after, held for people where a rule says so, and refused otherwise. What the folder holds is published
/// by the gateway itself: who may write there was decided by who administers the machine.
/// </summary>
internal sealed class PolicyPublisher(PolicyStore store, OperationPipeline pipeline, string publicUrl, TimeProvider clock)
{
    /// <summary>The gateway as the publisher of what the folder holds.</summary>
    public static readonly Identity Itself = new() { Issuer = "gateway", Subject = "postern", Kind = IdentityKind.Gateway };

    private readonly Connection _itself = GatewayVocabulary.Itself(publicUrl);

    public PolicyStore Store => store;

    /// <summary>Publishes what somebody sends.</summary>
    public async ValueTask<PublishOutcome> PublishAsync(PolicyDraft draft, Identity identity, CancellationToken gone)
    {
        // 1. Whoever may not publish learns nothing of what the files would have come to, and the refusal is on the record.
        var operation = Of(draft, GatewayVocabulary.ApplyPolicy);
        var decision = store.Current.Decide(identity, operation, clock.GetUtcNow(), store.GrantsOf(identity));
        if (decision is not Decision.Deny)
        {
            // 2. A token is enough for what people agreed to, and for a workload; otherwise its owner must be there, or an agent with their token could publish.
            if (decision is Decision.Allow && PublishExchange.IsTokenAlone(identity))
            {
                return new PublishOutcome.Refused(RefusalCode.NotPermitted, "A person's token alone does not publish. Publish from a browser session of the last minutes, let a rule hold `policy.apply` for others to agree, or use the folder.");
            }
            if (draft.From != store.Status.Applied.Number) return new PublishOutcome.Stale(store.Status.Applied.Number);
            var loaded = store.Check(draft.Files);
            if (loaded.Set is null)
            {
                await store.NoteRejectedAsync(PolicyStore.Errors(loaded.Problems), identity.Key).ConfigureAwait(false);
                return new PublishOutcome.Bad(loaded.Problems);
            }
            if (loaded.Set.Version.Hash.ToString() == store.Status.Applied.Hash) return new PublishOutcome.Published(store.Status);
        }
        // 3. The one path.
        var exchange = new PublishExchange(store, draft, folder: null, operation);
        await pipeline.RunAsync(exchange, identity, gone).ConfigureAwait(false);
        return OutcomeOf(exchange);
    }

    /// <summary>Publishes what the folder holds. Null when it is in force, otherwise why it is not.</summary>
    public async ValueTask<string?> PublishFolderAsync(FolderPolicy folder)
    {
        var draft = new PolicyDraft(folder.Files, Itself.Key, "the files of the configured paths", PolicyOrigin.Folder, store.Status.Applied.Number);
        var exchange = new PublishExchange(store, draft, folder.Hash, Of(draft, GatewayVocabulary.LoadPolicy));
        await pipeline.RunAsync(exchange, Itself, CancellationToken.None).ConfigureAwait(false);
        return exchange.Published is not null ? null : OutcomeOf(exchange) switch
        {
            PublishOutcome.Stale => "another version was published at the same moment",
            PublishOutcome.Refused { Code: RefusalCode.RecordUnavailable } => "a new policy could not be recorded; the version before stays in force",
            _ => "a new policy could not be put in force; the version before stays",
        };
    }

    private static PublishOutcome OutcomeOf(PublishExchange exchange) =>
        exchange.Published is { } published ? new PublishOutcome.Published(published)
        : exchange.Hold is { } hold ? new PublishOutcome.Held(hold)
        : exchange.Stale is { } inForce ? new PublishOutcome.Stale(inForce)
        : new PublishOutcome.Refused(exchange.Refusal?.Code ?? RefusalCode.GatewayUnavailable, exchange.Refusal?.Reason ?? "The policy was not published.");

    /// <summary>The operation: everything in it is recorded before it takes effect, and an approval holds for exactly this.</summary>
    private Operation Of(PolicyDraft draft, string admin)
    {
        var before = store.Status.Applied;
        var body = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            json.WriteString("admin", admin);
            json.WriteString("reason", draft.Reason);
            json.WriteString("source", draft.Source);
            json.WriteStartObject("before");
            json.WriteNumber("version", draft.From);
            json.WriteString("hash", draft.From == before.Number ? before.Hash : null);
            json.WriteEndObject();
            json.WriteStartObject("after");
            json.WriteString("hash", PolicyLoader.HashOf(draft.Files).ToString());
            json.WriteEndObject();
            json.WriteString("changes", draft.From == before.Number && !before.Files.IsDefault ? PolicyDiff.Of(before.Files, draft.Files) : null);
            json.WriteStartObject("files");
            foreach (var file in draft.Files) json.WriteString(file.Path, file.Text);
            json.WriteEndObject();
            json.WriteEndObject();
        }
        return GatewayVocabulary.Of(_itself, admin, clock.GetUtcNow(), body.WrittenMemory);
    }
}
