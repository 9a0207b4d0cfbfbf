using System.Buffers;
using System.Text;

namespace Postern.Protocols.HttpData.Wire;

/// <summary>One server-sent event, or a comment. <see cref="Data"/> is valid until the reader is fed again.</summary>
internal struct SseEvent
{
    /// <summary>The data lines joined by LF; empty without any, and for the priming events of 2025-11-25.</summary>
    public ReadOnlyMemory<byte> Data;

    /// <summary>True when at least one data line stood there, be it empty.</summary>
    public bool HasData;

    /// <summary>The event's id, or null.</summary>
    public string? Id;

    /// <summary>The event's name, or null.</summary>
    public string? Name;

    /// <summary>Reconnection time in milliseconds, or null.</summary>
    public int? RetryMilliseconds;

    /// <summary>Nothing but a comment: a sign of life.</summary>
    public bool IsComment;
}

/// <summary>
/// Reads server-sent events (HTML Living Standard section 9.2) from bytes in any chunking. Lines end in CR, LF or CRLF.
/// Bounded: what is over a limit is a <see cref="Fault"/>, after which nothing is read.
/// </summary>
internal sealed class SseReader(int maxEventBytes) : IDisposable
{
    private const int MaxShortField = 1024;
    private const int FirstBuffer = 2048;

    private byte[] _line = ArrayPool<byte>.Shared.Rent(FirstBuffer);
    private int _lineLength;
    private byte[] _data = ArrayPool<byte>.Shared.Rent(FirstBuffer);
    private int _dataLength;
    private SseEvent _event;
    private bool _afterCarriageReturn;
    private bool _begun;

    /// <summary>Why reading stopped; holds no part of the stream.</summary>
    public string? Fault { get; private set; }

    /// <summary>True when part of an event, or of a line, was read and its end was not.</summary>
    public bool IsMidEvent => _lineLength > 0 || !IsIdle;

    /// <summary>
    /// Takes bytes from <paramref name="input"/> until an event is complete (true) or they are used up (false).
    /// </summary>
    public bool TryRead(ref ReadOnlySpan<byte> input, out SseEvent sse)
    {
        sse = default;
        while (!input.IsEmpty && Fault is null)
        {
            if (_afterCarriageReturn)
            {
                _afterCarriageReturn = false;
                if (input[0] == (byte)'\n')
                {
                    input = input[1..];
                    continue;
                }
            }
            var end = input.IndexOfAny((byte)'\r', (byte)'\n');
            if (end < 0)
            {
                AppendToLine(input);
                input = default;
                return false;
            }
            _afterCarriageReturn = input[end] == (byte)'\r';
            var rest = input[(end + 1)..];
            bool complete;
            if (_lineLength == 0)
            {
                // The usual case: the line lies whole in the chunk and needs no copy.
                complete = Fits(end) && TakeLine(input[..end], out sse);
            }
            else
            {
                AppendToLine(input[..end]);
                complete = Fault is null && TakeLine(_line.AsSpan(0, _lineLength), out sse);
                _lineLength = 0;
            }
            input = rest;
            if (complete) return true;
        }
        return false;
    }

    private bool TakeLine(ReadOnlySpan<byte> line, out SseEvent sse)
    {
        sse = default;
        if (!_begun)
        {
            _begun = true;
            if (line.StartsWith("\uFEFF"u8)) line = line["\uFEFF"u8.Length..];
        }
        if (line.IsEmpty) return Dispatch(out sse);
        var colon = line.IndexOf((byte)':');
        if (colon == 0)
        {
            sse.IsComment = IsIdle;
            return sse.IsComment;
        }
        var name = colon < 0 ? line : line[..colon];
        var value = colon < 0 ? default : line[(colon + 1)..];
        if (!value.IsEmpty && value[0] == (byte)' ') value = value[1..];
        TakeField(name, value);
        return false;
    }

    private bool IsIdle => !_event.HasData && _event.Id is null && _event.Name is null && _event.RetryMilliseconds is null;

    private void TakeField(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        if (name.SequenceEqual("data"u8))
        {
            AppendData(value);
            return;
        }
        if (value.Length > MaxShortField)
        {
            Fault = $"an event's field is longer than {MaxShortField} bytes";
            return;
        }
        if (name.SequenceEqual("event"u8)) _event.Name = Encoding.UTF8.GetString(value);
        else if (name.SequenceEqual("id"u8))
        {
            // The standard ignores ids with NUL.
            if (!value.Contains((byte)0)) _event.Id = Encoding.UTF8.GetString(value);
        }
        else if (name.SequenceEqual("retry"u8) && value.IndexOfAnyExceptInRange((byte)'0', (byte)'9') < 0 && int.TryParse(value, out var milliseconds))
        {
            _event.RetryMilliseconds = milliseconds;
        }
    }

    private bool Dispatch(out SseEvent sse)
    {
        sse = default;
        if (IsIdle) return false;
        sse = _event;
        sse.Data = _data.AsMemory(0, _dataLength);
        _event = default;
        _dataLength = 0;
        return true;
    }

    private void AppendData(ReadOnlySpan<byte> value)
    {
        var separator = _event.HasData ? 1 : 0;
        if (_dataLength + separator + value.Length > maxEventBytes)
        {
            Fault = $"an event is larger than {maxEventBytes} bytes";
            return;
        }
        Ensure(ref _data, _dataLength, separator + value.Length);
        if (separator == 1) _data[_dataLength++] = (byte)'\n';
        value.CopyTo(_data.AsSpan(_dataLength));
        _dataLength += value.Length;
        _event.HasData = true;
    }

    private void AppendToLine(ReadOnlySpan<byte> bytes)
    {
        if (!Fits(_lineLength + bytes.Length)) return;
        Ensure(ref _line, _lineLength, bytes.Length);
        bytes.CopyTo(_line.AsSpan(_lineLength));
        _lineLength += bytes.Length;
    }

    // Of every line alike, however it came: what is refused must not depend on how a network cuts it.
    private bool Fits(int lineLength)
    {
        if (lineLength <= maxEventBytes + MaxShortField) return true;
        Fault = $"an event is larger than {maxEventBytes} bytes";
        return false;
    }

    private static void Ensure(ref byte[] buffer, int used, int more)
    {
        if (buffer.Length - used >= more) return;
        var larger = ArrayPool<byte>.Shared.Rent(Math.Max(buffer.Length * 2, used + more));
        buffer.AsSpan(0, used).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(buffer);
        buffer = larger;
    }

    /// <summary>Gives the buffers back; events that were read are no longer valid.</summary>
    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_line);
        ArrayPool<byte>.Shared.Return(_data);
        _line = [];
        _data = [];
    }
}
