using System.Collections.Concurrent;
using Postern.Core.Approvals;
using Postern.Core.Grants;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Core.Policy;

namespace Postern.Core.Sessions;

/// <summary>
/// Knows every live clearance, and everyone who waits for one, and cuts them when their right ends: credential over, policy
/// changed, revoked, gateway stopping.
/// A sweep twice a second bounds the overrun of a deadline to less than one second (G10).
/// </summary>
public sealed class Leash : IDisposable
{
    /// <summary>How often deadlines are compared with the clock.</summary>
    public static readonly TimeSpan SweepInterval = TimeSpan.FromMilliseconds(500);

    private readonly ConcurrentDictionary<OperationId, Clearance> _live = new();
    private readonly ConcurrentDictionary<OperationId, Waiting> _waiting = new();
    private readonly ConcurrentDictionary<string, int> _waitingOf = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, DateTimeOffset> _endedSessions = new(StringComparer.Ordinal);
    private readonly int _maxWaiting;
    private readonly TimeProvider _clock;
    private readonly ITimer _sweep;
    private volatile TaskCompletionSource? _drained;
    private volatile bool _stopping;
    private volatile IPolicySource? _policies;

    /// <summary>Starts the sweep.</summary>
    /// <param name="clock">All time.</param>
    /// <param name="maxWaiting">Callers of one identity that are kept waiting at once; further ones are told at once to come back.</param>
    public Leash(TimeProvider clock, int maxWaiting = 1_000)
    {
        _maxWaiting = maxWaiting;
        _clock = clock;
        Grants = new GrantBook(clock);
        _sweep = clock.CreateTimer(static state => ((Leash)state!).Sweep(), this, SweepInterval, SweepInterval);
    }

    /// <summary>
    /// What is known of whoever a credential names since it was issued: groups that they left, groups that the gateway vouches for. Asked before
    /// every decision, also of what runs; must be fast, and answers the same object when nothing is known. Set once, before anything runs.
    /// </summary>
    public Func<Identity, Identity> Standing { get; set; } = static credential => credential;

    /// <summary>Whose credentials were taken back.</summary>
    public Revocations Revocations { get; } = new();

    /// <summary>What was granted, and until when.</summary>
    public GrantBook Grants { get; }

    /// <summary>How many operations are in flight past their decision.</summary>
    public int Count => _live.Count;

    /// <summary>How many callers are kept waiting for people.</summary>
    public int WaitingCount => _waiting.Count;

    /// <summary>Cuts what matches; used when a person signs out, a token is revoked, a connection is taken away.</summary>
    /// <returns>How many were cut.</returns>
    public int Cut(Func<Identity, Operation, bool> matches, ClearanceEnd why)
    {
        var cut = 0;
        foreach (var clearance in _live.Values)
        {
            if (!matches(clearance.Identity, clearance.Operation)) continue;
            clearance.Cut(why);
            cut++;
        }
        foreach (var waiting in _waiting.Values)
        {
            if (!matches(waiting.Identity, waiting.Operation)) continue;
            waiting.Stop(why);
            cut++;
        }
        return cut;
    }

    /// <summary>Whether credentials ended that no revocation speaks of: a family of the gateway's own tokens. Set once, before anybody is let in.</summary>
    public Func<Identity, bool>? Ended { private get; set; }

    /// <summary>
    /// Takes back what was issued to an identity until now: what runs or waits on it is cut, and what was let in before but
    /// comes here only afterwards is cut then.
    /// </summary>
    /// <param name="identityKey"><c>issuer:subject</c>.</param>
    /// <param name="at">When.</param>
    /// <returns>How many were cut.</returns>
    public int Revoke(string identityKey, DateTimeOffset at) => Revoke(Revocation.Now(RevocationSubject.OfIdentity(identityKey), at, TimeSpan.FromDays(1)));

    /// <summary>Takes credentials back: what runs or waits on them is cut, and so is what comes here only afterwards.</summary>
    /// <param name="revocation">Whose, and since when.</param>
    /// <param name="except">The operation that does this, which may run on one of them itself and is about to end anyway.</param>
    /// <returns>How many were cut.</returns>
    public int Revoke(Revocation revocation, OperationId except = default)
    {
        Revocations.Add(revocation);
        return Cut((identity, operation) => operation.Id != except && Revocations.Covers(identity), ClearanceEnd.CredentialEnded);
    }

