using System.Runtime.CompilerServices;
using System.Buffers;
using System.Net.Security;
using System.Net.Sockets;
using Postern.Core.Pipeline;

// Only the dialer's pool makes one, for a clearance.
#pragma warning disable RS0030

namespace Postern.Upstreams.Http1;

/// <summary>
/// One connection to a target: one request at a time, one reading of its response. A connection is used again only when its last
/// response was read to the end and nothing stands behind it. One user at a time; <see cref="Abort"/> may come from anywhere.
/// </summary>
internal sealed class HttpWire : IDisposable
{
    private const int BufferBytes = 8 * 1024;
    private const int MaxInterim = 16;
    private const int SmallChunk = 4 * 1024;

    private static readonly byte[] ChunkEnd = "\r\n"u8.ToArray();
    private static readonly byte[] LastChunk = "0\r\n\r\n"u8.ToArray();

    private readonly Socket _socket;
    private readonly SslStream? _tls;
    private readonly long _opened;
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
    private int _headLength;
    private int _start;
    private int _end;
    private long _left;
    private ChunkedReader _chunks;
    private BodyFraming _framing;
    private bool _hasSent;
    private bool _wasCut;
    private volatile bool _isReading;
    private volatile bool _isWriting;
    private int _isDisposed;

    /// <summary>Takes over a connected socket, and TLS on top of it where there is one.</summary>
    /// <param name="socket">Connected.</param>
    /// <param name="tls">Authenticated, or null.</param>
    /// <param name="opened">Timestamp.</param>
    public HttpWire(Socket socket, SslStream? tls, long opened)
    {
        _socket = socket;
        _tls = tls;
        _opened = opened;
    }

    /// <summary>The response being read. Valid until the next request.</summary>
    public ResponseHead Head { get; } = new();

    /// <summary>What stood behind the body, once it was read to its end.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Trailers => _chunks.Trailers ?? [];

    /// <summary>When the connection was made; a timestamp.</summary>
    public long Opened => _opened;

    /// <summary>Until when it may wait for its next request; a timestamp, kept by the pool.</summary>
    public long IdleUntil { get; set; }

    /// <summary>False as long as it is certain that no byte of the request left.</summary>
    public bool HasSent => Volatile.Read(ref _hasSent);

    /// <summary>True when the response was read to its end, and the connection is as good as new.</summary>
    public bool CanServeAgain => _framing == BodyFraming.None && _start == _end && Head.KeepsAlive && !_wasCut && Volatile.Read(ref _isDisposed) == 0;

    /// <summary>True when the target closed the connection, or spoke without being asked, while it was idle.</summary>
    public bool IsStale()
    {
        try
        {
            return _socket.Poll(0, SelectMode.SelectRead);
        }
        catch (Exception fault) when (fault is SocketException or ObjectDisposedException)
        {
            return true;
        }
    }

    /// <summary>Sends one request and reads the head of its response.</summary>
    public ValueTask SendAsync(UpstreamRequest request, HttpOrigin origin, UpstreamCredential? credential, ReadOnlyMemory<byte>? body)
    {
        var written = WriteRequestAsync(request, origin, credential, body, body?.Length, isChunked: false);
        // Nearly every request fits what the system takes at once: then the only wait, and the only state machine, is that for the response.
        return written.IsCompletedSuccessfully ? ReadHeadAsync(isOfHead: request.Method == "HEAD", request.Upgrade) : ReadHeadAfterAsync(written, request);
    }

    /// <summary>Sends the head of a request whose body follows in pieces; chunked where its length is not known.</summary>
    public ValueTask BeginAsync(UpstreamRequest request, HttpOrigin origin, UpstreamCredential? credential, long? length) =>
        WriteRequestAsync(request, origin, credential, default, length, isChunked: length is null);

