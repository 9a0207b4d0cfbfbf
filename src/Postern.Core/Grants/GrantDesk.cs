using System.Collections.Immutable;
using System.Globalization;
using Postern.Core.Approvals;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Core.Recording;
using Postern.Core.Sessions;

namespace Postern.Core.Grants;

/// <summary>
/// Just-in-time access: takes requests, puts the question to people like any other hold, gives what they agreed to, and ends it.
/// Whatever changes is written to the journal before it has an effect.
/// </summary>
public sealed class GrantDesk(
    IGrantStore store, IHoldStore holds, ApprovalDesk approvals, IPolicySource policies, Leash leash, IRecorder recorder, Connection gateway, TimeProvider clock) : IHoldFollower, IDisposable
{
    /// <summary>The shortest grant.</summary>
    public static readonly TimeSpan Shortest = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly Lock _watch = new();
    private DateTimeOffset _latest = DateTimeOffset.MinValue;
    private long _latestAt;

    /// <summary>Takes up what was stored: before anything is decided.</summary>
    public async ValueTask StartAsync(CancellationToken cancellationToken)
    {
        // A clock that was set back while the gateway was down must not give time again.
        var now = await store.SeenAsync(clock.GetUtcNow(), cancellationToken).ConfigureAwait(false);
        lock (_watch) (_latest, _latestAt) = (now, clock.GetTimestamp());
        foreach (var grant in await store.InAsync(GrantState.Active, cancellationToken).ConfigureAwait(false))
        {
            if (now < grant.EndsAt) leash.Grants.Add(grant, now);
        }
        await SweepAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Asks people for a grant; a request for what would be the same grant joins the one that waits.</summary>
    public async ValueTask<GrantAnswer> AskAsync(Identity asker, GrantAsk ask, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(asker);
        ArgumentNullException.ThrowIfNull(ask);
        var policy = policies.Current;
        var holder = Through(asker, ask.Agent);
        if (EntryOf(policy, ask.Entry) is not { } entry || !entry.MayAsk(holder)) return GrantAnswer.NotFound.Instance;
        var reason = ask.Reason.Trim();
        if (reason.Length is 0 or > ApprovalDesk.MaxReasonLength) return new GrantAnswer.Invalid($"a request needs a `reason` of at most {ApprovalDesk.MaxReasonLength} characters: people read it before they answer");
        var duration = ask.For ?? entry.Default;
        if (duration < Shortest || duration > entry.Max) return new GrantAnswer.Invalid($"`{entry.Id}` is granted for 1s to {GrantText.Of(entry.Max)}; found `{GrantText.Of(duration)}`");

        if (entry.IsBreakGlass && !approvals.IsFresh(asker)) return GrantAnswer.NotFresh.Instance;
        var now = clock.GetUtcNow();
        var id = GrantText.NewId();
        var grant = new Grant
        {
            Id = id, Entry = entry.Id, Scope = System.Text.Encoding.UTF8.GetString(entry.Scope.Span), Holder = holder.Key, HolderName = holder.DisplayName, Agent = holder.Agent,
            Reason = reason, Duration = duration, AskedAt = now, PolicyVersion = policy.Version.Number, State = GrantState.Asked, IsBreakGlass = entry.IsBreakGlass,
        };
        return entry.IsBreakGlass
            ? await BreakGlassAsync(grant, entry, now).ConfigureAwait(false)
            : await PutAsync(grant, entry, holder, policy.Version, now, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Takes a grant back: what runs on it is cut before anything is waited for. Its holder may, with any credential; whoever could have
    /// agreed to it, and whom the policy lets administer it, after a sign-in of the last minutes.
    /// </summary>
    public async ValueTask<GrantRevocation> RevokeAsync(string id, Identity by, string reason, bool isAdministrator, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(by);
        var grant = await store.FindAsync(id, cancellationToken).ConfigureAwait(false);
        if (grant is null || !(isAdministrator || MaySee(grant, by))) return GrantRevocation.NotFound;
        if (grant.Holder != by.Key && !approvals.IsFresh(by)) return GrantRevocation.NotFresh;
        return await CloseAsync(grant, GrantState.Revoked, by.Key, reason).ConfigureAwait(false) ? GrantRevocation.Revoked : GrantRevocation.Over;
    }

    /// <summary>Ends every grant of an identity whose credentials are taken back, and every one that it agreed to. Returns how many.</summary>
    public ValueTask<int> RevokeAllAsync(string identityKey) => CloseAllAsync(
        grant => grant.Holder == identityKey || grant.Approvers.Contains(identityKey, StringComparer.Ordinal), $"the credentials of `{identityKey}` were taken back");

    /// <summary>
    /// Ends the grants that a revocation takes the ground from: those of an identity, of an agent, or of a group's members (of everybody of its issuer of whom
    /// the groups are not known). A session, token or family that ends leaves its person the person's grants: using one needs another credential.
    /// </summary>
    /// <param name="subject">What was revoked.</param>
    /// <param name="groupsOf">The qualified groups of an account when it was last seen; null when it was not.</param>
    public ValueTask<int> RevokeAllAsync(RevocationSubject subject, Func<string, IReadOnlySet<string>?> groupsOf)
    {
        ArgumentNullException.ThrowIfNull(groupsOf);
        var (issuer, because) = (subject.Issuer + ":", $"`{subject}` was revoked");
        return subject.Of switch
        {
            RevocationOf.Identity => RevokeAllAsync(subject.Key),
            RevocationOf.Agent => CloseAllAsync(grant => grant.Holder.StartsWith(issuer, StringComparison.Ordinal) && grant.Agent == subject.Value, because),
            RevocationOf.Group => CloseAllAsync(grant => grant.Holder.StartsWith(issuer, StringComparison.Ordinal) && groupsOf(grant.Holder) is var known && (known is null || known.Contains(subject.Key)), because),
            _ => ValueTask.FromResult(0),
        };
    }

    /// <summary>Ends what an identity holds, which it may have been given as a member of what it has left. Returns how many.</summary>
    public ValueTask<int> EndOfAsync(string holder, string because) => CloseAllAsync(grant => grant.Holder == holder, because);

    private async ValueTask<int> CloseAllAsync(Func<Grant, bool> which, string because)
    {
        var ended = 0;
        foreach (var grant in await store.InAsync(GrantState.Active, CancellationToken.None).ConfigureAwait(false))
        {
            if (which(grant) && await CloseAsync(grant, GrantState.Revoked, null, because).ConfigureAwait(false)) ended++;
        }
        return ended;
    }

    /// <summary>The holder, and whoever may agree to such a grant. For everyone else it does not exist.</summary>
    public bool MaySee(Grant grant, Identity identity)
    {
        ArgumentNullException.ThrowIfNull(grant);
        ArgumentNullException.ThrowIfNull(identity);
        return grant.Holder == identity.Key || (identity.Kind == IdentityKind.Person && EntryOf(policies.Current, grant.Entry) is { } entry && Quorum.MayServe(entry.Terms, identity));
    }

    /// <summary>The entries that this identity may ask for.</summary>
    public ImmutableArray<RequestEntry> EntriesFor(Identity identity) => [.. policies.Current.Requests.Where(entry => entry.MayAsk(identity))];

    /// <inheritdoc/>
    public async ValueTask SettledAsync(Hold hold)
    {
        ArgumentNullException.ThrowIfNull(hold);
        if (hold.Grant is not { } id || await store.FindAsync(id, CancellationToken.None).ConfigureAwait(false) is not { } grant) return;
        await SettleAsync(grant, hold).ConfigureAwait(false);
    }

    /// <summary>Gives what people agreed to and a stop kept from being given, and closes what is over. A grant past its end permits nothing even before.</summary>
    public async ValueTask SweepAsync(CancellationToken cancellationToken)
    {
        var now = clock.GetUtcNow();
        foreach (var grant in await store.InAsync(GrantState.Asked, cancellationToken).ConfigureAwait(false))
        {
            var hold = grant.Hold is null ? null : await holds.FindAsync(grant.Hold, cancellationToken).ConfigureAwait(false);
            if (hold is not null) await SettleAsync(grant, hold).ConfigureAwait(false);
            else if (now - grant.AskedAt > TimeSpan.FromMinutes(1)) await store.ForgetAsync(grant.Id, cancellationToken).ConfigureAwait(false); // a crash kept its question from being put
        }
        var live = await store.InAsync(GrantState.Active, cancellationToken).ConfigureAwait(false);
        foreach (var grant in live)
        {
            if (!leash.Grants.AreLive(grant.Holder, [grant.Id], now)) await CloseAsync(grant, GrantState.Ended, null, null).ConfigureAwait(false);
        }
        if (!live.IsEmpty) await store.SeenAsync(Latest(), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The latest instant that was seen, and what passed since by the watch that nobody can set.</summary>
    private DateTimeOffset Latest()
    {
        lock (_watch)
        {
            var now = clock.GetUtcNow();
            var passed = _latestAt == 0 && _latest == DateTimeOffset.MinValue ? now : _latest + clock.GetElapsedTime(_latestAt);
            (_latest, _latestAt) = (now > passed ? now : passed, clock.GetTimestamp());
            return _latest;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _turn.Dispose();

    private static RequestEntry? EntryOf(PolicySet policy, string id)
    {
        foreach (var entry in policy.Requests)
        {
            if (string.Equals(entry.Id, id, StringComparison.Ordinal)) return entry;
        }
        return null;
    }

    // A grant is for an identity and an agent; whoever asks in a browser asks for the agent that will use it.
    private static Identity Through(Identity asker, string? agent) => string.Equals(asker.Agent, agent, StringComparison.Ordinal) ? asker : new Identity
    {
        Issuer = asker.Issuer, Subject = asker.Subject, Kind = asker.Kind, Agent = agent, Groups = asker.Groups, DisplayName = asker.DisplayName, Claims = asker.Claims,
        IssuedAt = asker.IssuedAt, ExpiresAt = asker.ExpiresAt, SessionId = asker.SessionId, TokenId = asker.TokenId, Family = asker.Family, OwnGroups = asker.OwnGroups,
    };

    private async ValueTask<GrantAnswer> PutAsync(Grant grant, RequestEntry entry, Identity holder, PolicyVersion version, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var question = GrantText.QuestionOf(grant, entry, gateway, now);
        var hold = new Hold
        {
            Id = GrantText.NewId(),
            Binding = ApprovalBinding.Of(holder, question),
            OpenedBy = question.Id,
            Requester = holder.Key,
            RequesterName = holder.DisplayName,
            Agent = holder.Agent,
            Origin = HoldOrigin.Of(holder),
            Connection = gateway.Name,
            Target = gateway.Target,
            Summary = $"access under {entry.Id} for {GrantText.Of(grant.Duration)}",
            Request = question.Request,
            Terms = entry.Terms,
            Rule = $"{entry.Id}@{version.Number}",
            Reason = "access under this entry is given when people agree",
            PolicyVersion = version.Number,
            OpenedAt = now,
            ExpiresAt = now + entry.Terms.Expires,
            State = HoldState.Open,
            Grant = grant.Id,
        };
        grant = grant with { Hold = hold.Id };
        await NoteAsync("grant.asked", grant, now, Fact("hold", hold.Id)).ConfigureAwait(false);
        await store.AddAsync(grant, cancellationToken).ConfigureAwait(false);
        var opened = await approvals.OpenAsync(hold, cancellationToken).ConfigureAwait(false);
        if (opened?.Id == hold.Id) return new GrantAnswer.Asked(grant);
        await store.ForgetAsync(grant.Id, CancellationToken.None).ConfigureAwait(false);
        if (opened is null) return new GrantAnswer.Invalid("too many of your questions wait for people already; wait until some are answered");
        return await store.FindAsync(opened.Grant ?? "", cancellationToken).ConfigureAwait(false) is { } joined ? new GrantAnswer.Asked(joined) : new GrantAnswer.Invalid("the identical request is being put at this moment; ask again");
    }

    private async ValueTask<GrantAnswer> BreakGlassAsync(Grant grant, RequestEntry entry, DateTimeOffset now)
    {
        var given = grant with { State = GrantState.Active, GivenAt = now, EndsAt = now + grant.Duration };
        // Recorded first: whoever breaks the glass cannot do it unseen, not even while the disk is full.
        await NoteAsync("grant.break_glass", given, now).ConfigureAwait(false);
        await _turn.WaitAsync(CancellationToken.None).ConfigureAwait(false);
        try
        {
            await store.AddAsync(given, CancellationToken.None).ConfigureAwait(false);
            leash.Grants.Add(given, now);
        }
        finally
        {
            _turn.Release();
        }
        approvals.Alarm(given, entry);
        return new GrantAnswer.Given(given);
    }

    private async ValueTask SettleAsync(Grant grant, Hold hold)
    {
        var now = clock.GetUtcNow();
        switch (hold.State)
        {
            case HoldState.Denied:
                await CloseAsync(grant, GrantState.NotGiven, null, "a person said no").ConfigureAwait(false);
                return;
            case HoldState.Expired:
            case HoldState.Open when now >= hold.ExpiresAt:
                await CloseAsync(grant, GrantState.NotGiven, null, "nobody answered in time").ConfigureAwait(false);
                return;
            case HoldState.Approved:
            case HoldState.Consumed when hold.ConsumedBy?.ToString() == grant.Id:
                await GiveAsync(grant, hold, now).ConfigureAwait(false);
                return;
            default:
                return;
        }
    }

    private async ValueTask GiveAsync(Grant grant, Hold hold, DateTimeOffset now)
    {
        await _turn.WaitAsync(CancellationToken.None).ConfigureAwait(false);
        try
        {
            var entry = EntryOf(policies.Current, grant.Entry);
            // Decided again under the policy in force: another scope, or more people than agreed, is another question (attack A19).
            var why = entry is null || entry.ScopeDigest != grant.ScopeDigest() ? "the policy changed what may be asked for"
                : entry.IsBreakGlass || !approvals.IsMet(entry.Terms, hold) ? "the policy asks for more than people gave"
                : null;
            if (why is not null)
            {
                await holds.TryVoidAsync(hold.Id, CancellationToken.None).ConfigureAwait(false);
                await CloseInTurnAsync(grant, GrantState.NotGiven, null, why).ConfigureAwait(false);
                return;
            }
            // From when people agreed, so that a restart in between gives no more time; never beyond what the policy allows now.
            var given = hold.Answers[^1].At;
            var ends = given + (grant.Duration < entry!.Max ? grant.Duration : entry.Max);
            if (hold.State == HoldState.Approved && !await holds.TryConsumeAsync(hold.Id, GrantText.OperationOf(grant), now, CancellationToken.None).ConfigureAwait(false)) return; // taken back, or out of time, in between
            if (now >= ends)
            {
                await CloseInTurnAsync(grant, GrantState.NotGiven, null, "its time was over before it could be given").ConfigureAwait(false);
                return;
            }
            var active = grant with { State = GrantState.Active, GivenAt = given, EndsAt = ends, Approvers = [.. hold.Answers.Where(answer => answer.Approved).Select(answer => answer.Approver)] };
            await NoteAsync("grant.given", active, now, Fact("hold", hold.Id), Fact("approvers", string.Join(", ", active.Approvers))).ConfigureAwait(false);
            if (await store.TryChangeAsync(grant, active, CancellationToken.None).ConfigureAwait(false)) leash.Grants.Add(active, now);
        }
        finally
        {
            _turn.Release();
        }
    }

    private async ValueTask<bool> CloseAsync(Grant grant, GrantState state, string? by, string? because)
    {
        // In memory first, however slow disks are: nothing new begins on it, and what runs is cut.
        leash.Grants.Remove(grant);
        leash.Reconsider(grant.Holder);
        await _turn.WaitAsync(CancellationToken.None).ConfigureAwait(false);
        try
        {
            return await CloseInTurnAsync(grant, state, by, because).ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }

    private async ValueTask<bool> CloseInTurnAsync(Grant grant, GrantState state, string? by, string? because)
    {
        var expected = state == GrantState.NotGiven ? GrantState.Asked : GrantState.Active;
        if (grant.State != expected) return false;
        var now = clock.GetUtcNow();
        var closed = grant with { State = state, ClosedAt = now, ClosedBy = by, ClosedBecause = because };
        leash.Grants.Remove(grant);
        if (!await store.TryChangeAsync(grant, closed, CancellationToken.None).ConfigureAwait(false)) return false;
        leash.Reconsider(grant.Holder);
        await NoteAsync(state switch { GrantState.Revoked => "grant.revoked", GrantState.Ended => "grant.ended", _ => "grant.not_given" }, closed, now, Fact("by", by ?? ""), Fact("because", because ?? "")).ConfigureAwait(false);
        return true;
    }

    private static KeyValuePair<string, string> Fact(string name, string value) => new(name, value);

    private ValueTask NoteAsync(string kind, Grant grant, DateTimeOffset now, params ReadOnlySpan<KeyValuePair<string, string>> more) => recorder.NoteAsync(
        new Occurrence(kind, now,
        [
            new("grant", grant.Id), new("entry", grant.Entry), new("holder", grant.Holder), new("agent", grant.Agent ?? ""), new("reason", grant.Reason),
            new("seconds", ((long)grant.Duration.TotalSeconds).ToString(CultureInfo.InvariantCulture)), new("scope", grant.ScopeDigest().ToString()),
            new("ends", grant.EndsAt?.ToString("O", CultureInfo.InvariantCulture) ?? ""), new("policy", grant.PolicyVersion.ToString(CultureInfo.InvariantCulture)), .. more,
        ]),
        CancellationToken.None);
}
