using System.Collections.Concurrent;
using System.Security.Cryptography;
using Postern.Core.Approvals;
using Postern.Core.Operations;
using Postern.Upstreams;

namespace Postern.Protocols.Mcp;

/// <summary>A request whose answer is still to come: its raw id, and what a resumed stream must know of it.</summary>
internal sealed record OpenRequest(string RawId, string Method, Fact? Fact)
{
    private const int Taken = 0;
    private const int Forwarded = 1;
    private const int Cancelled = 2;
    private int _state;

    /// <summary>Set while it waits for people, so that a cancellation finds it: the target has not seen it.</summary>
    public Waiting? Waiting { get; set; }

    /// <summary>Its own stream is gone; only a resumed one can still answer it, so it gives way when room is needed.</summary>
    public volatile bool IsDetached;

    /// <summary>Says that it goes to the target now; false when the client cancelled it before (attack P30).</summary>
    public bool TryForward() => Interlocked.CompareExchange(ref _state, Forwarded, Taken) == Taken;

    /// <summary>Cancels it for good; false when the target has it already and is the one to be told.</summary>
    public bool TryCancel() => Interlocked.CompareExchange(ref _state, Cancelled, Taken) != Forwarded;
}

/// <summary>
/// One client's session with one connection. The id that the client knows is ours; the target's id never leaves the gateway.
/// An id is a handle, never a right: it is good for the same identity, agent and connection only.
/// </summary>
internal sealed class McpSession
{
    private const int MaxOpenRequests = 256;
    private readonly Dictionary<string, OpenRequest> _open = new(StringComparer.Ordinal);

    public required string Id { get; init; }

    /// <summary>Names the client's run of work in records; not the id, which stays a secret between client and gateway.</summary>
    public required string Run { get; init; }

    public required string IdentityKey { get; init; }

    public required string? Agent { get; init; }

    public required string Connection { get; init; }

    public required string UpstreamId { get; init; }

    public string? ClientName { get; init; }

    public DateTimeOffset LastUsed { get; set; }

    /// <summary>The resources that it asked to hear of.</summary>
    public WatchedResources Watched { get; } = new();

    /// <summary>What the server asked and the client is to answer.</summary>
    public ServerAsks Asks { get; } = new();

    /// <summary>The session's own stream while it is being opened; null before, and ignored after.</summary>
    public volatile StreamOpening? Opening;

    private volatile PostForm? _post;

    /// <summary>How its messages travel to the target; the same for each, so made once.</summary>
    public UpstreamRequest PostRequest(string? version)
    {
        if (_post is { } known && string.Equals(known.Version, version, StringComparison.Ordinal)) return known.Request;
        var request = UpstreamHeaders.Post(version, UpstreamId);
        _post = new PostForm(version, request);
        return request;
    }

    private sealed record PostForm(string? Version, UpstreamRequest Request);

    public bool BelongsTo(Identity identity, Connection connection) =>
        string.Equals(IdentityKey, identity.Key, StringComparison.Ordinal)
        && string.Equals(Agent, identity.Agent, StringComparison.Ordinal)
        && string.Equals(Connection, connection.Name, StringComparison.Ordinal);

    /// <summary>False when an id is in flight already, or too many are.</summary>
    public bool TryOpen(OpenRequest request)
    {
        lock (_open)
        {
            if (_open.Count >= MaxOpenRequests && !DropDetached()) return false;
            return _open.TryAdd(request.RawId, request);
        }
    }

    // A client that loses streams and never comes back for them must not lock itself out.
    private bool DropDetached()
    {
        foreach (var (rawId, request) in _open)
        {
            if (request.IsDetached) return _open.Remove(rawId);
        }
        return false;
    }

    public void Close(string rawId)
    {
        lock (_open) _open.Remove(rawId);
    }

    public OpenRequest? FindOpen(string rawId)
    {
        lock (_open) return _open.GetValueOrDefault(rawId);
    }

    /// <summary>What a resumed stream may still answer.</summary>
    public OpenRequest[] Unanswered()
    {
        lock (_open) return [.. _open.Values];
    }
}

/// <summary>The live sessions of one gateway. Bounded per identity; what is idle too long is forgotten, and answers 404 as the specification says.</summary>
internal sealed class McpSessions(TimeProvider clock)
{
    private const int MaxPerIdentity = 256;
    private const int IdBytes = 16;
    private static readonly TimeSpan MaxIdle = TimeSpan.FromHours(12);

    private readonly ConcurrentDictionary<string, McpSession> _byId = new(StringComparer.Ordinal);

    /// <summary>Seals event ids of this process's streams.</summary>
    public EventIds EventIds { get; } = new();

    /// <summary>Makes the session for an upstream session that was just opened for exactly this caller.</summary>
    public McpSession Open(Identity identity, Connection connection, string upstreamId, OperationId opening, string? clientName)
    {
        var now = clock.GetUtcNow();
        Sweep(identity, now);
        var session = new McpSession
        {
            Id = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(IdBytes)),
            Run = opening.ToString(),
            IdentityKey = identity.Key,
            Agent = identity.Agent,
            Connection = connection.Name,
            UpstreamId = upstreamId,
            ClientName = clientName,
            LastUsed = now,
        };
        _byId[session.Id] = session;
        return session;
    }

    /// <summary>The session, if it is this caller's on this connection; another's is as unknown as none.</summary>
    public McpSession? Find(string id, Identity identity, Connection connection)
    {
        if (!_byId.TryGetValue(id, out var session) || !session.BelongsTo(identity, connection)) return null;
        var now = clock.GetUtcNow();
        if (now - session.LastUsed > MaxIdle)
        {
            Forget(session);
            return null;
        }
        session.LastUsed = now;
        return session;
    }

    /// <summary>Ends it; the id answers 404 from now on.</summary>
    public void Forget(McpSession session) => _byId.TryRemove(session.Id, out _);

    /// <summary>Ends every session of an identity.</summary>
    public void EndAll(string identityKey)
    {
        foreach (var session in _byId.Values)
        {
            if (string.Equals(session.IdentityKey, identityKey, StringComparison.Ordinal)) Forget(session);
        }
    }

    private void Sweep(Identity identity, DateTimeOffset now)
    {
        var own = new List<McpSession>();
        foreach (var session in _byId.Values)
        {
            if (now - session.LastUsed > MaxIdle) Forget(session);
            else if (string.Equals(session.IdentityKey, identity.Key, StringComparison.Ordinal)) own.Add(session);
        }
        if (own.Count < MaxPerIdentity) return;
        own.Sort((left, right) => left.LastUsed.CompareTo(right.LastUsed));
        for (var i = 0; i <= own.Count - MaxPerIdentity; i++) Forget(own[i]);
    }
}
