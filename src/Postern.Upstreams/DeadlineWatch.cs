using Postern.Core.Pipeline;

namespace Postern.Upstreams;

/// <summary>
/// The deadlines of everything that waits for a target at the moment: one timer looks at all of them, and they are used
/// again, so that setting one costs a call neither a timer nor memory.
/// </summary>
internal sealed class DeadlineWatch : IDisposable
{
    /// <summary>How often deadlines are compared with the clock: the most by which one is overrun.</summary>
    public static readonly TimeSpan SweepInterval = TimeSpan.FromMilliseconds(500);

    private readonly Lock _gate = new();
    private readonly List<Deadline> _all = [];
    private readonly Stack<Deadline> _free = new();
    private readonly List<Deadline> _passed = [];
    private readonly ITimer _sweep;
    private int _sweeping;

    public DeadlineWatch(TimeProvider clock)
    {
        Clock = clock;
        _sweep = clock.CreateTimer(static state => ((DeadlineWatch)state!).Sweep(), this, SweepInterval, SweepInterval);
    }

    public TimeProvider Clock { get; }

    /// <summary>A deadline that is not set yet; its token also fires with <paramref name="outer"/>.</summary>
    public Deadline Take(CancellationToken outer)
    {
        Deadline? deadline;
        lock (_gate)
        {
            if (!_free.TryPop(out deadline)) _all.Add(deadline = new Deadline(Clock));
        }
        deadline.Tie(outer);
        return deadline;
    }

    /// <summary>Takes a deadline back. One whose token fired, or may be firing, is never used again: it would end another's call.</summary>
    public void Return(Deadline deadline)
    {
        var canBeUsedAgain = deadline.TryUntie();
        lock (_gate)
        {
            if (canBeUsedAgain)
            {
                _free.Push(deadline);
                return;
            }
            _all.Remove(deadline);
        }
        deadline.Dispose();
    }

    public void Dispose()
    {
        _sweep.Dispose();
        lock (_gate)
        {
            while (_free.TryPop(out var deadline)) deadline.Dispose();
        }
    }

    private void Sweep()
    {
        // A sweep that takes longer than its interval is not overtaken by the next.
        if (Interlocked.Exchange(ref _sweeping, 1) != 0) return;
        var now = Clock.GetTimestamp();
        lock (_gate)
        {
            foreach (var deadline in _all)
            {
                if (deadline.TryPass(now)) _passed.Add(deadline);
            }
        }
        // Outside the lock: cancelling closes sockets.
        foreach (var deadline in _passed) deadline.Fire();
        _passed.Clear();
        Volatile.Write(ref _sweeping, 0);
    }
}

/// <summary>One moving deadline of one call, and the token that fires when it has passed or the call is over.</summary>
internal sealed class Deadline(TimeProvider clock) : IDisposable
{
    private const long NotSet = 0;
    private const long Passed = -1;

    private readonly CancellationTokenSource _source = new();
    private CancellationTokenRegistration _outer;
    private long _due;

    public CancellationToken Token => _source.Token;

    /// <summary>True when the token fired because of this deadline.</summary>
    public bool HasPassed => Volatile.Read(ref _due) == Passed;

    /// <summary>Moves the deadline to <paramref name="from"/> (a timestamp) and <paramref name="patience"/>; an infinite patience takes it away.</summary>
    public void Set(long from, TimeSpan patience)
    {
        var due = patience == Timeout.InfiniteTimeSpan ? NotSet : Math.Max(1, from + (long)(patience.TotalSeconds * clock.TimestampFrequency));
        var seen = Volatile.Read(ref _due);
        while (seen != Passed)
        {
            var before = Interlocked.CompareExchange(ref _due, due, seen);
            if (before == seen) return;
            seen = before;
        }
    }

    public void Clear() => Set(0, Timeout.InfiniteTimeSpan);

    public void Tie(CancellationToken outer) => _outer = outer.UnsafeRegister(static state => ((Deadline)state!).Fire(), this);

    /// <summary>True when the deadline is as new and can serve another call.</summary>
    public bool TryUntie()
    {
        Clear();
        var outer = _outer;
        _outer = default;
        // What can no longer be unregistered is firing at this moment.
        return (outer == default || outer.Unregister()) && !HasPassed && _source.TryReset();
    }

    public bool TryPass(long now)
    {
        var due = Volatile.Read(ref _due);
        return due > NotSet && now >= due && Interlocked.CompareExchange(ref _due, Passed, due) == due;
    }

    public void Fire() => _source.CancelQuietly();

    public void Dispose() => _source.Dispose();
}
