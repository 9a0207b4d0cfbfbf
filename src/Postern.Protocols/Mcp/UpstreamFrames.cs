using System.Runtime.CompilerServices;
using System.Buffers;
using System.Globalization;
using Postern.Core.Pipeline;
using Postern.Protocols.HttpData.Wire;
using Postern.Protocols.Mcp.Wire;
using Postern.Upstreams;

namespace Postern.Protocols.Mcp;

/// <summary>
/// The messages of one response, as they arrive: of a JSON body the one, of an event stream one per event.
/// <see cref="Current"/> is valid until the next move.
/// </summary>
internal sealed class UpstreamFrames : IDisposable
{
    /// <summary>Largest message that is read from a target.</summary>
    public const int MaxFrame = 16 * 1024 * 1024;

    private const int ChunkBytes = 16 * 1024;

    private readonly UpstreamResponse _body;
    private readonly SseReader? _sse;
    private readonly int _expected;
    private byte[] _buffer;
    private int _start;
    private int _end;
    private bool _over;
    private volatile bool _isReading;

    private SseEvent _current;

    private UpstreamFrames(UpstreamResponse body, bool isStream, int expected)
    {
        _body = body;
        _expected = expected;
        _sse = isStream ? new SseReader(MaxFrame) : null;
        _buffer = ArrayPool<byte>.Shared.Rent(isStream ? ChunkBytes : Math.Clamp(expected + 1, 1024, MaxFrame + 1));
    }

    /// <summary>True when the messages come as an event stream.</summary>
    public bool IsStream => _sse is not null;

    /// <summary>The message just read.</summary>
    public ref readonly SseEvent Current => ref _current;

    /// <summary>The frames of a response, or null when it is neither JSON nor an event stream.</summary>
    public static UpstreamFrames? Of(UpstreamResponse response)
    {
        var type = response.Header("Content-Type").AsSpan();
        var semicolon = type.IndexOf(';');
        if (semicolon >= 0) type = type[..semicolon];
        type = type.Trim();
        if (type.Equals("text/event-stream", StringComparison.OrdinalIgnoreCase)) return new UpstreamFrames(response, isStream: true, expected: 0);
        if (!type.Equals("application/json", StringComparison.OrdinalIgnoreCase)) return null;
        var length = response.Header("Content-Length");
        if (length is null) return new UpstreamFrames(response, isStream: false, expected: 0);
        if (!int.TryParse(length, NumberStyles.None, CultureInfo.InvariantCulture, out var expected) || expected > MaxFrame) throw TooLarge();
        return new UpstreamFrames(response, isStream: false, expected);
    }

    /// <summary>Moves to the next message; false when there is none.</summary>
    /// <exception cref="UpstreamException">The stream is over a limit, broke off, or was silent for too long.</exception>
    public ValueTask<bool> NextAsync() => _sse is null ? ReadWholeAsync() : ReadEventAsync(_sse);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> ReadEventAsync(SseReader sse)
    {
        while (!TryTake())
        {
            if (_over) return false;
            _start = 0;
            _isReading = true;
            _end = await _body.ReadAsync(_buffer, sse.IsMidEvent).ConfigureAwait(false);
            _isReading = false;
            _over = _end == 0;
        }
        return true;
    }

    private bool TryTake()
    {
        ReadOnlySpan<byte> input = _buffer.AsSpan(_start, _end - _start);
        var found = _sse!.TryRead(ref input, out _current);
        _start = _end - input.Length;
        return _sse.Fault is { } fault ? throw new UpstreamException(RefusalCode.UpstreamInvalid, fault) : found;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> ReadWholeAsync()
    {
        if (_over) return false;
        while (true)
        {
            if (_end == _buffer.Length)
            {
                if (_end > MaxFrame) throw TooLarge();
                var larger = ArrayPool<byte>.Shared.Rent(Math.Min(_buffer.Length * 2, MaxFrame + 1));
                _buffer.AsSpan(0, _end).CopyTo(larger);
                ArrayPool<byte>.Shared.Return(_buffer);
                _buffer = larger;
            }
            _isReading = true;
            var read = await _body.ReadAsync(_buffer.AsMemory(_end), isMidMessage: true).ConfigureAwait(false);
            _isReading = false;
            _end += read;
            if (read == 0) break;
            if (_end > MaxFrame) throw TooLarge();
        }
        _over = true;
        if (_expected > 0 && _end != _expected) throw new UpstreamException(RefusalCode.UpstreamInvalid, "the target's body ended early");
        _current = new SseEvent { Data = _buffer.AsMemory(0, _end), HasData = true };
        return _end > 0;
    }

    private static UpstreamException TooLarge() => new(RefusalCode.UpstreamInvalid, $"the target sent a message larger than {MaxFrame} bytes");

    /// <inheritdoc/>
    public void Dispose()
    {
        _sse?.Dispose();
        // A read that was left under way may still write: what it writes to must never be another caller's (G14).
        if (!_isReading) ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
    }
}
