using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Security.Cryptography;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Core.Recording;

namespace Postern.Core.Approvals;

/// <summary>
/// Holds an operation until people answer. The stored approval works with every client: the first call opens a hold, a human
/// answers, and the identical repeat consumes the answer, once. Whoever can wait is woken by the answer.
/// </summary>
public sealed class ApprovalDesk(IHoldStore store, IRecorder recorder, ImmutableArray<IHoldChannel> channels, TimeProvider clock)
{
    /// <summary>How old an interactive sign-in may be when its owner answers.</summary>
    public static readonly TimeSpan FreshSignIn = TimeSpan.FromMinutes(5);

    /// <summary>Characters kept of a human's reason.</summary>
    public const int MaxReasonLength = 1_000;

    private readonly ConcurrentDictionary<string, TaskCompletionSource> _waiting = new(StringComparer.Ordinal);

    /// <summary>
    /// Consumes an approval of exactly this operation, or opens (or joins) its hold and waits as long as the caller can.
    /// </summary>
    /// <param name="identity">Who asks.</param>
    /// <param name="operation">What for.</param>
    /// <param name="decide">
    /// The decision under the policy in force when it is called; asked again each time an approval is about to be used, so
    /// that the stricter of then and now counts.
    /// </param>
    /// <param name="patience">How long the caller can wait.</param>
    /// <param name="callerGone">Ends the waiting; what is approved afterwards is not executed for a caller that left.</param>
    /// <returns>Null when <paramref name="decide"/> no longer says hold: the caller decides by what it says now.</returns>
    public async ValueTask<HoldAnswer?> AskAsync(Identity identity, Operation operation, Func<Decision> decide, TimeSpan patience, CancellationToken callerGone)
    {
        var binding = ApprovalBinding.Of(identity, operation);
        var deadline = clock.GetUtcNow() + patience;
        while (true)
        {
            if (decide() is not Decision.Hold demand) return null;
            var now = clock.GetUtcNow();
            var known = await store.FindByBindingAsync(binding, CancellationToken.None).ConfigureAwait(false);
            if (known is { State: HoldState.Approved } && now < known.UsableUntil)
            {
                if (Quorum.IsMet(demand.Terms, known.Answers, known.Requester))
                {
                    if (await store.TryConsumeAsync(known.Id, operation.Id, now, CancellationToken.None).ConfigureAwait(false)) return new HoldAnswer.Cleared(known);
                    continue; // another repeat was faster, or its time ran out in between: look again
                }
                // The policy now asks for more than people gave: their answer is void, and the question is put anew.
                if (!await store.TryVoidAsync(known.Id, CancellationToken.None).ConfigureAwait(false)) continue; // used, or out of time, in between
            }
            if (known is { State: HoldState.Denied } && now < known.ExpiresAt) return new HoldAnswer.Rejected(known);

            var hold = await store.OpenOrJoinAsync(Describe(identity, operation, demand, binding, now), now, CancellationToken.None).ConfigureAwait(false);
            if (hold.OpenedBy == operation.Id) await AnnounceAsync(hold).ConfigureAwait(false);
            if (hold.State != HoldState.Open) continue;
            if (deadline <= now || !await WaitAsync(hold, deadline - now, callerGone).ConfigureAwait(false)) return new HoldAnswer.Pending(hold);
        }
    }

    /// <summary>Takes a human's answer. GET requests and tokens never get here; the sign-in must be interactive and fresh (G8).</summary>
    public async ValueTask<AnswerResult> AnswerAsync(string id, Identity person, bool approve, string reason, CancellationToken cancellationToken)
    {
        while (true)
        {
            var now = clock.GetUtcNow();
            var hold = await store.FindAsync(id, cancellationToken).ConfigureAwait(false);
            if (hold is null || !MaySee(hold, person)) return AnswerResult.NotFound;
            if (!MayAnswer(hold, person)) return AnswerResult.NotAllowed;
            if (person.InteractiveSince is not { } since || now - since > FreshSignIn || since > now + TimeSpan.FromMinutes(1)) return AnswerResult.NotFresh;
            if (hold.State != HoldState.Open || now >= hold.ExpiresAt) return AnswerResult.Over;
            if (hold.Answers.Any(earlier => string.Equals(earlier.Approver, person.Key, StringComparison.Ordinal))) return AnswerResult.AlreadyAnswered;

            var answer = new Answer(person.Key, person.DisplayName, [.. person.QualifiedGroups], approve, Shorten(reason), now);
            var answers = hold.Answers.Add(answer);
            var answered = hold with { Answers = answers };
            if (!approve) answered = answered with { State = HoldState.Denied };
            else if (Quorum.IsMet(hold.Terms, answers, hold.Requester)) answered = answered with { State = HoldState.Approved, UsableUntil = now + hold.Terms.Valid };

            if (!await store.TryAnswerAsync(hold, answered, cancellationToken).ConfigureAwait(false)) continue; // someone else answered meanwhile
            await recorder.NoteAsync(
                new Occurrence("hold.answered", now,
                [
                    new("hold", hold.Id), new("operation", hold.OpenedBy.ToString()), new("by", person.Key),
                    new("answer", approve ? "approve" : "deny"), new("state", answered.State.ToString()), new("reason", answer.Reason),
                ]),
                CancellationToken.None).ConfigureAwait(false);
            if (answered.State != HoldState.Open) Wake(hold.Id);
            return AnswerResult.Accepted;
        }
    }

