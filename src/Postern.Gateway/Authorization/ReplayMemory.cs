using System.Collections.Concurrent;

namespace Postern.Gateway.Authorization;

/// <summary>What was used once and must not be used again while it is good. Bounded: when it is full, nothing more is accepted.</summary>
internal sealed class ReplayMemory(TimeProvider clock, int capacity = 100_000)
{
    private readonly ConcurrentDictionary<string, DateTimeOffset> _used = new(StringComparer.Ordinal);
    private long _sweptAt;

    /// <summary>True the first time.</summary>
    /// <param name="id">What it is.</param>
    /// <param name="until">When it is over by itself.</param>
    public bool TryUse(string id, DateTimeOffset until)
    {
        var now = clock.GetUtcNow();
        if (_used.Count >= capacity || Interlocked.Read(ref _sweptAt) + TimeSpan.TicksPerMinute < now.UtcTicks)
        {
            Interlocked.Exchange(ref _sweptAt, now.UtcTicks);
            foreach (var (old, end) in _used)
            {
                if (end <= now) _used.TryRemove(old, out _);
            }
        }
        return _used.Count < capacity && _used.TryAdd(id, until);
    }
}
