using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Text;
using Postern.Core.Operations;
using Postern.Core.Pipeline;

// Upstreams: the socket of an open session at a PostgreSQL server.
#pragma warning disable RS0030

namespace Postern.Upstreams.Postgres;

/// <summary>
/// One open session at a server. What is asked in it takes a clearance of its own each time; without one only the few messages go
/// that ask nothing.
/// </summary>
public sealed class PostgresLink : IAsyncDisposable
{
    // Nothing earlier in the session: neither prepared statements nor settings, should somebody pool behind us (attack Q08).
    private const string Renew = "DISCARD ALL";

    /// <summary>The setting by which names without a schema are found.</summary>
    public const string Path = "search_path";

    private const string ReadPath = "SELECT pg_catalog.current_setting('search_path')";

    // Temporary relations last, so that none of them can take the name of another (attack Q06).
    private const string PinPath = "SELECT pg_catalog.set_config('search_path', pg_catalog.current_setting('search_path') || ', pg_temp', false)";

    private readonly Clearance _opened;
    private readonly PostgresTarget _target;
    private readonly Socket _socket;
    private readonly Stream _stream;
    private readonly DeadlineWatch _deadlines;
    private readonly Deadline _deadline;
    private readonly CancellationTokenRegistration _abort;
    private readonly Func<PostgresTarget, byte[], ValueTask> _cancel;
    private readonly List<KeyValuePair<string, string>> _settings = [];
    private byte[] _secret = [];
    private int _process;
    private long _messageBegan;
    private int _isDisposed;

    internal PostgresLink(Clearance opened, PostgresTarget target, Socket socket, Stream stream, DeadlineWatch deadlines, Func<PostgresTarget, byte[], ValueTask> cancel)
    {
        (_opened, _target, _socket, _stream, _deadlines, _cancel) = (opened, target, socket, stream, deadlines, cancel);
        _deadline = deadlines.Take(CancellationToken.None);
        _abort = _deadline.Token.UnsafeRegister(static state => ((PostgresLink)state!).Abort(), this);
    }

    /// <summary>What the server reported of itself and of the session when it was opened, in its order.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Settings => _settings;

    /// <summary>The session's <c>search_path</c>, as it stays.</summary>
    public string SearchPath { get; private set; } = "";

    /// <summary>Sends what a clearance permits; it is spent by this.</summary>
    /// <exception cref="InvalidOperationException">The clearance was used before, or is for another connection.</exception>
    public ValueTask SendAsync(Clearance clearance, ReadOnlyMemory<byte> messages)
    {
        ArgumentNullException.ThrowIfNull(clearance);
        // INVARIANT: one clearance, one use, and only where it was given for.
        if (!ReferenceEquals(clearance.Operation.Connection, _opened.Operation.Connection) || !ReferenceEquals(clearance.Identity, _opened.Identity)) throw new InvalidOperationException("the clearance is for another session");
        if (!clearance.TryUse()) throw new InvalidOperationException("the clearance was used before");
        return _stream.WriteAsync(messages);
    }

    /// <summary>Ends a unit without asking anything.</summary>
    /// <param name="undo">True: what the server began by itself since the last end of a unit is undone; the server answers with one error first.</param>
    public ValueTask SyncAsync(bool undo) => _stream.WriteAsync(undo ? ClientFrames.Abandon : ClientFrames.Sync);

    /// <summary>Reads what has arrived; 0 at the end. One reader at a time.</summary>
    /// <param name="into">Where to.</param>
    /// <param name="isMidMessage">True while a message has begun and is not whole.</param>
    /// <exception cref="UpstreamException">The session broke off, or the server was silent for longer than <see cref="UpstreamPatience"/> allows.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<int> ReadAsync(Memory<byte> into, bool isMidMessage)
    {
        try
        {
            var read = _stream.ReadAsync(into);
            if (read.IsCompletedSuccessfully) return read.Result;
            Expect(isMidMessage);
            var count = await read.ConfigureAwait(false);
            _deadline.Clear();
            return count;
        }
        catch (Exception fault) when (_deadline.HasPassed)
        {
            throw new UpstreamException(RefusalCode.UpstreamUnavailable, isMidMessage ? "the server began a message and did not end it in time" : "the server was silent for too long", fault);
        }
        catch (Exception fault) when (fault is IOException or SocketException or ObjectDisposedException)
        {
            throw new UpstreamException(RefusalCode.UpstreamInvalid, "the session at the server broke off", fault);
        }
    }

    /// <summary>Asks one of the gateway's own questions (a catalogue's snapshot) and hands over each row; for the gateway's identity only.</summary>
    /// <param name="text">The question, a constant.</param>
    /// <param name="row">Takes the values of a row, in text; null for NULL.</param>
    public async ValueTask AskAsync(string text, Action<string?[]> row)
    {
        ArgumentNullException.ThrowIfNull(row);
        if (_opened.Identity.Kind != IdentityKind.Gateway) throw new InvalidOperationException("only the gateway itself asks without a clearance for each question");
        await RunAsync(new ServerFrames(ReadAsync), text, row).ConfigureAwait(false);
    }

