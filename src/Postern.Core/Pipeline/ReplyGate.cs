using System.Buffers;
using Postern.Core.Masking;
using Postern.Core.Recording;

namespace Postern.Core.Pipeline;

/// <summary>
/// The one way of a target's values to the caller: mask, journal, group commit, release, in order (G2, G11).
/// Several frames may be on their way to the disk at once, up to a window; streams pay one commit of delay.
/// </summary>
public sealed class ReplyGate
{
    /// <summary>Bytes that may wait for the disk before the source is made to wait.</summary>
    public const int WindowBytes = 256 * 1024;

    private readonly MaskPlan _masks;
    private readonly IAccount _account;
    private readonly IReplySink _sink;
    private readonly CancellationToken _ended;
    private readonly Queue<Pending> _queue = new();
    private int _queuedBytes;
    private bool _draining;
    private Exception? _fault;
    private TaskCompletionSource? _progress;

    internal ReplyGate(MaskPlan masks, IAccount account, IReplySink sink, CancellationToken ended)
    {
        _masks = masks;
        _account = account;
        _sink = sink;
        _ended = ended;
    }

    /// <summary>True once a frame was handed to the caller's wire: the reply can then be cut, but not replaced.</summary>
    public bool HasReleased { get; private set; }

    /// <summary>
    /// Masks and journals the frame, and returns when it is released or queued within the window.
    /// </summary>
    /// <exception cref="MaskingException">It cannot be parsed under its masks; nothing of it is released.</exception>
    /// <exception cref="RecordingException">It cannot be written down; nothing of it is released.</exception>
    public async ValueTask ReleaseAsync(ReplyFrame frame)
    {
        _ended.ThrowIfCancellationRequested();
        ThrowIfFaulted();
        var content = MaskAndJournal(frame, out var durable);
        var pending = new Pending(content, frame.Tag, durable);
        lock (_queue)
        {
            _queue.Enqueue(pending);
            _queuedBytes += content.WrittenCount;
            if (!_draining)
            {
                _draining = true;
                _ = DrainAsync();
            }
        }
        while (true)
        {
            Task wait;
            lock (_queue)
            {
                if (_fault is not null || _queuedBytes <= WindowBytes) break;
                wait = (_progress ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }
            await wait.ConfigureAwait(false);
        }
        ThrowIfFaulted();
    }

    /// <summary>Returns when the frame, which is the reply's last, and all before it are on the caller's wire.</summary>
    public async ValueTask ReleaseLastAsync(ReplyFrame frame)
    {
        bool isFirst;
        lock (_queue) isFirst = !_draining && _queue.Count == 0;
        if (!isFirst)
        {
            await ReleaseAsync(frame).ConfigureAwait(false);
            await FlushAsync().ConfigureAwait(false);
            return;
        }
        _ended.ThrowIfCancellationRequested();
        ThrowIfFaulted();
        var content = MaskAndJournal(frame, out var durable);
        await durable.ConfigureAwait(false);
        await WriteAsync(new Pending(content, frame.Tag, default)).ConfigureAwait(false);
    }

    /// <summary>Returns when every frame so far is on the caller's wire.</summary>
    public async ValueTask FlushAsync()
    {
        while (true)
        {
            Task wait;
            lock (_queue)
            {
                if (_fault is not null || !_draining) break;
                wait = (_progress ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }
            await wait.ConfigureAwait(false);
        }
        ThrowIfFaulted();
    }

    private ArrayBufferWriter<byte> MaskAndJournal(ReplyFrame frame, out ValueTask durable)
    {
        var forCaller = new ArrayBufferWriter<byte>(Math.Max(frame.Content.Length, 16));
        var count = _masks.Caller.Apply(frame.Content.Span, frame.Shape, forCaller);
        var forRecord = forCaller.WrittenMemory;
        if (!_masks.IsUniform)
        {
            var recorded = new ArrayBufferWriter<byte>(Math.Max(frame.Content.Length, 16));
            count = _masks.Record.Apply(frame.Content.Span, frame.Shape, recorded);
            forRecord = recorded.WrittenMemory;
        }
        durable = _account.AppendAsync(FrameDirection.Reply, new Masked<ReadOnlyMemory<byte>>(forRecord), count);
        return forCaller;
    }

    private async Task DrainAsync()
    {
        while (true)
        {
            Pending next;
            lock (_queue)
            {
                if (_queue.Count == 0 || _fault is not null)
                {
                    _draining = false;
                    Signal();
                    return;
                }
                next = _queue.Peek();
            }
            try
            {
                await next.Durable.ConfigureAwait(false);
                await WriteAsync(next).ConfigureAwait(false);
            }
            catch (Exception fault)
            {
                // Kept, and thrown to whoever releases or flushes next: a fault here ends the operation.
                lock (_queue)
                {
                    _fault = fault;
                    _draining = false;
                    Signal();
                }
                return;
            }
            lock (_queue)
            {
                _queue.Dequeue();
                _queuedBytes -= next.Content.WrittenCount;
                Signal();
            }
        }
    }

    private ValueTask WriteAsync(Pending frame)
    {
        _ended.ThrowIfCancellationRequested();
        HasReleased = true;
        return _sink.WriteAsync(new Masked<ReadOnlyMemory<byte>>(frame.Content.WrittenMemory), frame.Tag, _ended);
    }

    private void Signal()
    {
        _progress?.TrySetResult();
        _progress = null;
    }

    private void ThrowIfFaulted()
    {
        if (_fault is { } fault) System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(fault);
    }

    private readonly record struct Pending(ArrayBufferWriter<byte> Content, object? Tag, ValueTask Durable);
}
