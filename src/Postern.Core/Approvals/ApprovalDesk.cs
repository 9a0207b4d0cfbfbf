using System.Collections.Immutable;
using System.Security.Cryptography;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Core.Policy;
using Postern.Core.Recording;
using Postern.Core.Sessions;

namespace Postern.Core.Approvals;

/// <summary>
/// Holds an operation until people answer. The stored approval works with every client: the first call opens a hold, a human
/// answers, and the identical repeat consumes the answer, once. Whoever can wait is woken by the answer.
/// </summary>
public sealed class ApprovalDesk(IHoldStore store, IRecorder recorder, ImmutableArray<IHoldChannel> channels, TimeProvider clock, People? people = null, int maxOpen = ApprovalDesk.UsualMaxOpen)
{
    /// <summary>How old an interactive sign-in may be when its owner answers.</summary>
    public static readonly TimeSpan FreshSignIn = TimeSpan.FromMinutes(5);

    /// <summary>Characters kept of a human's reason.</summary>
    public const int MaxReasonLength = 1_000;

    /// <summary>How often a caller that waits is shown that the gateway is still there.</summary>
    public static readonly TimeSpan SignOfLife = TimeSpan.FromSeconds(10);

    /// <summary>Questions of one identity that may wait for people at once (attack A14).</summary>
    public const int UsualMaxOpen = 100;

    /// <summary>How long finding out what an operation would change may take before people are asked without it.</summary>
    public static readonly TimeSpan ForesightPatience = TimeSpan.FromSeconds(10);

    private readonly HoldBell _bell = new();
    private readonly People _people = people ?? new People();

    /// <summary>Who goes on with what people agreed to; set once, before the first answer.</summary>
    public IHoldFollower? Follower { private get; set; }

    /// <summary>
    /// Consumes an approval of exactly this operation, or opens (or joins) its hold and waits as long as the caller can.
    /// </summary>
    /// <param name="waiting">Who asks, what for, and how long it can wait.</param>
    /// <param name="decide">
    /// The decision under the policy in force when it is called; asked again each time an approval is about to be used, so
    /// that the stricter of then and now counts.
    /// </param>
    /// <returns>Null when <paramref name="decide"/> no longer says hold: the caller decides by what it says now.</returns>
    internal async ValueTask<HoldAnswer?> AskAsync(Waiting waiting, Func<Decision> decide)
    {
        var (identity, operation) = (waiting.Identity, waiting.Operation);
        var binding = ApprovalBinding.Of(identity, operation);
        // A caller's patience runs by its own watch: a clock that is set back must not keep it waiting longer (fault F14).
        var began = clock.GetTimestamp();
        var continues = operation.Continues is { } given && given.IsOf(operation) ? given : null;
        var waitsFor = continues is { Kind: ContinuationKind.Waiting } ? continues.Hold : null;
        Hold? hold = null;
        ReadOnlyMemory<byte>? foreseen = null;
        while (true)
        {
            // What changes from here on is seen below, or wakes.
            waiting.Arm();
            var now = clock.GetUtcNow();
            if (hold is not null && waiting.EndAt(now) is not ClearanceEnd.None and var end) return End(hold, end);
            if (decide() is not Decision.Hold demand) return null;
            waiting.Grants = demand.Grants;
            if (continues is { Kind: ContinuationKind.Cleared })
            {
                if (await GoOnAsync(continues, operation, demand, now).ConfigureAwait(false) is { } goneOn) return goneOn;
                continues = null; // the policy asks for more than people gave: the question is put anew
            }
            var known = await store.FindByBindingAsync(binding, CancellationToken.None).ConfigureAwait(false);
            if (known is { State: HoldState.Approved } && now < known.UsableUntil && waiting.EndAt(now) == ClearanceEnd.None)
            {
                if (IsMet(demand.Terms, known))
                {
                    if (await store.TryConsumeAsync(known.Id, operation.Id, now, CancellationToken.None).ConfigureAwait(false)) return new HoldAnswer.Cleared(known, known.OpenedBy);
                    continue; // another repeat was faster, or its time ran out in between: look again
                }
                // The policy now asks for more than people gave: their answer is void, and the question is put anew.
                if (!await store.TryVoidAsync(known.Id, CancellationToken.None).ConfigureAwait(false)) continue; // used, or out of time, in between
            }
            if (known is { State: HoldState.Denied } && now < known.ExpiresAt) return new HoldAnswer.Rejected(known);
            // Whoever waited for it to its end is told so; only a new call asks people anew (fault F16).
            if (known is not null && known.Id == waitsFor && IsOver(known, now)) return new HoldAnswer.Expired(known);

            // What people already look at is not asked a second time.
            if (foreseen is null && !(known is { State: HoldState.Open } && now < known.ExpiresAt)) foreseen = await ForeseeAsync(waiting).ConfigureAwait(false);
            var asked = Describe(identity, operation, demand, binding, now) with { Foreseen = foreseen ?? default };
            hold = await store.TryOpenOrJoinAsync(asked, maxOpen, now, CancellationToken.None).ConfigureAwait(false);
            if (hold is null) return new HoldAnswer.TooMany(asked);
            if (hold.OpenedBy == operation.Id) await AnnounceAsync(hold).ConfigureAwait(false);
            if (waiting.EndAt(now) is not ClearanceEnd.None and var over) return End(hold, over);
            if (hold.State != HoldState.Open) continue;
            waitsFor = hold.Id;
            if (clock.GetElapsedTime(began) >= waiting.Patience || !await WaitAsync(waiting, demand, hold, began).ConfigureAwait(false)) return new HoldAnswer.Pending(hold);
        }
    }

