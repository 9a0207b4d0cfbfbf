using System.Buffers;
using System.Globalization;
using System.Net.WebSockets;
using Postern.Core.Json;
using Postern.Core.Masking;
using Postern.Core.Pipeline;
using Postern.Protocols.HttpData;
using Postern.Protocols.Kubernetes.Wire;
using Postern.Upstreams;

namespace Postern.Protocols.Kubernetes.Streams;

/// <summary>
/// Both ways of an open stream: what the caller types is recorded and sent; what the command says is masked, recorded and released. Under a
/// mask it goes on line by line, and in a terminal also when nothing more came for a moment.
/// </summary>
internal sealed class StreamPump(StreamOpening opening, StreamWire wire, WebSocket target, bool isTargetV5, Clearance clearance, CancellationTokenSource over, TimeProvider clock) : IDisposable
{
    /// <summary>How long a terminal may be silent before what stands in an unfinished line (a prompt) is shown.</summary>
    public static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(100);

    /// <summary>Sizes that a caller may send: a flood of them is no use of a terminal (attack K15).</summary>
    public const int MaxResizes = 1000;

    private static readonly TimeSpan Goodbye = TimeSpan.FromSeconds(1);

    private readonly long _began = clock.GetTimestamp();
    private readonly LineCarry _stdout = new();
    private readonly LineCarry _stderr = new();
    private readonly ArrayBufferWriter<byte> _reply = new(4096);
    private readonly ArrayBufferWriter<byte> _input = new(4096);
    private volatile bool _isOver;
    private int _resizes;
    private (int Width, int Height) _size;

    /// <summary>What is told to the caller besides what the pipeline says; null for nothing.</summary>
    public string? Fault { get; private set; }

    /// <summary>What reads from the caller; it ends with the caller's connection.</summary>
    public Task Reading { get; private set; } = Task.CompletedTask;

