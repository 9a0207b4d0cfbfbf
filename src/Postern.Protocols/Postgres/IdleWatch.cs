using System.Collections.Concurrent;

namespace Postern.Protocols.Postgres;

/// <summary>Ends sessions that nobody uses, and those whose client takes no answer: one timer looks at all of them.</summary>
internal sealed class IdleWatch : IDisposable
{
    /// <summary>How often; the most by which a limit is overrun.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<PostgresSession, byte> _sessions = new();
    private readonly TimeProvider _clock;
    private readonly SessionLimits _limits;
    private readonly ITimer _timer;

    public IdleWatch(TimeProvider clock, SessionLimits limits)
    {
        _clock = clock;
        _limits = limits;
        _timer = clock.CreateTimer(static state => ((IdleWatch)state!).Look(), this, Interval, Interval);
    }

    /// <summary>Sessions that are open.</summary>
    public IEnumerable<PostgresSession> Sessions => _sessions.Keys;

    public void Add(PostgresSession session) => _sessions[session] = 0;

    public void Remove(PostgresSession session) => _sessions.TryRemove(session, out _);

    public void Dispose() => _timer.Dispose();

    private void Look()
    {
        var now = _clock.GetTimestamp();
        foreach (var session in _sessions.Keys)
        {
            // A statement whose answer nobody reads holds its locks as a transaction does (attack D01). Nobody would read why it ended, either.
            if (session.UnreadSince is { } unread && _clock.GetElapsedTime(unread, now) > _limits.IdleInTransaction) session.Abandon();
            if (session.IdleSince is not { } since) continue;
            var idle = _clock.GetElapsedTime(since, now);
            if (idle > (session.IsInTransaction ? _limits.IdleInTransaction : _limits.Idle)) session.End(SessionEnd.Idle);
        }
    }
}
