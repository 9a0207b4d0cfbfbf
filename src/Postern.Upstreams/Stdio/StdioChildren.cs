using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Postern.Core.Pipeline;
using Postern.Core.Recording;

namespace Postern.Upstreams.Stdio;

/// <summary>
/// Which children run, and whose they are. With sessions, one for each client session; without, one for each identity and
/// agent. Never one for both eras: a server decides by its first message which of them it speaks.
/// </summary>
internal sealed partial class StdioChildren(Func<string, StdioTarget?> targets, StdioLimits limits, EnvelopeReader read, IRecorder recorder, TimeProvider clock, ILogger logger)
{
    /// <summary>Processes that are made for one identity in one minute.</summary>
    public const int StartsPerMinute = 60;

    private const int SessionIdBytes = 16;
    private const int MaxSharedSessions = 4096;
    private static readonly TimeSpan OwnIdle = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan SharedSessionIdle = TimeSpan.FromHours(12);

    private readonly Lock _lock = new();
    private readonly HashSet<StdioChild> _live = [];
    private readonly Dictionary<string, StdioSession> _sessions = new(StringComparer.Ordinal);
    private readonly Dictionary<(ChildOwner Owner, bool StandsAlone), StdioChild> _standing = [];
    private readonly List<Task> _ending = [];
    private readonly Dictionary<string, int> _starts = new(StringComparer.Ordinal);
    private long _minute;
    private bool _isClosed;

    /// <summary>Processes that run, those of the gateway itself included.</summary>
    public int Count
    {
        get
        {
            lock (_lock) return _live.Count;
        }
    }

    /// <summary>The session, if it is this caller's; another's is as unknown as none (guarantee G14).</summary>
    public StdioSession? Find(string? id, ChildOwner caller, bool isAnswer)
    {
        if (id is null) return null;
        lock (_lock)
        {
            if (!_sessions.TryGetValue(id, out var session)) return null;
            // The gateway's own refusal of a server's question goes to the session of whoever would have been asked.
            if (session.Caller != caller && !(isAnswer && caller.IsGateway && session.Caller.Connection == caller.Connection)) return null;
            session.LastUsed = session.Child.LastUsed = clock.GetUtcNow();
            return session;
        }
    }

