using System.Diagnostics;
using System.Runtime.InteropServices;
using Postern.Core.Operations;

namespace Postern.Core.Sessions;

/// <summary>
/// Groups operations into sessions: those of one identity, agent and connection that belong to one run of the client, or, where the client
/// names none, to one trace, until it is idle for <see cref="IdleLimit"/>. A run goes before a trace: within one, each call may have a trace of
/// its own. Ids are made here; a client can neither choose nor reuse one (attack U06).
/// A client that names another trace with each request is given so many sessions and then one for the rest: a session has a key of its own.
/// </summary>
public sealed class SessionBook(TimeProvider clock)
{
    /// <summary>How long a session may be silent before the next operation opens another.</summary>
    public static readonly TimeSpan IdleLimit = TimeSpan.FromMinutes(30);

    /// <summary>Sessions remembered at once; beyond it idle ones are forgotten first, then those of whoever has the most, which only splits sessions.</summary>
    public const int Capacity = 65_536;

    /// <summary>Sessions that traces open for one identity, agent and connection within <see cref="IdleLimit"/>; what has further traces shares one.</summary>
    public const int TracesAtOnce = 256;

    private readonly Dictionary<Key, Entry> _open = [];
    private readonly Dictionary<Key, Traces> _traces = [];
    private readonly Lock _gate = new();

    /// <summary>The id of the session that this operation belongs to.</summary>
    public string IdFor(Identity identity, Operation operation)
    {
        var now = clock.GetUtcNow();
        var key = new Key(identity.Key, identity.Agent, operation.Connection.Name, operation.ClientRun, operation.ClientRun is null ? operation.Trace.TraceId : default);
        lock (_gate)
        {
            if (Find(key, now) is { } entry) return entry;
            if (key.Trace != default && !MayOpen(key with { Trace = default }, now))
            {
                key = key with { Trace = default };
                if (Find(key, now) is { } shared) return shared;
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

    private string? Find(Key key, DateTimeOffset now)
    {
        if (!_open.TryGetValue(key, out var entry) || now - entry.LastSeen >= IdleLimit) return null;
        entry.LastSeen = now;
        return entry.Id;
    }

    /// <summary>Whether one more trace of this identity, agent and connection gets a session of its own.</summary>
    private bool MayOpen(Key whose, DateTimeOffset now)
    {
        if (!_traces.TryGetValue(whose, out var traces) || now - traces.Since >= IdleLimit)
        {
            if (_traces.Count >= Capacity) _traces.Clear();
            traces = new Traces(now, 0);
        }
        if (traces.Count >= TracesAtOnce) return false;
        _traces[whose] = traces with { Count = traces.Count + 1 };
        return true;
    }

    private void Forget(DateTimeOffset now)
    {
        foreach (var (key, entry) in _open)
        {
            if (now - entry.LastSeen >= IdleLimit) _open.Remove(key);
        }
        if (_open.Count < Capacity) return;
        // One identity that opens without end splits its own sessions, and nobody else's.
        var most = _open.Keys.CountBy(key => key.Identity).MaxBy(one => one.Value).Key;
        foreach (var key in _open.Keys)
        {
            if (string.Equals(key.Identity, most, StringComparison.Ordinal)) _open.Remove(key);
        }
    }

    private readonly record struct Key(string Identity, string? Agent, string Connection, string? ClientRun, ActivityTraceId Trace);

    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Traces(DateTimeOffset Since, int Count);

    private sealed class Entry(string id)
    {
        public string Id { get; } = id;

        public DateTimeOffset LastSeen { get; set; }
    }
}