    /// <summary>Opens a hold that no caller waits for, or returns the live one with the same binding; null when its requester has too many open.</summary>
    internal async ValueTask<Hold?> OpenAsync(Hold hold, CancellationToken cancellationToken)
    {
        var opened = await store.TryOpenOrJoinAsync(hold, maxOpen, hold.OpenedAt, cancellationToken).ConfigureAwait(false);
        if (opened?.Id == hold.Id) await AnnounceAsync(opened).ConfigureAwait(false);
        return opened;
    }

    /// <summary>Tells everybody on every channel that somebody took access without asking.</summary>
    internal void Alarm(Grants.Grant grant, RequestEntry entry)
    {
        foreach (var channel in channels) channel.Alarm(grant, entry);
    }

    /// <summary>True when the answers of a hold are enough for these terms.</summary>
    internal bool IsMet(HoldTerms terms, Hold hold) => Quorum.IsMet(terms, hold.Answers, hold.Requester, _people);

    private async ValueTask<ReadOnlyMemory<byte>> ForeseeAsync(Waiting waiting)
    {
        if (waiting.Foresee is not { } foresee) return default;
        using var patience = new CancellationTokenSource(ForesightPatience, clock);
        try
        {
            return await foresee(patience.Token).ConfigureAwait(false);
        }
        catch (Exception fault)
        {
            // People decide without it, and know that they do.
            return System.Text.Encoding.UTF8.GetBytes($"What it would change is not known: finding out failed ({fault.GetType().Name}).\n");
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
            if (!IsFresh(person)) return AnswerResult.NotFresh;
            // An approval that nobody has used is taken back by anyone who could have given it: the no wins (attack A09).
            var takesBack = !approve && hold.State == HoldState.Approved && now < hold.UsableUntil;
            if (!takesBack && (hold.State != HoldState.Open || now >= hold.ExpiresAt)) return AnswerResult.Over;
            if (!takesBack && hold.Answers.Any(earlier => _people.AreOne(earlier.Approver, person.Key))) return AnswerResult.AlreadyAnswered;

            var answer = new Answer(person.Key, person.DisplayName, [.. person.QualifiedGroups], approve, Shorten(reason), now);
            var answers = hold.Answers.Add(answer);
            var answered = hold with { Answers = answers };
            if (!approve) answered = answered with { State = HoldState.Denied, UsableUntil = null };
            else if (IsMet(hold.Terms, hold with { Answers = answers })) answered = answered with { State = HoldState.Approved, UsableUntil = now + hold.Terms.Valid };

            if (!await store.TryAnswerAsync(hold, answered, cancellationToken).ConfigureAwait(false)) continue; // someone else answered meanwhile
            await recorder.NoteAsync(
                new Occurrence("hold.answered", now,
                [
                    new("hold", hold.Id), new("operation", hold.OpenedBy.ToString()), new("by", person.Key),
                    new("answer", approve ? "approve" : "deny"), new("state", answered.State.ToString()), new("reason", answer.Reason),
                    new("seconds", ((long)(now - hold.OpenedAt).TotalSeconds).ToString(System.Globalization.CultureInfo.InvariantCulture)),
                ]),
                CancellationToken.None).ConfigureAwait(false);
            if (answered.State != HoldState.Open) await SettleAsync(answered).ConfigureAwait(false);
            return AnswerResult.Accepted;
        }
    }

    /// <summary>The requester, and whoever may answer. For everyone else the hold does not exist.</summary>
    public bool MaySee(Hold hold, Identity person) => IsRequester(hold, person) || MayAnswer(hold, person);

    /// <summary>A person, not the requester, who serves one of the hold's requirements.</summary>
    public bool MayAnswer(Hold hold, Identity person) =>
        person.Kind == IdentityKind.Person && !IsRequester(hold, person) && Quorum.MayServe(hold.Terms, person);

    /// <summary>True for a person who signed in just now, in a browser; never for a token.</summary>
    public bool IsFresh(Identity person)
    {
        ArgumentNullException.ThrowIfNull(person);
        var now = clock.GetUtcNow();
        return person.Kind == IdentityKind.Person && person.InteractiveSince is { } since && now - since <= FreshSignIn && since <= now + TimeSpan.FromMinutes(1);
    }

