using System.Threading.Channels;

namespace Postern.Upstreams.Stdio;

/// <summary>
/// The messages of a child for one stream of a client, as the event stream that a target over HTTP would send. Ends with the
/// response, or breaks off with a fault. One writer at a time, one reader.
/// </summary>
/// <param name="changed">Told how many bytes more, or fewer, wait for the reader.</param>
internal sealed class ChildStream(Action<int> changed) : IDisposable
{
    private readonly Channel<byte[]> _events = Channel.CreateUnbounded<byte[]>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Lock _count = new();
    private ReadOnlyMemory<byte> _current;
    private int _queued;
    private int _waiting;
    private bool _isLetGo;

    /// <summary>The code of the error that the response was, or null.</summary>
    public int? ErrorCode { get; private set; }

    /// <summary>True once the response is in it, or it broke off.</summary>
    public bool IsOver { get; private set; }

    /// <summary>Bytes that wait for the reader.</summary>
    public int Queued => Volatile.Read(ref _queued);

    /// <summary>Adds one event, framed by <see cref="Splice.Event"/>.</summary>
    public void Add(byte[] framed)
    {
        Count(framed.Length);
        Interlocked.Increment(ref _waiting);
        if (_events.Writer.TryWrite(framed)) return;
        Interlocked.Decrement(ref _waiting);
        Count(-framed.Length);
    }

    /// <summary>Adds the response; nothing follows.</summary>
    public void Complete(byte[] framed, int? errorCode)
    {
        ErrorCode = errorCode;
        Add(framed);
        End();
    }

    /// <summary>Ends it as it is.</summary>
    public void End()
    {
        IsOver = true;
        _events.Writer.TryComplete();
    }

    /// <summary>Breaks it off; the reader learns why after what was there before, which from now on holds nobody up.</summary>
    public void Fail(string why)
    {
        IsOver = true;
        _events.Writer.TryComplete(new IOException(why));
        int letGo;
        lock (_count)
        {
            letGo = _isLetGo ? 0 : _queued;
            _isLetGo = true;
        }
        if (letGo > 0) changed(-letGo);
    }

    /// <summary>Waits until there is something to read, or the end. False when it ended or broke off before.</summary>
    public async ValueTask<bool> FirstAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await _events.Reader.WaitToReadAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>The event that is there, or null.</summary>
    public byte[]? TryTake()
    {
        if (!_events.Reader.TryRead(out var framed)) return null;
        Interlocked.Decrement(ref _waiting);
        Count(-framed.Length);
        return framed;
    }

    /// <summary>The one event that it is over with, or null when more is in it or to come.</summary>
    public byte[]? TryTakeOnly() => IsOver && Volatile.Read(ref _waiting) == 1 ? TryTake() : null;

    /// <summary>Reads what is there, or waits for it; 0 at the end.</summary>
    /// <exception cref="IOException">It broke off.</exception>
    public async ValueTask<int> ReadAsync(Memory<byte> into, CancellationToken cancellationToken)
    {
        while (_current.IsEmpty)
        {
            if (TryTake() is { } next) _current = next;
            else if (!await _events.Reader.WaitToReadAsync(cancellationToken).ConfigureAwait(false)) return 0;
        }
        var length = Math.Min(into.Length, _current.Length);
        _current[..length].CopyTo(into);
        _current = _current[length..];
        return length;
    }

    /// <summary>Nobody reads any more: what waits is let go.</summary>
    public void Dispose()
    {
        End();
        while (TryTake() is not null)
        {
        }
    }

    private void Count(int bytes)
    {
        lock (_count)
        {
            if (_isLetGo) return;
            _queued += bytes;
        }
        changed(bytes);
    }
}