    /// <summary>
    /// Cuts what runs or waits in a session, and what was on its way there when this was said: recorded in it, and not here yet.
    /// </summary>
    /// <param name="session">Its id.</param>
    /// <param name="except">The operation that does this.</param>
    /// <returns>How many were cut.</returns>
    public int EndSession(string session, OperationId except = default)
    {
        _endedSessions[session] = _clock.GetUtcNow();
        var cut = 0;
        foreach (var clearance in _live.Values)
        {
            if (clearance.Operation.Id == except || clearance.Session != session) continue;
            clearance.Cut(ClearanceEnd.SessionEnded);
            cut++;
        }
        foreach (var waiting in _waiting.Values)
        {
            if (waiting.Operation.Id == except || waiting.Session != session) continue;
            waiting.Stop(ClearanceEnd.SessionEnded);
            cut++;
        }
        return cut;
    }

    /// <summary>
    /// Decides again what these identities run or wait for, under the policy in force and with what is known of them now: they left a group,
    /// say. Returns how many were cut.
    /// </summary>
    public int Reconsider(Func<Identity, bool> whose)
    {
        var cut = 0;
        var now = _clock.GetUtcNow();
        foreach (var clearance in _live.Values)
        {
            if (whose(clearance.Identity) && _policies is { } policies && !IsStillPermitted(clearance, policies.Current, now, ClearanceEnd.PolicyChanged)) cut++;
        }
        foreach (var waiting in _waiting.Values)
        {
            if (whose(waiting.Identity)) waiting.Wake();
        }
        return cut;
    }

    /// <summary>
    /// Decides every live operation again under a newly published version: what it no longer permits ends, and what goes on
    /// is masked by the new version from its next message.
    /// </summary>
    /// <returns>How many were cut.</returns>
    public int Redecide(PolicySet policy)
    {
        var now = _clock.GetUtcNow();
        var cut = 0;
        foreach (var clearance in _live.Values)
        {
            if (!IsStillPermitted(clearance, policy, now, ClearanceEnd.PolicyChanged)) cut++;
        }
        foreach (var waiting in _waiting.Values)
        {
            // Refused now, or permitted without people: it goes its way. What is still held is decided again when it is used.
            if (policy.Decide(Standing(waiting.Identity), waiting.Operation, now, Grants.Of(waiting.Identity)) is not Decision.Hold) waiting.Wake();
        }
        return cut;
    }

    /// <summary>Decides again what an identity runs, or waits for, on a grant: one of its grants is over. Returns how many were cut.</summary>
    public int Reconsider(string identityKey)
    {
        var cut = 0;
        foreach (var clearance in _live.Values)
        {
            if (!clearance.Grants.IsEmpty && clearance.Identity.Key == identityKey && !IsStillGranted(clearance, _clock.GetUtcNow())) cut++;
        }
        foreach (var waiting in _waiting.Values)
        {
            if (waiting.Identity.Key == identityKey) waiting.Wake();
        }
        return cut;
    }

