using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Postern.Core.Pipeline;

namespace Postern.Upstreams.Stdio;

/// <summary>
/// Which stream a message of a child belongs to. Many streams share one pipe, so towards the child the request id and the
/// progress token are the switchboard's own: unguessable, and never used twice. An answer that comes late finds nobody, and can
/// never be taken for the answer to another request. Does no I/O; what it returns is to be written to the child.
/// </summary>
/// <param name="read">Reads envelopes.</param>
/// <param name="isShared">Streams of different people: what does not say whose it is goes to nobody.</param>
/// <param name="standsAlone">The era without sessions: servers ask nothing.</param>
internal sealed class Switchboard(EnvelopeReader read, bool isShared, bool standsAlone)
{
    public const string Initialize = "initialize";
    public const string Cancelled = "notifications/cancelled";
    private const string Ping = "ping";
    private const string Progress = "notifications/progress";
    private const string Listen = "subscriptions/listen";
    private const string ResourceUpdated = "notifications/resources/updated";
    private const string ListChanged = "/list_changed";
    private const int MaxOpen = 1024;
    private const int MaxAsked = 64;
    private const long LargestId = (1L << 53) - 1; // what every JSON parser reads back exactly

    private readonly Lock _lock = new();
    private readonly Dictionary<long, OpenCall> _open = [];
    private readonly Dictionary<string, ChildStream> _asked = new(StringComparer.Ordinal);
    private readonly List<ChildStream> _listening = [];
    private readonly TaskCompletionSource<Welcome> _welcome = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _isClosed;
    private long _sequence;
    private long _dropped;

    private sealed record OpenCall(string Session, byte[] RawId, byte[]? RawToken, ChildStream Stream, string Method, long Sequence);

    /// <summary>What a shared child answered to the one <c>initialize</c> that it was sent.</summary>
    public Task<Welcome> Welcomed => _welcome.Task;

    /// <summary>Messages that went nowhere: not JSON-RPC, answers to nothing, notifications for nobody.</summary>
    public long Dropped => Interlocked.Read(ref _dropped);

    /// <summary>No stream waits for anything.</summary>
    public bool IsIdle
    {
        get
        {
            lock (_lock) return _open.Count == 0 && _listening.Count == 0;
        }
    }

    /// <summary>Takes a request in; the line goes to the child, the messages that belong to it come to the stream.</summary>
    /// <exception cref="UpstreamException">Too many are open.</exception>
    public (long Id, byte[] Line) Open(string session, ReadOnlySpan<byte> body, in LineEnvelope envelope, ChildStream stream)
    {
        lock (_lock)
        {
            if (_isClosed) throw new UpstreamException(RefusalCode.UpstreamUnavailable, "the target's process ended");
            if (_open.Count >= MaxOpen) throw new UpstreamException(RefusalCode.UpstreamUnavailable, $"{MaxOpen} requests are open at the target");
            long id;
            do id = RandomId();
            while (_open.ContainsKey(id));
            _open[id] = new OpenCall(session, envelope.Id.Of(body).ToArray(), envelope.ProgressToken.IsEmpty ? null : envelope.ProgressToken.Of(body).ToArray(), stream, envelope.Method!, ++_sequence);
            var token = Splice.Token(id);
            return (id, Splice.Line(body, envelope.Id, token, envelope.ProgressToken, token));
        }
    }

    /// <summary>Nobody waits for this request any more. What the child is to be told; nothing when it had answered.</summary>
    public List<byte[]> Abandon(long id)
    {
        lock (_lock)
        {
            if (!_open.TryGetValue(id, out var call)) return [];
            call.Stream.End();
            // Others will join the shared child by what it answers to this.
            if (isShared && call.Method == Initialize) return [];
            _open.Remove(id);
            return [Encoding.ASCII.GetBytes($$$"""{"jsonrpc":"2.0","method":"{{{Cancelled}}}","params":{"requestId":{{{id}}},"reason":"the caller left"}}""" + "\n"), .. RefuseAsksOf(call.Stream)];
        }
    }

