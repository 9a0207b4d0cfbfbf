using System.Collections.Immutable;
using Postern.Core.Operations;

namespace Postern.Core.Policy;

/// <summary>A grant that is in force.</summary>
/// <param name="Id">Its id, for the record.</param>
/// <param name="Entry">The entry under <c>requests:</c> that it was given under.</param>
/// <param name="Scope">The entry's scope as people agreed to it; another scope is another grant.</param>
/// <param name="Agent">The agent that it was given to, unqualified; null for credentials that no agent holds.</param>
/// <param name="EndsAt">Absolute end by the wall clock.</param>
/// <param name="Deadline">The same by the watch that nobody can set, in timestamps of the clock: whichever comes first counts (fault F14).</param>
public sealed record LiveGrant(string Id, string Entry, Digest Scope, string? Agent, DateTimeOffset EndsAt, long Deadline);

/// <summary>
/// The grants that a decision may count on: an argument of it, like the time. A value, so that a decision under the same grants is the
/// same decision. The default is none.
/// </summary>
public readonly struct ActiveGrants
{
    private readonly ImmutableArray<LiveGrant> _live;
    private readonly string? _agent;
    private readonly long _timestamp;
    private readonly ImmutableArray<string> _assumed;
    private readonly bool _assumesAll;

    internal ActiveGrants(ImmutableArray<LiveGrant> live, string? agent, long timestamp)
        : this(live, agent, timestamp, [], assumesAll: false)
    {
    }

    private ActiveGrants(ImmutableArray<LiveGrant> live, string? agent, long timestamp, ImmutableArray<string> assumed, bool assumesAll)
    {
        _live = live;
        _agent = agent;
        _timestamp = timestamp;
        _assumed = assumed;
        _assumesAll = assumesAll;
    }

    /// <summary>None: what no rule gives is not given.</summary>
    public static ActiveGrants None => default;

    /// <summary>As if these entries had been granted: for tests of policies and for asking what a grant would change. Never for a decision that counts.</summary>
    public static ActiveGrants Assuming(params ImmutableArray<string> entries) => new([], null, 0, entries, assumesAll: false);

    /// <summary>These, and one more entry as if it had been granted.</summary>
    internal ActiveGrants And(string entry) => new(_live, _agent, _timestamp, (_assumed.IsDefault ? [] : _assumed).Add(entry), _assumesAll);

    /// <summary>These, and every other entry as if it had been granted.</summary>
    internal ActiveGrants AndAll() => new(_live, _agent, _timestamp, _assumed, assumesAll: true);

    /// <summary>The id of the grant under this entry that is in force, the longest-lived of several; null when there is none.</summary>
    internal string? Find(RequestEntry entry, DateTimeOffset now)
    {
        LiveGrant? longest = null;
        if (!_live.IsDefaultOrEmpty)
        {
            foreach (var grant in _live)
            {
                if (now >= grant.EndsAt || _timestamp >= grant.Deadline) continue;
                if (!string.Equals(grant.Entry, entry.Id, StringComparison.Ordinal) || !string.Equals(grant.Agent, _agent, StringComparison.Ordinal) || grant.Scope != entry.ScopeDigest) continue;
                if (longest is null || grant.EndsAt > longest.EndsAt) longest = grant;
            }
        }
        return longest?.Id ?? (_assumesAll || (!_assumed.IsDefaultOrEmpty && _assumed.Contains(entry.Id, StringComparer.Ordinal)) ? entry.Id : null);
    }
}
