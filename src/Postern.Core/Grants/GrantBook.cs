using System.Collections.Frozen;
using System.Collections.Immutable;
using Postern.Core.Operations;
using Postern.Core.Policy;

namespace Postern.Core.Grants;

/// <summary>
/// The grants in force, in memory. Reading is a reference copy: every decision asks. A grant ends at its instant, or when its time has
/// passed by a watch that nobody can set, whichever comes first: a clock that is set back extends nothing (fault F14).
/// </summary>
public sealed class GrantBook(TimeProvider clock)
{
    private readonly Lock _gate = new();
    private volatile FrozenDictionary<string, ImmutableArray<LiveGrant>> _of = FrozenDictionary<string, ImmutableArray<LiveGrant>>.Empty;

    /// <summary>How many there are, those included whose time is over and that were not swept yet.</summary>
    public int Count => _of.Values.Sum(grants => grants.Length);

    /// <summary>The grants of an identity, at this moment.</summary>
    public ActiveGrants Of(Identity identity)
    {
        ArgumentNullException.ThrowIfNull(identity);
        return _of.TryGetValue(identity.Key, out var live) ? new ActiveGrants(live, identity.Agent, clock.GetTimestamp()) : ActiveGrants.None;
    }

    /// <summary>True when every one of these grants of an identity is in force.</summary>
    public bool AreLive(string identityKey, ImmutableArray<string> grants, DateTimeOffset now)
    {
        if (grants.IsDefaultOrEmpty) return true;
        if (!_of.TryGetValue(identityKey, out var live)) return false;
        var timestamp = clock.GetTimestamp();
        foreach (var id in grants)
        {
            var isLive = false;
            foreach (var grant in live) isLive |= string.Equals(grant.Id, id, StringComparison.Ordinal) && now < grant.EndsAt && timestamp < grant.Deadline;
            if (!isLive) return false;
        }
        return true;
    }

    /// <param name="grant">An active one.</param>
    /// <param name="now">The instant from which what is left of it counts: the clock's, or a later one that was seen before.</param>
    internal void Add(Grant grant, DateTimeOffset now)
    {
        var ends = grant.EndsAt!.Value;
        var left = ends - now;
        var live = new LiveGrant(grant.Id, grant.Entry, grant.ScopeDigest(), grant.Agent, ends, clock.GetTimestamp() + (long)(left.TotalSeconds * clock.TimestampFrequency));
        Change(grant.Holder, held => held.RemoveAll(other => other.Id == grant.Id).Add(live));
    }

    internal void Remove(Grant grant) => Change(grant.Holder, held => held.RemoveAll(other => other.Id == grant.Id));

    private void Change(string holder, Func<ImmutableArray<LiveGrant>, ImmutableArray<LiveGrant>> change)
    {
        lock (_gate)
        {
            var all = _of.ToDictionary(StringComparer.Ordinal);
            var held = change(all.GetValueOrDefault(holder, []));
            if (held.IsEmpty) all.Remove(holder);
            else all[holder] = held;
            _of = all.ToFrozenDictionary(StringComparer.Ordinal);
        }
    }
}