    /// <summary>A session with a child of its own, or with the one that everybody shares.</summary>
    public StdioSession OpenSession(StdioTarget target, ChildOwner caller, out bool isFirst)
    {
        var shared = ChildOwner.Shared(caller.Connection);
        while (true)
        {
            List<StdioChild> spare;
            lock (_lock)
            {
                StdioChild? child = null;
                if (target.IsShared)
                {
                    Trim();
                    _standing.TryGetValue((shared, false), out child);
                }
                isFirst = child is null;
                spare = child is null ? Spare(caller) : [];
                if (spare.Count == 0)
                {
                    child ??= Add(target, target.IsShared ? shared : caller, caller, standsAlone: false);
                    if (isFirst && target.IsShared) _standing[(shared, false)] = child;
                    var session = new StdioSession(Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(SessionIdBytes)), child, caller) { LastUsed = clock.GetUtcNow() };
                    _sessions[session.Id] = session;
                    return session;
                }
            }
            foreach (var child in spare) _ = EndAsync(child, "its identity started another");
        }
    }

    /// <summary>The child for requests that stand alone.</summary>
    public StdioChild Standing(StdioTarget target, ChildOwner caller)
    {
        var owner = target.IsShared ? ChildOwner.Shared(caller.Connection) : caller;
        while (true)
        {
            List<StdioChild> spare;
            lock (_lock)
            {
                if (_standing.TryGetValue((owner, true), out var known))
                {
                    known.LastUsed = clock.GetUtcNow();
                    return known;
                }
                spare = Spare(caller);
                if (spare.Count == 0) return _standing[(owner, true)] = Add(target, owner, caller, standsAlone: true);
            }
            foreach (var child in spare) _ = EndAsync(child, "its identity started another");
        }
    }

    /// <summary>Ends a session; its child with it, unless others share it.</summary>
    public async ValueTask CloseAsync(StdioSession session)
    {
        lock (_lock) _sessions.Remove(session.Id);
        if (!session.Child.Owner.IsShared) await EndAsync(session.Child, "its session ended").ConfigureAwait(false);
    }

    /// <summary>Ends one.</summary>
    public Task EndAsync(StdioChild child, string why)
    {
        var ending = child.EndAsync(why);
        lock (_lock)
        {
            _ending.RemoveAll(static task => task.IsCompleted);
            _ending.Add(ending);
        }
        return ending;
    }

    /// <summary>Ends those that nobody used for their target's idle time.</summary>
    public void Sweep()
    {
        var now = clock.GetUtcNow();
        List<StdioChild> idle;
        lock (_lock) idle = [.. _live.Where(child => child.Board.IsIdle && now - child.LastUsed > IdleOf(child.Owner))];
        foreach (var child in idle) _ = EndAsync(child, "nobody used it");
    }

    /// <summary>Ends those of one identity; of a shared one its sessions alone.</summary>
    public void EndAll(string identityKey)
    {
        List<StdioChild> own;
        lock (_lock)
        {
            own = [.. _live.Where(child => child.Owner.Identity == identityKey && !child.Owner.IsGateway)];
            foreach (var id in _sessions.Values.Where(one => one.Caller.Identity == identityKey && !one.Caller.IsGateway).Select(one => one.Id).ToArray()) _sessions.Remove(id);
        }
        foreach (var child in own) _ = EndAsync(child, "its identity was revoked");
    }

    /// <summary>Ends all; none starts any more.</summary>
    public async Task CloseAllAsync()
    {
        List<StdioChild> all;
        lock (_lock)
        {
            _isClosed = true;
            all = [.. _live];
        }
        foreach (var child in all) _ = EndAsync(child, "the gateway stops");
        Task[] ending;
        lock (_lock) ending = [.. _ending];
        await Task.WhenAll(ending).ConfigureAwait(false);
    }

    /// <summary>The gateway itself asks in bursts, and a process for nobody is not kept.</summary>
    private TimeSpan IdleOf(ChildOwner owner)
    {
        var idle = targets(owner.Connection)?.Idle ?? TimeSpan.Zero;
        return owner.IsGateway && idle > OwnIdle ? OwnIdle : idle;
    }

    /// <summary>Takes it out of every table; nobody finds it from now on.</summary>
    private void Forget(StdioChild child)
    {
        lock (_lock)
        {
            _live.Remove(child);
            foreach (var key in _standing.Where(one => ReferenceEquals(one.Value, child)).Select(one => one.Key).ToArray()) _standing.Remove(key);
            foreach (var id in _sessions.Where(one => ReferenceEquals(one.Value.Child, child)).Select(one => one.Key).ToArray()) _sessions.Remove(id);
        }
    }

    /// <summary>What must end first, so that the caller stays within its cap: the longest unused of its own, never of another's.</summary>
    /// <exception cref="UpstreamException">The cap is reached and nothing of the caller's is unused.</exception>
    private List<StdioChild> Spare(ChildOwner caller)
    {
        if (_isClosed) throw new UpstreamException(RefusalCode.UpstreamUnavailable, "the gateway stops");
        if (caller.IsGateway) return [];
        var own = _live.Where(child => child.Owner.Identity == caller.Identity && !child.Owner.IsGateway).ToList();
        var all = _live.Count(child => !child.Owner.IsGateway);
        if (own.Count < limits.PerIdentity && all < limits.Overall) return [];
        var spare = own.Where(child => child.Board.IsIdle).MinBy(child => child.LastUsed);
        return spare is not null
            ? [spare]
            : throw new UpstreamException(RefusalCode.UpstreamUnavailable, own.Count >= limits.PerIdentity ? $"{own.Count} servers run for this identity already" : $"{all} servers run already");
    }

    /// <summary>A client in a loop must not keep the machine busy with making processes.</summary>
    /// <exception cref="UpstreamException">It made too many in this minute.</exception>
    private void CountStart(string identity)
    {
        var minute = clock.GetUtcNow().ToUnixTimeSeconds() / 60;
        if (minute != _minute)
        {
            _minute = minute;
            _starts.Clear();
        }
        var starts = _starts.GetValueOrDefault(identity) + 1;
        if (starts > StartsPerMinute) throw new UpstreamException(RefusalCode.UpstreamUnavailable, $"{StartsPerMinute} servers were started for this identity within a minute");
        _starts[identity] = starts;
    }

    private StdioChild Add(StdioTarget target, ChildOwner owner, ChildOwner caller, bool standsAlone)
    {
        if (!caller.IsGateway) CountStart(caller.Identity!);
        var child = new StdioChild(target, owner, new Switchboard(read, owner.IsShared, standsAlone), clock, logger)
        {
            Ending = Forget,
            Ended = EndedAsync,
            LastUsed = clock.GetUtcNow(),
        };
        _live.Add(child);
        return child;
    }

    /// <summary>Starts it; one that cannot start is forgotten. The start is written down.</summary>
    /// <exception cref="UpstreamException">It cannot be started.</exception>
    public async ValueTask StartAsync(StdioChild child)
    {
        if (child.Id != 0) return;
        try
        {
            // Making folders and a process takes milliseconds, which the thread that reads sockets does not have.
            if (!await Task.Run(child.Start).ConfigureAwait(false)) return;
        }
        catch (UpstreamException)
        {
            Forget(child);
            throw;
        }
        Started(logger, child.Owner.Connection, child.Id);
        await NoteAsync("target.started", child, []).ConfigureAwait(false);
    }

    private async ValueTask EndedAsync(StdioChild child, string why, int? code)
    {
        var told = code?.ToString(CultureInfo.InvariantCulture) ?? "killed";
        EndedLog(logger, child.Owner.Connection, child.Id, why, told, child.Board.Dropped);
        await NoteAsync("target.ended", child,
        [
            new("reason", why), new("exit", told), new("dropped", child.Board.Dropped.ToString(CultureInfo.InvariantCulture)),
            new("stderrBytes", child.StderrBytes.ToString(CultureInfo.InvariantCulture)),
        ]).ConfigureAwait(false);
    }

    private async ValueTask NoteAsync(string kind, StdioChild child, ImmutableArray<KeyValuePair<string, string>> more)
    {
        try
        {
            await recorder.NoteAsync(
                new Occurrence(kind, clock.GetUtcNow(), [new("connection", child.Owner.Connection), new("identity", child.Owner.Identity ?? "shared"), new("process", child.Id.ToString(CultureInfo.InvariantCulture)), .. more]),
                CancellationToken.None).ConfigureAwait(false);
        }
        catch (RecordingException fault)
        {
            // The operation that wants the child has an intent of its own, which fails where this did.
            NotRecorded(logger, kind, fault.Message);
        }
    }

    private void Trim()
    {
        var now = clock.GetUtcNow();
        foreach (var old in _sessions.Values.Where(one => one.Child.Owner.IsShared && now - one.LastUsed > SharedSessionIdle).ToArray()) _sessions.Remove(old.Id);
        if (_sessions.Count >= MaxSharedSessions) throw new UpstreamException(RefusalCode.UpstreamUnavailable, "too many sessions share the target");
    }

    [LoggerMessage(10, LogLevel.Information, "`{Connection}`: started process {Process}")]
    private static partial void Started(ILogger logger, string connection, int process);

    [LoggerMessage(11, LogLevel.Information, "`{Connection}`: process {Process} ended, {Reason}; exit {Code}; {Dropped} messages went nowhere")]
    private static partial void EndedLog(ILogger logger, string connection, int process, string reason, string code, long dropped);

    [LoggerMessage(12, LogLevel.Warning, "`{Kind}` could not be recorded: {Cause}")]
    private static partial void NotRecorded(ILogger logger, string kind, string cause);
}

/// <summary>A client's session with a child. The id never leaves the gateway.</summary>
internal sealed record StdioSession(string Id, StdioChild Child, ChildOwner Caller)
{
    public DateTimeOffset LastUsed { get; set; }
}
