using System.Buffers;
using System.Runtime.CompilerServices;
using Postern.Protocols.Postgres.Wire;

namespace Postern.Protocols.Postgres;

/// <summary>
/// A client's bytes, cut into units: everything up to Sync, Flush or a Query, which is judged and forwarded as one. While a unit
/// is being worked on the next bytes are already read, so that a client that leaves is noticed at once.
/// </summary>
/// <param name="left">Called when the client closed (true), or said goodbye while something else was worked on (false).</param>
internal sealed class ClientIntake(Action<bool> left) : IDisposable
{
    private const int FirstBuffer = 8 * 1024;

    // One large unit must not cost the memory for as long as the session lasts.
    private const int MostKept = 128 * 1024;

    // Enough to go on reading beside a unit that fills the buffer.
    private const int Spare = 512;

    private readonly List<ClientMessage> _messages = [];
    private Stream _stream = Stream.Null;
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(FirstBuffer);
    private int _start;
    private int _scanned;
    private int _end;
    private bool _isFilling;
    private ValueTask _filling;
    private volatile bool _isOver;

    /// <summary>The messages of the current unit; the last one ends it.</summary>
    public List<ClientMessage> Messages => _messages;

    /// <summary>The bytes of the current unit; valid until the next one is read.</summary>
    public ReadOnlyMemory<byte> Unit => _buffer.AsMemory(_start, _scanned - _start);

    /// <summary>Reads from this.</summary>
    public void Attach(Stream stream) => _stream = stream;

    /// <summary>Reads the next unit; false when the client closed.</summary>
    /// <param name="onlySync">True after an error: everything until Sync is thrown away.</param>
    /// <exception cref="WireException">The bytes are no messages, or the unit is too large.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<bool> ReadAsync(bool onlySync)
    {
        _start = _scanned;
        _messages.Clear();
        while (true)
        {
            if (_isFilling)
            {
                var filling = _filling;
                _isFilling = false;
                await filling.ConfigureAwait(false);
            }
            var missing = Scan(onlySync);
            if (missing == 0) return true;
            if (_isOver) return false;
            Reserve(missing);
            await FillAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Goes on reading while the unit is worked on.</summary>
    public void ReadAhead()
    {
        if (_isFilling || _isOver) return;
        // Whatever is there already is looked at when its turn comes.
        if (_end > _scanned) return;
        var filling = FillAsync();
        if (filling.IsCompletedSuccessfully)
        {
            filling.GetAwaiter().GetResult();
            return;
        }
        _filling = filling;
        _isFilling = true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // A read that is still pending may write into the buffer: it never goes back to the pool then.
        if (!_isFilling) ArrayPool<byte>.Shared.Return(_buffer, clearArray: true);
        _buffer = [];
    }

    /// <summary>Looks at what is there; 0 when the unit is whole, else how many bytes its next message has at least.</summary>
    private int Scan(bool onlySync)
    {
        while (true)
        {
            var rest = _buffer.AsSpan(_scanned, _end - _scanned);
            var length = ClientMessage.LengthOf(rest);
            if (length == 0) return ClientMessage.HeaderLength;
            if (length > rest.Length) return length;
            var type = rest[0];
            var handling = MessageTable.OfClient(type).Handling;
            if (handling == Handling.Own && type != (byte)'X') throw new WireException($"a {MessageTable.OfClient(type).Name} where it has no place");
            if (onlySync && type is not ((byte)'S' or (byte)'X'))
            {
                _scanned += length;
                _start = _scanned;
                continue;
            }
            _messages.Add(new ClientMessage(type, _scanned - _start, length));
            _scanned += length;
            if (_messages.Count > MessageTable.MostMessages || _scanned - _start > MessageTable.LongestUnit)
            {
                throw new WireException($"more than {MessageTable.MostMessages} messages or {MessageTable.LongestUnit} bytes without a Sync; send less at once");
            }
            // What is not carried, and what ends the session, is answered at once.
            if (type is (byte)'Q' or (byte)'S' or (byte)'H' or (byte)'X' || handling == Handling.Refused)
            {
                if (_buffer.Length - _end < Spare) Reserve(_end - _scanned + Spare);
                return 0;
            }
        }
    }

    /// <summary>Makes room for so many bytes behind what was scanned.</summary>
    private void Reserve(int wanted)
    {
        if (_buffer.Length - _scanned >= wanted && _buffer.Length > _end) return;
        var kept = _end - _start;
        var needed = _scanned - _start + wanted + Spare;
        var target = needed <= _buffer.Length ? _buffer : ArrayPool<byte>.Shared.Rent(needed);
        Buffer.BlockCopy(_buffer, _start, target, 0, kept);
        if (!ReferenceEquals(target, _buffer)) ArrayPool<byte>.Shared.Return(_buffer, clearArray: true);
        _buffer = target;
        (_scanned, _end, _start) = (_scanned - _start, kept, 0);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask FillAsync()
    {
        if (_end == _scanned && _start == _scanned)
        {
            (_start, _scanned, _end) = (0, 0, 0);
            if (_buffer.Length > MostKept)
            {
                ArrayPool<byte>.Shared.Return(_buffer, clearArray: true);
                _buffer = ArrayPool<byte>.Shared.Rent(FirstBuffer);
            }
        }
        var count = 0;
        try
        {
            count = await _stream.ReadAsync(_buffer.AsMemory(_end)).ConfigureAwait(false);
        }
        catch (Exception broken) when (broken is IOException or ObjectDisposedException)
        {
            // As if it had closed.
        }
        _end += count;
        if (count == 0) _isOver = true;
        if (count == 0) left(true);
        else if (_end - count == _scanned && _buffer[_scanned] == (byte)'X') left(false);
    }
}
