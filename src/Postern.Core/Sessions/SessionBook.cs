using System.Diagnostics;
using Postern.Core.Operations;

namespace Postern.Core.Sessions;

/// <summary>
/// Groups operations into sessions: those of one identity, agent and connection that belong to one run of the client, or, where the client
/// names none, to one trace, until it is idle for <see cref="IdleLimit"/>. A run goes before a trace: within one, each call may have a trace of
/// its own. Ids are made here; a client can neither choose nor reuse one (attack U06).
/// </summary>
public sealed class SessionBook(TimeProvider clock)
{
    /// <summary>How long a session may be silent before the next operation opens another.</summary>
    public static readonly TimeSpan IdleLimit = TimeSpan.FromMinutes(30);

    /// <summary>Sessions remembered at once; beyond it idle ones are forgotten first, then all, which only splits sessions.</summary>
    public const int Capacity = 65_536;

    private readonly Dictionary<Key, Entry> _open = [];
    private readonly Lock _gate = new();

    /// <summary>The id of the session that this operation belongs to.</summary>
    public string IdFor(Identity identity, Operation operation)
    {
        var now = clock.GetUtcNow();
        var key = new Key(identity.Key, identity.Agent, operation.Connection.Name, operation.ClientRun, operation.ClientRun is null ? operation.Trace.TraceId : default);
        lock (_gate)
        {
            if (_open.TryGetValue(key, out var entry) && now - entry.LastSeen < IdleLimit)
            {
                entry.LastSeen = now;
                return entry.Id;
            }
            if (_open.Count >= Capacity) Forget(now);
            var opened = new Entry(OperationId.New(now).ToString()) { LastSeen = now };
            _open[key] = opened;
            return opened.Id;
        }
    }

    /// <summary>A client ended its run of work: nothing more can belong to it, and it need not be remembered until it is idle.</summary>
    public void End(Identity identity, Connection connection, string clientRun)
    {
        ArgumentNullException.ThrowIfNull(identity);
        ArgumentNullException.ThrowIfNull(connection);
        lock (_gate) _open.Remove(new Key(identity.Key, identity.Agent, connection.Name, clientRun, default));
    }

    /// <summary>A session is over, because somebody ended it: what comes next begins another. False when it is not open here.</summary>
    public bool End(string session)
    {
        lock (_gate)
        {
            foreach (var (key, entry) in _open)
            {
                if (!string.Equals(entry.Id, session, StringComparison.Ordinal)) continue;
                _open.Remove(key);
                return true;
            }
        }
        return false;
    }

    private void Forget(DateTimeOffset now)
    {
        foreach (var (key, entry) in _open)
        {
            if (now - entry.LastSeen >= IdleLimit) _open.Remove(key);
        }
        if (_open.Count >= Capacity) _open.Clear();
    }

    private readonly record struct Key(string Identity, string? Agent, string Connection, string? ClientRun, ActivityTraceId Trace);

    private sealed class Entry(string id)
    {
        public string Id { get; } = id;

        public DateTimeOffset LastSeen { get; set; }
    }
}