    /// <summary>Asks the server to stop what the session does. Whether it does is seen in the session.</summary>
    public ValueTask CancelAsync() => _cancel(_target, ClientFrames.Cancel(_process, _secret));

    /// <summary>Closes the session at once; whatever waits on it fails.</summary>
    public void Abort() => _socket.Dispose();

    /// <summary>Says goodbye and closes.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0) return;
        _abort.Unregister();
        _deadlines.Return(_deadline);
        try
        {
            // Never waited for long: a server that does not read cannot keep us.
            var goodbye = _stream.WriteAsync(ClientFrames.Terminate);
            if (goodbye.IsCompletedSuccessfully) await _stream.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is IOException or SocketException or ObjectDisposedException or InvalidOperationException or NotSupportedException)
        {
            // It is closed already.
        }
        _socket.Dispose();
    }

    internal async ValueTask OpenAsync(ImmutableArray<KeyValuePair<string, string>> settings, byte[]? endPoint)
    {
        var frames = new ServerFrames(ReadAsync);
        await _stream.WriteAsync(ClientFrames.Startup(_target.User, _target.Database, settings)).ConfigureAwait(false);
        await SignIn.RunAsync(_target, frames, endPoint, bytes => _stream.WriteAsync(bytes)).ConfigureAwait(false);
        await ReadyAsync(frames, static _ => { }).ConfigureAwait(false);
        if (_secret.Length == 0) throw ServerFrames.Invalid("the server gave no key to cancel with");
        await RunAsync(frames, Renew, static _ => { }).ConfigureAwait(false);
        // As part of the startup message it is what RESET leads back to; otherwise it is the role's own.
        var isGiven = settings.Any(static setting => setting.Key == Path);
        await RunAsync(frames, isGiven ? ReadPath : PinPath, row => SearchPath = row[0] ?? "").ConfigureAwait(false);
        if (isGiven && !settings.Contains(new(Path, SearchPath))) throw ServerFrames.Invalid("another search path than the one that was asked for");
        if (frames.Unread > 0) throw ServerFrames.Invalid("the server sent more than it was asked for");
    }

    private async ValueTask RunAsync(ServerFrames frames, string text, Action<string?[]> row)
    {
        await _stream.WriteAsync(ClientFrames.Query(text)).ConfigureAwait(false);
        await ReadyAsync(frames, row).ConfigureAwait(false);
    }

    /// <summary>Reads until the server is ready for more.</summary>
    private async ValueTask ReadyAsync(ServerFrames frames, Action<string?[]> row)
    {
        UpstreamException? fault = null;
        while (true)
        {
            await frames.NextAsync().ConfigureAwait(false);
            switch ((char)frames.Type)
            {
                case 'S':
                    var body = frames.Body.Span;
                    var name = ServerFrames.TextOf(ref body);
                    Set(name, ServerFrames.TextOf(ref body));
                    break;
                case 'K' when frames.Body.Length is >= 8 and <= 4 + 256:
                    _process = BinaryPrimitives.ReadInt32BigEndian(frames.Body.Span);
                    _secret = frames.Body[4..].ToArray();
                    break;
                case 'D':
                    row(Row(frames.Body.Span));
                    break;
                case 'E':
                    fault = new UpstreamException(RefusalCode.UpstreamUnavailable, $"the server refused one of the gateway's own statements: SQLSTATE {ServerFrames.ErrorOf(frames.Body.Span).Code}") { NothingWasSent = true };
                    break;
                case 'Z' when frames.Body is { Length: 1, Span: [(byte)'I' or (byte)'T' or (byte)'E'] }:
                    if (fault is not null) throw fault;
                    return;
                case 'T' or 'C' or 'N':
                    break;
                default:
                    throw ServerFrames.Invalid("the server sent a message that has no place here");
            }
            if (fault is not null && _secret.Length == 0) throw fault;
        }
    }

    private void Set(string name, string value)
    {
        _settings.RemoveAll(setting => setting.Key == name);
        _settings.Add(new(name, value));
    }

    private static string?[] Row(ReadOnlySpan<byte> body)
    {
        if (body.Length < 2) throw ServerFrames.Invalid("the server sent a row without a length");
        var values = new string?[BinaryPrimitives.ReadUInt16BigEndian(body)];
        body = body[2..];
        for (var i = 0; i < values.Length; i++)
        {
            var length = body.Length < 4 ? int.MinValue : BinaryPrimitives.ReadInt32BigEndian(body);
            if (length < -1 || length > body.Length - 4) throw ServerFrames.Invalid("the server sent a row that does not hold what it says");
            if (length >= 0) values[i] = Encoding.UTF8.GetString(body.Slice(4, length));
            body = body[(4 + Math.Max(length, 0))..];
        }
        return values;
    }

    private void Expect(bool isMidMessage)
    {
        var now = _deadlines.Clock.GetTimestamp();
        var patience = _target.Patience;
        if (!isMidMessage)
        {
            _messageBegan = 0;
            _deadline.Set(now, patience.Silence);
            return;
        }
        if (_messageBegan == 0) _messageBegan = now;
        var left = patience.Message - _deadlines.Clock.GetElapsedTime(_messageBegan, now);
        _deadline.Set(now, left < patience.Idle ? left : patience.Idle);
    }
}