    /// <summary>Ends what is past its time. Called regularly by the gateway; a hold past its time is never used even before.</summary>
    public async ValueTask SweepAsync(CancellationToken cancellationToken)
    {
        var now = clock.GetUtcNow();
        foreach (var id in await store.ExpireAsync(now, cancellationToken).ConfigureAwait(false))
        {
            await recorder.NoteAsync(new Occurrence("hold.expired", now, [new("hold", id)]), cancellationToken).ConfigureAwait(false);
            if (await store.FindAsync(id, cancellationToken).ConfigureAwait(false) is { } over) await SettleAsync(over).ConfigureAwait(false);
            else _bell.Ring(id);
        }
    }

    /// <summary>Ends what a revoked identity asked for or agreed to, unless it was used already. Returns how many holds that were.</summary>
    public ValueTask<int> RevokeAsync(string identity, DateTimeOffset now) => RevokeAsync(RevocationSubject.OfIdentity(identity), now);

    /// <summary>Ends what a revocation takes the ground from: open questions, and approvals that nobody has used.</summary>
    /// <returns>How many.</returns>
    public async ValueTask<int> RevokeAsync(RevocationSubject subject, DateTimeOffset now)
    {
        var ended = await store.RevokeAsync(subject, CancellationToken.None).ConfigureAwait(false);
        foreach (var id in ended)
        {
            await recorder.NoteAsync(new Occurrence("hold.expired", now, [new("hold", id), new("revoked", subject.Of == RevocationOf.Identity ? subject.Key : subject.ToString())]), CancellationToken.None).ConfigureAwait(false);
            _bell.Ring(id);
        }
        return ended.Length;
    }

    // The answer counts and is written down; what follows from it is made up for by whoever follows, if it fails here.
    private async ValueTask SettleAsync(Hold hold)
    {
        _bell.Ring(hold.Id);
        foreach (var channel in channels) channel.Settled(hold);
        if (Follower is { } follower && hold.Grant is not null) await follower.SettledAsync(hold).ConfigureAwait(false);
    }

    // Whatever account they use: who asked does not answer (G8).
    private bool IsRequester(Hold hold, Identity person) => _people.AreOne(hold.Requester, person.Key);

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
            Origin = HoldOrigin.Of(identity),
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

    /// <summary>The approval of an operation whose target asked back goes on with the answers: once, and not beyond its end.</summary>
    /// <returns>Null when it is not enough any more.</returns>
    private async ValueTask<HoldAnswer?> GoOnAsync(Continuation continues, Operation operation, Decision.Hold demand, DateTimeOffset now)
    {
        var known = await store.FindAsync(continues.Hold, CancellationToken.None).ConfigureAwait(false)
            ?? throw new InvalidOperationException("the hold that is gone on with is not in the store");
        if (!IsMet(demand.Terms, known)) return null;
        return await store.TryContinueAsync(known.Id, continues.Of, operation.Id, now, CancellationToken.None).ConfigureAwait(false)
            ? new HoldAnswer.Cleared(known, continues.Of)
            : new HoldAnswer.Spent(known);
    }

    /// <summary>Returns true when there is something to look at, false when the caller's patience is over.</summary>
    private async ValueTask<bool> WaitAsync(Waiting waiting, Decision.Hold demand, Hold hold, long began)
    {
        _bell.Join(hold.Id, waiting);
        try
        {
            // The answer may have come between reading the hold and listening for it.
            if (await store.FindAsync(hold.Id, CancellationToken.None).ConfigureAwait(false) is not { State: HoldState.Open }) return true;
            while (true)
            {
                await waiting.SignAsync(demand, hold).ConfigureAwait(false);
                var open = hold.ExpiresAt - clock.GetUtcNow();
                if (open <= TimeSpan.Zero) return true;
                var left = waiting.Patience - clock.GetElapsedTime(began);
                if (left <= TimeSpan.Zero) return false;
                var slice = left < open ? left : open;
                if (await waiting.SleepAsync(slice < SignOfLife ? slice : SignOfLife, clock).ConfigureAwait(false)) return true;
            }
        }
        finally
        {
            _bell.Leave(hold.Id, waiting);
        }
    }

    private static bool IsOver(Hold hold, DateTimeOffset now) => hold.State switch
    {
        HoldState.Open => now >= hold.ExpiresAt,
        HoldState.Approved => now >= hold.UsableUntil,
        HoldState.Expired => true,
        _ => false,
    };

    // Whoever left, or was sent away by a stop, finds the hold again with the repeat. A credential that is over is told as such.
    private static HoldAnswer End(Hold hold, ClearanceEnd why) =>
        why is ClearanceEnd.CallerGone or ClearanceEnd.Stopping ? new HoldAnswer.Pending(hold) : new HoldAnswer.Ended(hold, why);
}
