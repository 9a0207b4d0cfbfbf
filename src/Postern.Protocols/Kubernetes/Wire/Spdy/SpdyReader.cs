using System.Buffers;
using System.Buffers.Binary;

namespace Postern.Protocols.Kubernetes.Wire.Spdy;

/// <summary>
/// Reads the frames of one end of SPDY/3.1, wherever the pieces in which they arrive are cut. A closed table: what is not in it, or not as long as it
/// must be, ends the connection. Data is given in pieces as it arrives; nothing is held whole but control frames. One reader at a time.
/// </summary>
internal sealed class SpdyReader(Stream stream) : IDisposable
{
    /// <summary>Longest control frame.</summary>
    public const int MaxControl = 16 * 1024;

    /// <summary>Longest piece of data that is given at once.</summary>
    public const int MaxPiece = 32 * 1024;

    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(MaxPiece);
    private int _start;
    private int _end;
    private int _dataLeft;
    private int _dataId;
    private bool _isDataLast;
    private bool _isInData;

    /// <summary>The next frame, or piece; null when the other side is done, between two frames.</summary>
    /// <exception cref="FormatException">What arrives is no SPDY/3.1, or not what is read of it.</exception>
    public async ValueTask<SpdyFrame?> ReadAsync(CancellationToken cancellationToken)
    {
        if (_isInData) return await PieceAsync(cancellationToken).ConfigureAwait(false);
        if (!await HasAsync(SpdyNumbers.Head, isBetween: true, cancellationToken).ConfigureAwait(false)) return null;
        var length = (int)(BinaryPrimitives.ReadUInt32BigEndian(_buffer.AsSpan(_start + 4)) & 0xffffff);
        var flags = _buffer[_start + 4];
        if ((_buffer[_start] & 0x80) == 0)
        {
            _dataId = BinaryPrimitives.ReadInt32BigEndian(_buffer.AsSpan(_start));
            if (flags > SpdyNumbers.Last) throw new FormatException("data comes with a flag that there is not");
            (_dataLeft, _isDataLast, _isInData) = (length, flags == SpdyNumbers.Last, true);
            _start += SpdyNumbers.Head;
            return await PieceAsync(cancellationToken).ConfigureAwait(false);
        }
        if (BinaryPrimitives.ReadUInt16BigEndian(_buffer.AsSpan(_start)) != SpdyNumbers.Version) throw new FormatException("a frame is not of SPDY/3");
        var kind = (SpdyKind)BinaryPrimitives.ReadUInt16BigEndian(_buffer.AsSpan(_start + 2));
        if (!IsSound(kind, flags, length)) throw new FormatException("a control frame is of no known type, or not as long as it must be");
        if (!await HasAsync(SpdyNumbers.Head + length, isBetween: false, cancellationToken).ConfigureAwait(false)) return null;
        var content = _buffer.AsMemory(_start + SpdyNumbers.Head, length);
        _start += SpdyNumbers.Head + length;
        return Control(kind, flags, content);
    }

    public void Dispose()
    {
        if (_buffer.Length > 0) ArrayPool<byte>.Shared.Return(_buffer, clearArray: true);
        _buffer = [];
    }

    private static bool IsSound(SpdyKind kind, byte flags, int length) => kind switch
    {
        // A stream of one direction, or one that hangs on another, is nothing that is forwarded.
        SpdyKind.SynStream => flags <= SpdyNumbers.Last && length is >= 10 and <= MaxControl,
        SpdyKind.SynReply or SpdyKind.Headers => flags <= SpdyNumbers.Last && length is >= 4 and <= MaxControl,
        SpdyKind.Reset or SpdyKind.GoAway or SpdyKind.WindowUpdate => flags == 0 && length == 8,
        SpdyKind.Ping => flags == 0 && length == 4,
        SpdyKind.Settings => flags <= 1 && length is >= 4 and <= 4 + (64 * 8) && length % 8 == 4,
        _ => false,
    };

    private static SpdyFrame Control(SpdyKind kind, byte flags, ReadOnlyMemory<byte> content)
    {
        var first = BinaryPrimitives.ReadInt32BigEndian(content.Span);
        if (kind == SpdyKind.Settings)
        {
            if (first != (content.Length - 4) / 8) throw new FormatException("settings are not as many as they say");
            return new SpdyFrame(kind, 0, IsLast: false, default);
        }
        if (kind != SpdyKind.Ping && first < 0) throw new FormatException("the number of a stream is too large");
        if (kind == SpdyKind.SynStream && BinaryPrimitives.ReadInt32BigEndian(content.Span[4..]) != 0) throw new FormatException("a stream hangs on another");
        return new SpdyFrame(kind, first, flags == SpdyNumbers.Last, kind switch
        {
            SpdyKind.SynStream => content[10..],
            SpdyKind.SynReply or SpdyKind.Headers => content[4..],
            _ => default,
        });
    }

    private async ValueTask<SpdyFrame?> PieceAsync(CancellationToken cancellationToken)
    {
        if (_dataLeft > 0 && !await HasAsync(1, isBetween: false, cancellationToken).ConfigureAwait(false)) return null;
        var count = Math.Min(_dataLeft, _end - _start);
        var content = _buffer.AsMemory(_start, count);
        _start += count;
        _dataLeft -= count;
        _isInData = _dataLeft > 0;
        return new SpdyFrame(SpdyKind.Data, _dataId, _isDataLast && !_isInData, content);
    }

    /// <summary>True when that many bytes are there; false when none ever will be, which is an end only between two frames.</summary>
    private async ValueTask<bool> HasAsync(int count, bool isBetween, CancellationToken cancellationToken)
    {
        while (_end - _start < count)
        {
            if (_start > 0)
            {
                Buffer.BlockCopy(_buffer, _start, _buffer, 0, _end - _start);
                (_start, _end) = (0, _end - _start);
            }
            var read = await stream.ReadAsync(_buffer.AsMemory(_end, MaxPiece - _end), cancellationToken).ConfigureAwait(false);
            if (read == 0)
            {
                if (isBetween && _end == 0) return false;
                throw new FormatException("the connection ends within a frame");
            }
            _end += read;
        }
        return true;
    }
}