    /// <summary>A client's cancellation in the child's terms, or null when it names nothing that is open.</summary>
    public byte[]? Cancel(string session, ReadOnlySpan<byte> body, in LineEnvelope envelope)
    {
        lock (_lock)
        {
            foreach (var (id, call) in _open)
            {
                if (call.Session != session || !envelope.RequestId.Of(body).SequenceEqual(call.RawId)) continue;
                _open.Remove(id);
                call.Stream.End();
                return Splice.Line(body, envelope.RequestId, Splice.Token(id));
            }
            return null;
        }
    }

    /// <summary>A client's answer to a question of the child, or null when the child asked nothing under this id.</summary>
    public byte[]? Answer(ReadOnlySpan<byte> body, in LineEnvelope envelope)
    {
        lock (_lock) return _asked.Remove(Encoding.UTF8.GetString(envelope.Id.Of(body))) ? Splice.Line(body, default, default) : null;
    }

    /// <summary>Opens a stream for what belongs to no request.</summary>
    public void AddListener(ChildStream stream)
    {
        lock (_lock)
        {
            if (_isClosed) stream.Fail("the target's process ended");
            else _listening.Add(stream);
        }
    }

    /// <summary>Ends such a stream.</summary>
    public List<byte[]> RemoveListener(ChildStream stream)
    {
        lock (_lock)
        {
            _listening.Remove(stream);
            return RefuseAsksOf(stream);
        }
    }

    /// <summary>Brings one line of the child to its stream. What is to be written back, or null.</summary>
    public List<byte[]>? Take(ReadOnlySpan<byte> line)
    {
        if (line.IsEmpty) return null;
        // A line break inside a message would be read as the end of an event further on (row P32).
        var envelope = line.Contains((byte)'\r') ? default : read(line);
        lock (_lock)
        {
            switch (envelope.Kind)
            {
                case LineKind.Response:
                    return TakeResponse(line, envelope);
                case LineKind.Notification:
                    if (!TakeNotification(line, envelope)) Drop();
                    return null;
                case LineKind.Request:
                    return TakeRequest(line, envelope) is { } answer ? [answer] : null;
                default:
                    Drop();
                    return null;
            }
        }
    }

    /// <summary>The stream with the most waiting for its reader is broken off.</summary>
    public void FailFullest(string why)
    {
        lock (_lock)
        {
            var fullest = _open.Values.Select(call => call.Stream).Concat(_listening).MaxBy(stream => stream.Queued);
            fullest?.Fail(why);
            foreach (var (id, call) in _open)
            {
                if (ReferenceEquals(call.Stream, fullest)) _open.Remove(id);
            }
        }
    }

    /// <summary>Breaks everything off, and lets nothing new in: it would wait for a child that is gone.</summary>
    public void FailAll(string why)
    {
        lock (_lock)
        {
            _isClosed = true;
            foreach (var call in _open.Values) call.Stream.Fail(why);
            foreach (var stream in _listening) stream.Fail(why);
            _open.Clear();
            _asked.Clear();
            _welcome.TrySetException(new UpstreamException(RefusalCode.UpstreamUnavailable, "the shared target ended"));
            _ = _welcome.Task.Exception; // nobody may be waiting for it
        }
    }

    private List<byte[]>? TakeResponse(ReadOnlySpan<byte> line, in LineEnvelope envelope)
    {
        if (!TryId(envelope.Id.Of(line), out var id) || !_open.Remove(id, out var call))
        {
            Drop();
            return null;
        }
        if (isShared && call.Method == Initialize)
        {
            if (envelope.ErrorCode is null) _welcome.TrySetResult(new Welcome(line.ToArray(), envelope.Id));
            else _welcome.TrySetException(new UpstreamException(RefusalCode.UpstreamUnavailable, "the shared target refused to initialize"));
        }
        var subscription = call.Method == Listen ? envelope.Subscription : default;
        call.Stream.Complete(Splice.Event(line, envelope.Id, call.RawId, subscription, call.RawId), envelope.ErrorCode);
        return RefuseAsksOf(call.Stream);
    }