    /// <summary>Runs until one side is done. What still waits for the target then ends with <c>over</c>, which it was dialled with.</summary>
    public async ValueTask RunAsync(CancellationToken cancellationToken)
    {
        var cut = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = cancellationToken.UnsafeRegister(static state => ((TaskCompletionSource)state!).TrySetResult(), cut).ConfigureAwait(false);
        var up = Reading = UpAsync();
        var down = DownAsync(over.Token);
        var first = await Task.WhenAny(up, down, cut.Task).ConfigureAwait(false);
        _isOver = true;
        if (first == down)
        {
            // The caller reads what is left and closes; who reads from it ends with that.
            await down.ConfigureAwait(false);
            await wire.EndAsync(ReadOnlyMemory<byte>.Empty, up).ConfigureAwait(false);
            return;
        }
        if (first == up && up.IsCompletedSuccessfully)
        {
            // The caller closed: the target has a moment to say goodbye.
            await down.WaitAsync(Goodbye, clock, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        await over.CancelAsync().ConfigureAwait(false);
        await down.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
        await first.ConfigureAwait(false);
    }

    public void Dispose()
    {
        _stdout.Dispose();
        _stderr.Dispose();
    }

    private double Elapsed => clock.GetElapsedTime(_began).TotalSeconds;

    private async Task UpAsync()
    {
        var sink = new Sink(target);
        using var message = new WebSocketRelay.Message();
        // Without a token: it would destroy the caller's WebSocket, over which it has to hear why it ends.
        while (await message.ReadAsync(wire.Socket, isOfTarget: false, CancellationToken.None).ConfigureAwait(false))
        {
            if (_isOver) continue;
            if (message.Type != WebSocketMessageType.Binary || message.Content.IsEmpty) throw Wrong("a message of the client is not binary, or names no channel");
            if (message.Content.Length == 1) continue;
            _input.ResetWrittenCount();
            var content = message.Content[1..];
            FrameShape shape;
            sink.Channel = message.Content.Span[0];
            switch (sink.Channel)
            {
                case StreamChannel.Stdin when opening.HasInput:
                    shape = StreamEvent.Write(_input, Elapsed, StreamChannel.NameOf(StreamChannel.Stdin), content.Span);
                    await clearance.Inputs.SendAsync(_input.WrittenMemory, shape, sink).ConfigureAwait(false);
                    break;
                case StreamChannel.Resize when opening.IsTerminal:
                    if (!StreamChannel.TryReadSize(content.Span, out var width, out var height)) throw Wrong("a size of the terminal cannot be read");
                    if ((width, height) == _size) break;
                    if (++_resizes > MaxResizes) throw Wrong(string.Create(CultureInfo.InvariantCulture, $"the terminal changed its size more than {MaxResizes} times"));
                    _size = (width, height);
                    shape = StreamEvent.WriteResize(_input, Elapsed, width, height);
                    await clearance.Inputs.SendAsync(_input.WrittenMemory, shape, sink).ConfigureAwait(false);
                    break;
                case StreamChannel.Close when opening.CanEndInput && content.Length == 1:
                    await EndInputAsync(content.Span[0], sink).ConfigureAwait(false);
                    break;
                default:
                    throw Wrong("the client wrote to a channel that this stream does not have");
            }
        }
        await WebSocketRelay.CloseAsync(target, wire.Socket.CloseStatus, CancellationToken.None).ConfigureAwait(false);
    }

    private async ValueTask EndInputAsync(byte stream, Sink sink)
    {
        // What the caller no longer reads of is its own matter.
        if (stream != StreamChannel.Stdin || !opening.HasInput) return;
        if (!isTargetV5) throw Wrong("the input ended, which this cluster's older API server (WebSocket v4) cannot be told; leave the terminal by its own command, such as `exit`");
        var shape = StreamEvent.WriteClosed(_input, Elapsed);
        await clearance.Inputs.SendAsync(_input.WrittenMemory, shape, sink).ConfigureAwait(false);
    }

    private async Task DownAsync(CancellationToken cancellationToken)
    {
        using var message = new WebSocketRelay.Message();
        Task<bool>? reading = null;
        while (true)
        {
            reading ??= message.ReadAsync(target, isOfTarget: true, cancellationToken).AsTask();
            if (opening.IsTerminal && (_stdout.HasRest || _stderr.HasRest) && !await IsSoonAsync(reading).ConfigureAwait(false))
            {
                await ReleaseAsync(_stdout, StreamTag.Stdout, _stdout.ReadyWhenQuiet()).ConfigureAwait(false);
                await ReleaseAsync(_stderr, StreamTag.Stderr, _stderr.ReadyWhenQuiet()).ConfigureAwait(false);
            }
            var isOpen = await reading.ConfigureAwait(false);
            reading = null;
            if (!isOpen)
            {
                await ReleaseAllAsync().ConfigureAwait(false);
                await clearance.Replies.FlushAsync().ConfigureAwait(false);
                return;
            }
            if (message.Type != WebSocketMessageType.Binary || message.Content.IsEmpty) throw Invalid("the API server sent a message that is not binary, or names no channel");
            // The first message of each channel is empty, to say that it is there.
            if (message.Content.Length == 1) continue;
            var content = message.Content[1..];
            switch (message.Content.Span[0])
            {
                case StreamChannel.Stdout:
                    await TakeAsync(_stdout, StreamTag.Stdout, content).ConfigureAwait(false);
                    break;
                case StreamChannel.Stderr:
                    await TakeAsync(_stderr, StreamTag.Stderr, content).ConfigureAwait(false);
                    break;
                case StreamChannel.Error:
                    await ReleaseAllAsync().ConfigureAwait(false);
                    if (StrictJson.Check(content.Span) is not null) throw Invalid("the API server ended the command with what is not a `Status`");
                    _reply.ResetWrittenCount();
                    var shape = StreamEvent.WriteStatus(_reply, Elapsed, content.Span);
                    await clearance.Replies.ReleaseAsync(new ReplyFrame(_reply.WrittenMemory, shape, StreamTag.Error)).ConfigureAwait(false);
                    break;
                default:
                    throw Invalid("the API server wrote to a channel that this stream does not have");
            }
        }
    }

    private async ValueTask<bool> IsSoonAsync(Task<bool> reading)
    {
        if (reading.IsCompleted) return true;
        await ((Task)reading).WaitAsync(Quiet, clock, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return reading.IsCompleted;
    }

    private async ValueTask TakeAsync(LineCarry carry, StreamTag tag, ReadOnlyMemory<byte> content)
    {
        if (!clearance.Replies.IsMasked)
        {
            // Nothing reads it; what waited for a line's end when something did goes first.
            await ReleaseAsync(carry, tag, carry.All).ConfigureAwait(false);
            await ReleaseAsync(tag, content).ConfigureAwait(false);
            return;
        }
        if (!carry.TryAdd(content.Span)) throw Invalid(string.Create(CultureInfo.InvariantCulture, $"a line of the command's output is longer than the {LineCarry.MaxPiece} bytes that a mask can read"));
        await ReleaseAsync(carry, tag, carry.Ready()).ConfigureAwait(false);
    }

    private async ValueTask ReleaseAllAsync()
    {
        await ReleaseAsync(_stdout, StreamTag.Stdout, _stdout.All).ConfigureAwait(false);
        await ReleaseAsync(_stderr, StreamTag.Stderr, _stderr.All).ConfigureAwait(false);
    }

    private async ValueTask ReleaseAsync(LineCarry carry, StreamTag tag, int length)
    {
        if (length == 0) return;
        await ReleaseAsync(tag, carry.Peek(length)).ConfigureAwait(false);
        carry.Drop(length);
    }

    private ValueTask ReleaseAsync(StreamTag tag, ReadOnlyMemory<byte> content)
    {
        _reply.ResetWrittenCount();
        var shape = StreamEvent.Write(_reply, Elapsed, StreamChannel.NameOf(tag.Channel), content.Span);
        return clearance.Replies.ReleaseAsync(new ReplyFrame(_reply.WrittenMemory, shape, tag));
    }

    private UpstreamException Wrong(string fault)
    {
        Fault = fault;
        return new UpstreamException(RefusalCode.InvalidRequest, fault);
    }

    private UpstreamException Invalid(string message)
    {
        Fault ??= message;
        return new UpstreamException(RefusalCode.UpstreamInvalid, message);
    }

    /// <summary>Writes an event to the target as the wire carries it.</summary>
    private sealed class Sink(WebSocket target) : IInputSink
    {
        private readonly ArrayBufferWriter<byte> _message = new(4096);

        public byte Channel { get; set; }

        public ValueTask WriteAsync(ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
        {
            _message.ResetWrittenCount();
            _message.Write([Channel]);
            StreamEvent.WriteContent(content.Span, _message);
            if (Channel == StreamChannel.Close) _message.Write([StreamChannel.Stdin]);
            return target.SendAsync(_message.WrittenMemory, WebSocketMessageType.Binary, endOfMessage: true, cancellationToken);
        }
    }
}
