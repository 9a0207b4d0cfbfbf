namespace Postern.Tests.Doubles;

/// <summary>A clock that stands still until it is told to move; its timers fire when their time is reached.</summary>
internal sealed class SteppedClock : TimeProvider
{
    private readonly Lock _gate = new();
    private readonly List<SteppedTimer> _timers = [];
    private DateTimeOffset _now = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);
    private TimeSpan _shift;

    private DateTimeOffset Passed
    {
        get
        {
            lock (_gate) return _now;
        }
    }

    public override DateTimeOffset GetUtcNow()
    {
        lock (_gate) return _now + _shift;
    }

    /// <summary>Sets the time of day, as an operator or a time server may; what has passed, and timers, are as they were.</summary>
    public void Shift(TimeSpan by)
    {
        lock (_gate) _shift += by;
    }

    /// <summary>Timers that will fire.</summary>
    public int Armed
    {
        get
        {
            lock (_gate) return _timers.Count(timer => timer.Due != DateTimeOffset.MaxValue);
        }
    }

    public override long GetTimestamp() => Passed.Ticks;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new SteppedTimer(this, callback, state);
        timer.Change(dueTime, period);
        lock (_gate) _timers.Add(timer);
        return timer;
    }

    public void Advance(TimeSpan by)
    {
        var target = Passed + by;
        while (true)
        {
            SteppedTimer? next;
            lock (_gate)
            {
                next = _timers.Where(timer => timer.Due <= target).MinBy(timer => timer.Due);
                _now = next is null ? target : (next.Due > _now ? next.Due : _now);
            }
            if (next is null) return;
            next.Fire();
        }
    }

    private sealed class SteppedTimer(SteppedClock clock, TimerCallback callback, object? state) : ITimer
    {
        private TimeSpan _period;

        public DateTimeOffset Due { get; private set; } = DateTimeOffset.MaxValue;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            _period = period;
            Due = dueTime == Timeout.InfiniteTimeSpan ? DateTimeOffset.MaxValue : clock.Passed + dueTime;
            return true;
        }

        public void Fire()
        {
            Due = _period > TimeSpan.Zero ? Due + _period : DateTimeOffset.MaxValue;
            callback(state);
        }

        public void Dispose()
        {
            lock (clock._gate) clock._timers.Remove(this);
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