    /// <summary>
    /// Waits until nothing is in flight, at most <paramref name="patience"/>, then cuts the rest. New work is cut at once, and so is
    /// waiting for people: their answer is kept for the repeat.
    /// </summary>
    public async ValueTask StopAsync(TimeSpan patience)
    {
        var drained = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _drained = drained;
        _stopping = true;
        foreach (var waiting in _waiting.Values) waiting.Stop(ClearanceEnd.Stopping);
        if (_live.IsEmpty) return;
        try
        {
            await drained.Task.WaitAsync(patience, _clock).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            Cut(static (_, _) => true, ClearanceEnd.Stopping);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _sweep.Dispose();

    /// <summary>
    /// Takes a new clearance on the leash. The policy may have changed, or the gateway begun to stop, since it was decided;
    /// that is looked at after the clearance became visible here, so that no publication slips between.
    /// </summary>
    internal void Hold(Clearance clearance, IPolicySource policies)
    {
        _policies = policies;
        _live[clearance.Operation.Id] = clearance;
        var current = policies.Current;
        var now = _clock.GetUtcNow();
        if (!ReferenceEquals(current.Version, clearance.Policy)) IsStillPermitted(clearance, current, now, ClearanceEnd.PolicyChanged);
        else if (!Grants.AreLive(clearance.Identity.Key, clearance.Grants, now)) IsStillGranted(clearance, now);
        if (_stopping) clearance.Cut(ClearanceEnd.Stopping);
        if (IsOver(clearance.Identity)) clearance.Cut(ClearanceEnd.CredentialEnded);
        if (IsOver(clearance.Session)) clearance.Cut(ClearanceEnd.SessionEnded);
    }

    /// <summary>Takes one who is to wait on the leash, before anything is decided or looked up for it.</summary>
    internal void Hold(Waiting waiting)
    {
        _waiting[waiting.Operation.Id] = waiting;
        // One identity must not take all connections by waiting (attack D08): beyond its share the answer is stored, as for any repeat.
        if (_waitingOf.AddOrUpdate(waiting.Identity.Key, 1, static (_, count) => count + 1) > _maxWaiting) waiting.Patience = TimeSpan.Zero;
        if (_stopping) waiting.Stop(ClearanceEnd.Stopping);
        if (IsOver(waiting.Identity)) waiting.Stop(ClearanceEnd.CredentialEnded);
        if (IsOver(waiting.Session)) waiting.Stop(ClearanceEnd.SessionEnded);
    }

    // Somebody who was let in just before may come here just after what they came on had ended.
    private bool IsOver(Identity identity) => Revocations.Covers(identity) || Ended?.Invoke(identity) == true;

    private bool IsOver(string session) => !_endedSessions.IsEmpty && _endedSessions.ContainsKey(session);

    internal void Release(Waiting waiting)
    {
        _waiting.TryRemove(waiting.Operation.Id, out _);
        var key = waiting.Identity.Key;
        if (_waitingOf.AddOrUpdate(key, 0, static (_, count) => count - 1) == 0) _waitingOf.TryRemove(new KeyValuePair<string, int>(key, 0));
    }

    internal void Release(Clearance clearance)
    {
        _live.TryRemove(clearance.Operation.Id, out _);
        if (_stopping && _live.IsEmpty) _drained?.TrySetResult();
    }

    // A grant is over. Another, or a rule, may give the same; then it goes on.
    private bool IsStillGranted(Clearance clearance, DateTimeOffset now) =>
        _policies is { } policies && IsStillPermitted(clearance, policies.Current, now, ClearanceEnd.GrantEnded);

    private bool IsStillPermitted(Clearance clearance, PolicySet policy, DateTimeOffset now, ClearanceEnd otherwise)
    {
        var identity = Standing(clearance.Identity);
        var decision = policy.Decide(identity, clearance.Operation, now, Grants.Of(identity));
        var permitted = decision switch
        {
            Decision.Allow => true,
            Decision.Hold => clearance.Approval is not null, // people agreed to exactly this operation, and it is under way
            _ => false,
        };
        if (permitted)
        {
            clearance.Replies.Remask(policy.MasksFor(identity, clearance.Operation));
            clearance.Policy = policy.Version;
            clearance.Grants = decision.Grants;
        }
        else
        {
            clearance.Cut(otherwise);
        }
        return permitted;
    }

    private void Sweep()
    {
        var now = _clock.GetUtcNow();
        var timestamp = _clock.GetTimestamp();
        foreach (var (session, at) in _endedSessions)
        {
            // Nothing is on its way from its intent to here for so long.
            if (now - at > SessionBook.IdleLimit) _endedSessions.TryRemove(session, out _);
        }
        foreach (var clearance in _live.Values)
        {
            if (now >= clearance.Identity.ExpiresAt) clearance.Cut(ClearanceEnd.CredentialEnded);
            else if (timestamp >= clearance.Deadline) clearance.Cut(ClearanceEnd.LimitReached);
            else if (!Grants.AreLive(clearance.Identity.Key, clearance.Grants, now)) IsStillGranted(clearance, now);
        }
        foreach (var waiting in _waiting.Values)
        {
            if (now >= waiting.Identity.ExpiresAt) waiting.Stop(ClearanceEnd.CredentialEnded);
            else if (!Grants.AreLive(waiting.Identity.Key, waiting.Grants, now)) waiting.Wake();
        }
    }
}