    /// <summary>The requester, and whoever may answer. For everyone else the hold does not exist.</summary>
    public bool MaySee(Hold hold, Identity person) => IsRequester(hold, person) || MayAnswer(hold, person);

    /// <summary>A person, not the requester, who serves one of the hold's requirements.</summary>
    public bool MayAnswer(Hold hold, Identity person) =>
        person.Kind == IdentityKind.Person && !IsRequester(hold, person) && Quorum.MayServe(hold.Terms, person);

    /// <summary>Ends what is past its time. Called regularly by the gateway; a hold past its time is never used even before.</summary>
    public async ValueTask SweepAsync(CancellationToken cancellationToken)
    {
        var now = clock.GetUtcNow();
        foreach (var id in await store.ExpireAsync(now, cancellationToken).ConfigureAwait(false))
        {
            await recorder.NoteAsync(new Occurrence("hold.expired", now, [new("hold", id)]), cancellationToken).ConfigureAwait(false);
            Wake(id);
        }
    }

    private static bool IsRequester(Hold hold, Identity person) => string.Equals(hold.Requester, person.Key, StringComparison.Ordinal);

    private static string Shorten(string reason) => reason.Length <= MaxReasonLength ? reason : reason[..MaxReasonLength];

    private static Hold Describe(Identity identity, Operation operation, Decision.Hold demand, Digest binding, DateTimeOffset now)
    {
        var random = new OperationId(new UInt128(BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8)), BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8))));
        return new Hold
        {
            Id = random.ToString(),
            Binding = binding,
            OpenedBy = operation.Id,
            Requester = identity.Key,
            RequesterName = identity.DisplayName,
            Agent = identity.Agent,
            ClientName = operation.ClientName,
            Connection = operation.Connection.Name,
            Target = operation.Connection.Target,
            Summary = Summarize(operation),
            Request = operation.Request,
            Terms = demand.Terms,
            Rule = demand.RuleLabel ?? "",
            Reason = demand.Message ?? demand.Reason,
            PolicyVersion = demand.Version.Number,
            OpenedAt = now,
            ExpiresAt = now + demand.Terms.Expires,
            State = HoldState.Open,
        };
    }

    private static string Summarize(Operation operation) =>
        string.Join("; ", operation.Parts.Select(part =>
            $"{part.Action}: {string.Join(", ", part.Facts.SelectMany(fact => fact.IsAll ? ["all"] : fact.Values.AsEnumerable()))}"));

    private async ValueTask AnnounceAsync(Hold hold)
    {
        await recorder.NoteAsync(
            new Occurrence("hold.opened", hold.OpenedAt,
            [
                new("hold", hold.Id), new("operation", hold.OpenedBy.ToString()), new("requester", hold.Requester),
                new("connection", hold.Connection), new("rule", hold.Rule), new("until", hold.ExpiresAt.ToString("O")),
            ]),
            CancellationToken.None).ConfigureAwait(false);
        foreach (var channel in channels) channel.Notify(hold);
    }

    private async ValueTask<bool> WaitAsync(Hold hold, TimeSpan patience, CancellationToken callerGone)
    {
        var signal = _waiting.GetOrAdd(hold.Id, static _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        try
        {
            // The answer may have come between reading the hold and waiting for it.
            if (await store.FindAsync(hold.Id, CancellationToken.None).ConfigureAwait(false) is { State: not HoldState.Open }) return true;
            await signal.Task.WaitAsync(patience, clock, callerGone).ConfigureAwait(false);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private void Wake(string id)
    {
        if (_waiting.TryRemove(id, out var signal)) signal.TrySetResult();
    }
}