    /// <summary>Sends one piece of the body, framed as <see cref="BeginAsync"/> said.</summary>
    public async ValueTask SendPieceAsync(ReadOnlyMemory<byte> piece, bool isChunked)
    {
        // A chunk of no bytes would be the end of the body.
        if (piece.IsEmpty) return;
        if (!isChunked)
        {
            await WriteAsync(piece).ConfigureAwait(false);
            return;
        }
        var head = System.Text.Encoding.ASCII.GetBytes(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{piece.Length:x}\r\n"));
        if (head.Length + piece.Length + ChunkEnd.Length <= _buffer.Length)
        {
            // The buffer is free between the head of the request and that of the response.
            head.CopyTo(_buffer.AsMemory());
            piece.CopyTo(_buffer.AsMemory(head.Length));
            ChunkEnd.CopyTo(_buffer.AsMemory(head.Length + piece.Length));
            await WriteAsync(_buffer.AsMemory(0, head.Length + piece.Length + ChunkEnd.Length)).ConfigureAwait(false);
            return;
        }
        await WriteAsync(head).ConfigureAwait(false);
        await WriteAsync(piece).ConfigureAwait(false);
        await WriteAsync(ChunkEnd).ConfigureAwait(false);
    }

    /// <summary>Says that the body is whole.</summary>
    /// <param name="trailers">What stands behind it.</param>
    public ValueTask EndBodyAsync(IReadOnlyList<KeyValuePair<string, string>> trailers) => WriteAsync(trailers.Count == 0 ? LastChunk : RequestHead.LastChunk(trailers));

    /// <summary>Reads the head of the response to a request that was sent in pieces. One whose body was cut short leaves no connection for another.</summary>
    public async ValueTask ReadResponseAsync(UpstreamRequest request, bool wasCut)
    {
        await ReadHeadAsync(isOfHead: request.Method == "HEAD", request.Upgrade).ConfigureAwait(false);
        _wasCut = wasCut;
    }

    /// <summary>Every header of the response.</summary>
    public List<KeyValuePair<string, string>> Headers() => Head.All(_buffer.AsSpan(0, _headLength));

    /// <summary>Sends bytes over a connection that was switched.</summary>
    public ValueTask WriteSwitchedAsync(ReadOnlyMemory<byte> bytes) => Head.IsSwitched ? WriteAsync(bytes) : throw new InvalidOperationException("the connection was not switched");

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask WriteRequestAsync(UpstreamRequest request, HttpOrigin origin, UpstreamCredential? credential, ReadOnlyMemory<byte>? body, long? bodyLength, bool isChunked)
    {
        _hasSent = _wasCut = false;
        int length;
        while ((length = RequestHead.Write(_buffer, request, origin, credential, bodyLength, isChunked)) == 0)
        {
            if (_buffer.Length >= RequestHead.MaxBytes) throw new UpstreamException(RefusalCode.InvalidRequest, "the headers are too long to be sent") { NothingWasSent = true };
            Grow(0);
        }
        var content = body.GetValueOrDefault();
        var isWhole = _buffer.Length - length >= content.Length;
        if (isWhole)
        {
            content.CopyTo(_buffer.AsMemory(length));
            length += content.Length;
        }
        Volatile.Write(ref _hasSent, true);
        await WriteAsync(_buffer.AsMemory(0, length)).ConfigureAwait(false);
        if (!isWhole) await WriteAsync(content).ConfigureAwait(false);
    }

    /// <summary>The single value of a header; null when it is absent.</summary>
    public string? Header(string name) => Head.Header(_buffer.AsSpan(0, _headLength), name);

    /// <summary>Reads what has arrived of the body; 0 at its end.</summary>
    /// <exception cref="UpstreamException">It is not framed as it should be, or ended before its end.</exception>
    public ValueTask<int> ReadAsync(Memory<byte> into) => _framing switch
    {
        BodyFraming.None => ValueTask.FromResult(0),
        BodyFraming.Chunked => ReadChunkedAsync(into),
        _ => ReadPlainAsync(into),
    };

    /// <summary>Ends whatever waits on the connection, from any thread.</summary>
    public void Abort()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0) _socket.Dispose();
    }

    /// <summary>Closes it. Only its user may, when nothing waits on it any more.</summary>
    public void Dispose()
    {
        Abort();
        _tls?.Dispose();
        // An operation that was left under way may still read or write it: it must never be another caller's (G14).
        if (_buffer.Length > 0 && !_isReading && !_isWriting) ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
    }

    private async ValueTask ReadHeadAfterAsync(ValueTask written, UpstreamRequest request)
    {
        await written.ConfigureAwait(false);
        await ReadHeadAsync(isOfHead: request.Method == "HEAD", request.Upgrade).ConfigureAwait(false);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask ReadHeadAsync(bool isOfHead, string? upgrade)
    {
        _start = _end = 0;
        for (var interim = 0; interim <= MaxInterim; interim++)
        {
            int length;
            while ((length = ResponseHead.LengthOf(_buffer.AsSpan(0, _end))) == 0)
            {
                if (_end >= ResponseHead.MaxBytes) throw Invalid("the head of the target's response is too long");
                if (_end == _buffer.Length) Grow(0);
                var read = await BeginReceive(_buffer.AsMemory(_end)).ConfigureAwait(false);
                _isReading = false;
                if (read == 0) throw Invalid(_end == 0 ? "the target closed the connection without an answer" : "the target's response ended inside its head");
                _end += read;
            }
            Head.Read(_buffer.AsSpan(0, length), isOfHead, upgrade);
            if (Head.IsInterim)
            {
                _buffer.AsSpan(length, _end - length).CopyTo(_buffer);
                _end -= length;
                continue;
            }
            _headLength = _start = length;
            _framing = Head.Framing;
            _left = Head.Length;
            _chunks = default;
            return;
        }
        throw Invalid("the target sent interim responses without end");
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> ReadPlainAsync(Memory<byte> into)
    {
        if (_framing == BodyFraming.Length && into.Length > _left) into = into[..(int)_left];
        var read = TakeBuffered(into);
        if (read == 0)
        {
            read = await BeginReceive(into).ConfigureAwait(false);
            _isReading = false;
            if (read == 0 && _framing == BodyFraming.Length) throw Invalid("the target's body ended early");
        }
        if (_framing == BodyFraming.UntilClose)
        {
            if (read == 0) _framing = BodyFraming.None;
            return read;
        }
        _left -= read;
        if (_left == 0) _framing = BodyFraming.None;
        return read;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> ReadChunkedAsync(Memory<byte> into)
    {
        while (true)
        {
            _start += _chunks.Take(_buffer.AsSpan(_start, _end - _start));
            if (_chunks.IsOver)
            {
                _framing = BodyFraming.None;
                return 0;
            }
            if (_chunks.Data > 0)
            {
                var wanted = into.Length > _chunks.Data ? into[..(int)_chunks.Data] : into;
                var data = TakeBuffered(wanted);
                if (data == 0 && wanted.Length < SmallChunk)
                {
                    // Together with the framing behind it, which would cost a read of its own.
                    MakeRoom();
                    var ahead = await BeginReceive(_buffer.AsMemory(_end)).ConfigureAwait(false);
                    _isReading = false;
                    _end += ahead;
                    data = TakeBuffered(wanted);
                }
                else if (data == 0)
                {
                    data = await BeginReceive(wanted).ConfigureAwait(false);
                    _isReading = false;
                }
                if (data == 0) throw Invalid("the target's body ended inside a chunk");
                _chunks.TakeData(data);
                // The end of the body often stands right behind its last data; read now, it costs no further wait.
                if (_chunks.Data == 0) _start += _chunks.Take(_buffer.AsSpan(_start, _end - _start));
                if (_chunks.IsOver) _framing = BodyFraming.None;
                return data;
            }
            MakeRoom();
            var read = await BeginReceive(_buffer.AsMemory(_end)).ConfigureAwait(false);
            _isReading = false;
            if (read == 0) throw Invalid("the target's body ended before its last chunk");
            _end += read;
        }
    }

    private int TakeBuffered(Memory<byte> into)
    {
        var count = Math.Min(_end - _start, into.Length);
        _buffer.AsSpan(_start, count).CopyTo(into.Span);
        _start += count;
        return count;
    }

    /// <summary>Room behind the unread bytes; the head stays where it is, because its headers can still be asked for.</summary>
    private void MakeRoom()
    {
        _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer.AsSpan(_headLength));
        _end = _headLength + (_end - _start);
        _start = _headLength;
        if (_buffer.Length - _end < BufferBytes / 4) Grow(_end);
    }

    private void Grow(int kept)
    {
        var larger = ArrayPool<byte>.Shared.Rent(2 * _buffer.Length);
        _buffer.AsSpan(0, Math.Max(kept, _end)).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = larger;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes)
    {
        _isWriting = true;
        if (_tls is not null) await _tls.WriteAsync(bytes).ConfigureAwait(false);
        else
        {
            while (!bytes.IsEmpty)
            {
                var sent = await _socket.SendAsync(bytes, SocketFlags.None).ConfigureAwait(false);
                bytes = bytes[sent..];
            }
        }
        _isWriting = false;
    }

    /// <summary>Begins to receive. Whoever waited for it to end well takes <see cref="_isReading"/> back.</summary>
    // Without a token: whoever wants to end the wait closes the connection.
    private ValueTask<int> BeginReceive(Memory<byte> into)
    {
        _isReading = true;
        return _tls is null ? _socket.ReceiveAsync(into, SocketFlags.None) : _tls.ReadAsync(into);
    }

    private static UpstreamException Invalid(string message) => new(RefusalCode.UpstreamInvalid, message);
}