    private bool TakeNotification(ReadOnlySpan<byte> line, in LineEnvelope envelope)
    {
        if (envelope.Method == Progress)
        {
            if (!TryId(envelope.ProgressToken.Of(line), out var token) || !_open.TryGetValue(token, out var call) || call.RawToken is null) return false;
            call.Stream.Add(Splice.Event(line, envelope.ProgressToken, call.RawToken));
            return true;
        }
        if (!envelope.Subscription.IsEmpty)
        {
            if (!TryId(envelope.Subscription.Of(line), out var id) || !_open.TryGetValue(id, out var call)) return false;
            call.Stream.Add(Splice.Event(line, envelope.Subscription, call.RawId));
            return true;
        }
        if (envelope.Method == Cancelled)
        {
            // The child takes a question of its own back.
            if (envelope.RequestId.IsEmpty || !_asked.Remove(Encoding.UTF8.GetString(envelope.RequestId.Of(line)), out var asked)) return false;
            asked.Add(Splice.Event(line));
            return true;
        }
        if (isShared)
        {
            // That a list changed says nothing of anybody; everything else could be another's (row P23).
            if (!envelope.Method!.EndsWith(ListChanged, StringComparison.Ordinal) || _listening.Count == 0) return false;
            foreach (var listener in _listening) listener.Add(Splice.Event(line));
            return true;
        }
        var isOfNoRequest = envelope.Method == ResourceUpdated || envelope.Method!.EndsWith(ListChanged, StringComparison.Ordinal);
        if ((isOfNoRequest ? _listening.LastOrDefault() ?? Related() : Related()) is not { } stream) return false;
        stream.Add(Splice.Event(line));
        return true;
    }

    private byte[]? TakeRequest(ReadOnlySpan<byte> line, in LineEnvelope envelope)
    {
        var rawId = Encoding.UTF8.GetString(envelope.Id.Of(line));
        // A ping asks whether this end of the pipe is alive.
        if (envelope.Method == Ping) return Encoding.UTF8.GetBytes("{\"jsonrpc\":\"2.0\",\"id\":" + rawId + ",\"result\":{}}\n");
        if (isShared || standsAlone || _asked.Count >= MaxAsked || _asked.ContainsKey(rawId) || Related() is not { } stream)
        {
            Drop();
            return Refusal(rawId);
        }
        _asked[rawId] = stream;
        stream.Add(Splice.Event(line));
        return null;
    }

    /// <summary>
    /// Where a message goes that does not say what it belongs to: to the only request, else to the client's listening stream,
    /// else to the newest request. Where no session binds the requests together, only the first of these is sure enough.
    /// </summary>
    private ChildStream? Related()
    {
        OpenCall? newest = null;
        var count = 0;
        foreach (var call in _open.Values)
        {
            if (call.Method == Listen) continue;
            count++;
            if (newest is null || call.Sequence > newest.Sequence) newest = call;
        }
        if (count == 1) return newest!.Stream;
        return standsAlone ? null : _listening.LastOrDefault() ?? newest?.Stream;
    }

    private List<byte[]> RefuseAsksOf(ChildStream stream)
    {
        if (_asked.Count == 0) return [];
        var left = _asked.Where(one => ReferenceEquals(one.Value, stream)).Select(one => one.Key).ToList();
        foreach (var rawId in left) _asked.Remove(rawId);
        return [.. left.Select(Refusal)];
    }

    private static byte[] Refusal(string rawId) =>
        Encoding.UTF8.GetBytes("{\"jsonrpc\":\"2.0\",\"id\":" + rawId + ",\"error\":{\"code\":-32603,\"message\":\"nobody can be asked\"}}\n");

    private static bool TryId(ReadOnlySpan<byte> token, out long id) => Utf8Parser.TryParse(token, out id, out var length) && length == token.Length && length > 0;

    private static long RandomId()
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        RandomNumberGenerator.Fill(bytes);
        return BitConverter.ToInt64(bytes) & LargestId;
    }

    private void Drop() => Interlocked.Increment(ref _dropped);
}

/// <summary>The answer to <c>initialize</c>, and where its id stands.</summary>
internal sealed record Welcome(byte[] Line, Slot Id);
