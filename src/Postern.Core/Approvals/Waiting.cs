using System.Collections.Immutable;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Core.Policy;

namespace Postern.Core.Approvals;

/// <summary>Tells a caller that people are asked, and keeps its wire alive; must not wait for the caller.</summary>
internal delegate ValueTask WaitingSign(Decision.Hold demand, Hold hold, Waiting waiting);

/// <summary>
/// One caller that is kept waiting for people. It costs memory and one timer, never a thread; it is woken by the answer, by a
/// policy that came to decide otherwise, by the end of its credential, by the caller's leaving and by the stop of the gateway.
/// </summary>
public sealed class Waiting : IDisposable
{
    private readonly CancellationTokenRegistration _gone;
    private readonly WaitingSign? _sign;
    private volatile TaskCompletionSource _woken = NewSignal();
    private int _end;

    internal Waiting(Identity identity, Operation operation, TimeSpan patience, WaitingSign? sign, CancellationToken callerGone)
    {
        Identity = identity;
        Operation = operation;
        Patience = patience;
        _sign = sign;
        _gone = callerGone.UnsafeRegister(static state => ((Waiting)state!).Leave(), this);
    }

    /// <summary>Finds out what the operation would change; null where nobody can.</summary>
    internal Func<CancellationToken, ValueTask<ReadOnlyMemory<byte>>>? Foresee { get; init; }

    /// <summary>Who waits.</summary>
    public Identity Identity { get; }

    /// <summary>What for.</summary>
    public Operation Operation { get; }

    /// <summary>The session that it was recorded in.</summary>
    internal string Session { get; init; } = "";

    /// <summary>The grants that the decision under which it waits counted on: when one is over, it is decided again.</summary>
    internal ImmutableArray<string> Grants { get; set; } = [];

    /// <summary>How long at most, in all.</summary>
    public TimeSpan Patience { get; internal set; }

    /// <summary>The caller said that it no longer wants the operation. What is approved from now on is not executed for it (attack A16).</summary>
    public void Leave() => Stop(ClearanceEnd.CallerGone);

    /// <inheritdoc/>
    public void Dispose() => _gone.Dispose();

    /// <summary>Why it must not go on, or <see cref="ClearanceEnd.None"/>. Whoever asks at the end of the credential gets that as the answer, whether or not the sweep came by.</summary>
    internal ClearanceEnd EndAt(DateTimeOffset now)
    {
        var end = (ClearanceEnd)Volatile.Read(ref _end);
        return end == ClearanceEnd.None && now >= Identity.ExpiresAt ? ClearanceEnd.CredentialEnded : end;
    }

    /// <summary>Ends the waiting for good; the first reason counts.</summary>
    internal void Stop(ClearanceEnd why)
    {
        Interlocked.CompareExchange(ref _end, (int)why, (int)ClearanceEnd.None);
        Wake();
    }

    /// <summary>Makes it look again: something that it depends on has changed.</summary>
    internal void Wake() => _woken.TrySetResult();

    /// <summary>Forgets earlier wakes. To be called before anything is looked at, so that no change after the look is missed.</summary>
    internal void Arm()
    {
        if (_woken.Task.IsCompleted) _woken = NewSignal();
    }

    /// <summary>Returns when woken or after <paramref name="most"/>; true when woken.</summary>
    internal async ValueTask<bool> SleepAsync(TimeSpan most, TimeProvider clock)
    {
        var woken = _woken.Task;
        // A timeout is the usual end of a slice: 10,000 of them must not throw 10,000 times.
        if (!woken.IsCompleted) await woken.WaitAsync(most, clock).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return woken.IsCompleted;
    }

    internal async ValueTask SignAsync(Decision.Hold demand, Hold hold)
    {
        if (_sign is null) return;
        try
        {
            await _sign(demand, hold, this).ConfigureAwait(false);
        }
        catch (Exception)
        {
            // Its wire is broken, so nobody waits there any more.
            Leave();
        }
    }

    // A wake runs on the thread of whoever answered; the caller's work must not.
    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
