using System.Collections.Immutable;
using Postern.Core.Operations;
using Postern.Core.Policy;

namespace Postern.Core.Limits;

/// <summary>
/// Counts what rules limit: calls within a time that slides along, and calls at once. Times are those of a watch that nobody can set.
/// Counters are of a rule and its limits, so that another version of the policy with the same limits goes on counting; they begin anew with the gateway.
/// </summary>
internal sealed class LimitBook(TimeProvider clock)
{
    private const int SweepEvery = 4096;

    private readonly Lock _gate = new();
    private readonly Dictionary<Key, Counter> _counters = [];
    private int _sinceSweep;

    /// <summary>How long to wait if one of the limits is reached; null when a call could begin. Counts nothing.</summary>
    public TimeSpan? Wait(ImmutableArray<RuleLimits> limits, Identity identity, Operation operation, out RuleLimits? reached)
    {
        lock (_gate) return WaitInTurn(limits, identity, operation, out reached);
    }

    /// <summary>Counts a call against all of the limits, or, when one is reached, against none; says how long to wait then.</summary>
    public TimeSpan? Enter(ImmutableArray<RuleLimits> limits, Identity identity, Operation operation, out RuleLimits? reached)
    {
        lock (_gate)
        {
            if (WaitInTurn(limits, identity, operation, out reached) is { } wait) return wait;
            foreach (var limit in limits)
            {
                if (!limit.IsCounted) continue;
                var key = KeyOf(limit, identity, operation);
                if (!_counters.TryGetValue(key, out var counter)) _counters[key] = counter = new Counter(limit);
                counter.Begin(clock.GetTimestamp());
            }
            if (++_sinceSweep >= SweepEvery) Sweep();
            return null;
        }
    }

    /// <summary>A call that was let in is over.</summary>
    public void Leave(ImmutableArray<RuleLimits> limits, Identity identity, Operation operation)
    {
        lock (_gate)
        {
            foreach (var limit in limits)
            {
                if (limit.IsCounted && _counters.TryGetValue(KeyOf(limit, identity, operation), out var counter)) counter.End();
            }
        }
    }

    private TimeSpan? WaitInTurn(ImmutableArray<RuleLimits> limits, Identity identity, Operation operation, out RuleLimits? reached)
    {
        TimeSpan? longest = null;
        reached = null;
        foreach (var limit in limits)
        {
            if (!limit.IsCounted || !_counters.TryGetValue(KeyOf(limit, identity, operation), out var counter) || counter.Wait(clock) is not { } wait) continue;
            if (longest is null || wait > longest) (longest, reached) = (wait, limit);
        }
        return longest;
    }

    private static Key KeyOf(RuleLimits limit, Identity identity, Operation operation) => new(limit, limit.Per switch
    {
        LimitPer.Agent => identity.QualifiedAgent ?? identity.Key,
        LimitPer.Connection => operation.Connection.Name,
        _ => identity.Key,
    });

    // Whoever came once must not be remembered for ever.
    private void Sweep()
    {
        _sinceSweep = 0;
        foreach (var (key, _) in _counters.Where(pair => pair.Value.IsIdle(clock)).ToList()) _counters.Remove(key);
    }

    private readonly record struct Key(RuleLimits Limits, string Whose);

    private sealed class Counter(RuleLimits limits)
    {
        private static readonly TimeSpan AskAgain = TimeSpan.FromSeconds(1);

        private readonly Queue<long> _begun = new();
        private int _running;

        public void Begin(long now)
        {
            if (limits.Calls is not null) _begun.Enqueue(now);
            _running++;
        }

        public void End() => _running--;

        public TimeSpan? Wait(TimeProvider clock)
        {
            if (limits.Concurrent is { } most && _running >= most) return AskAgain;
            if (limits.Calls is not { } calls) return null;
            Forget(clock);
            return _begun.Count < calls ? null : limits.Window - clock.GetElapsedTime(_begun.Peek());
        }

        public bool IsIdle(TimeProvider clock)
        {
            Forget(clock);
            return _running == 0 && _begun.Count == 0;
        }

        private void Forget(TimeProvider clock)
        {
            while (_begun.TryPeek(out var first) && clock.GetElapsedTime(first) >= limits.Window) _begun.Dequeue();
        }
    }
}
