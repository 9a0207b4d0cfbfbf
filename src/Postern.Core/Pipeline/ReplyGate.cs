using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using Postern.Core.Masking;
using Postern.Core.Recording;

namespace Postern.Core.Pipeline;

/// <summary>
/// The one way of a target's values to the caller: mask, journal, group commit, release, in order (G2, G11).
/// Several frames may be on their way to the disk at once, up to a window; streams pay one commit of delay.
/// One producer at a time.
/// </summary>
public sealed class ReplyGate
{
    /// <summary>Bytes that may wait for the disk before the source is made to wait.</summary>
    public const int WindowBytes = 256 * 1024;

    private readonly Queue<Pending> _queue = new();
    private readonly IAccount _account;
    private readonly IReplySink _sink;
    private readonly CancellationToken _ended;
    private volatile MaskPlan _masks;
    private int _queuedBytes;
    private bool _isDraining;
    private Exception? _fault;
    private TaskCompletionSource? _progress;
    private long _bytesLeft = long.MaxValue;
    private long _rowsLeft = long.MaxValue;
    private Action? _exceeded;

    internal ReplyGate(MaskPlan masks, IAccount account, IReplySink sink, CancellationToken ended)
    {
        _masks = masks;
        _account = account;
        _sink = sink;
        _ended = ended;
    }

    /// <summary>True when a mask reads what passes here, be it for the record alone: then only what can be parsed gets through. A new policy may change it.</summary>
    public bool IsMasked => !_masks.Record.IsEmpty || !_masks.Caller.IsEmpty;

    /// <summary>True when a mask here leads to values by their place, so that a reply must show its values in their places. A new policy may change it.</summary>
    public bool MasksFields => _masks.Record.Paths.Words > 0 || _masks.Caller.Paths.Words > 0;

    /// <summary>True once a frame was handed to the caller's wire: the reply can then be cut, but not replaced.</summary>
    public bool HasReleased { get; private set; }

    /// <summary>Masks and journals the frame, and returns when it is released or queued within the window.</summary>
    /// <exception cref="MaskingException">It cannot be parsed under its masks; nothing of it is released.</exception>
    /// <exception cref="RecordingException">It cannot be written down; nothing of it is released.</exception>
    public async ValueTask ReleaseAsync(ReplyFrame frame)
    {
        ThrowIfOver();
        Charge(frame);
        var masked = MaskAndJournal(frame, mustCopy: true, out var content, out var durable);
        lock (_queue)
        {
            _queue.Enqueue(new Pending(masked, content, frame.Tag, durable));
            _queuedBytes += content.Length;
            Drain();
        }
        await WaitUntilAsync(static gate => gate._queuedBytes <= WindowBytes).ConfigureAwait(false);
    }

    /// <summary>
    /// Masks and journals the frame, and releases it together with the next one, or with the next <see cref="FlushAsync"/>: the head of a reply whose
    /// body is about to follow. Its content must stay as it is until then.
    /// </summary>
    /// <exception cref="MaskingException">It cannot be parsed under its masks; nothing of it is released.</exception>
    /// <exception cref="RecordingException">It cannot be written down; nothing of it is released.</exception>
    public void ReleaseWithNext(ReplyFrame frame)
    {
        ThrowIfOver();
        Charge(frame);
        var masked = MaskAndJournal(frame, mustCopy: false, out var content, out var durable);
        lock (_queue)
        {
            _queue.Enqueue(new Pending(masked, content, frame.Tag, durable));
            _queuedBytes += content.Length;
        }
    }

    /// <summary>Returns when the frame, which is the reply's last, and all before it are on the caller's wire.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask ReleaseLastAsync(ReplyFrame frame)
    {
        Pending head = default;
        bool isShort;
        lock (_queue)
        {
            isShort = !_isDraining && _queue.Count <= 1;
            if (isShort && _queue.TryDequeue(out head)) _queuedBytes = 0;
        }
        if (!isShort)
        {
            await ReleaseAsync(frame).ConfigureAwait(false);
            await FlushAsync().ConfigureAwait(false);
            return;
        }
        // At most a head goes before it: no task, no copy of what no mask touches, and one wait for the disk.
        using var maskedHead = head.Masked;
        ThrowIfOver();
        Charge(frame);
        using var masked = MaskAndJournal(frame, mustCopy: false, out var content, out var durable);
        if (head.IsFrame)
        {
            await head.Durable.ConfigureAwait(false);
            await durable.ConfigureAwait(false);
            await WriteAsync(head.Content, head.Tag).ConfigureAwait(false);
        }
        else
        {
            await durable.ConfigureAwait(false);
        }
        await WriteAsync(content, frame.Tag).ConfigureAwait(false);
    }

    /// <summary>Returns when every frame so far is on the caller's wire.</summary>
    public ValueTask FlushAsync()
    {
        lock (_queue) Drain();
        return WaitUntilAsync(static gate => !gate._isDraining);
    }

    /// <summary>
    /// Returns when nothing of this gate writes to the caller's wire any more: what was released is there, or its fault is kept. Never
    /// throws. Whoever tells the caller of a broken operation comes after this, or the two would write into each other.
    /// </summary>
    internal async ValueTask SettleAsync()
    {
        while (true)
        {
            Task progress;
            lock (_queue)
            {
                if (!_isDraining) return;
                progress = (_progress ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }
            await progress.ConfigureAwait(false);
        }
    }

    /// <summary>From now on no more than this is released; the frame that would be too much is not, and ends the operation.</summary>
    internal void Limit(long bytes, long rows, Action exceeded) => (_bytesLeft, _rowsLeft, _exceeded) = (bytes, rows, exceeded);

    /// <summary>From the next frame on, this plan masks (a new policy version is in force).</summary>
    internal void Remask(MaskPlan masks) => _masks = masks;

    private PooledFrame? MaskAndJournal(ReplyFrame frame, bool mustCopy, out ReadOnlyMemory<byte> content, out ValueTask durable)
    {
        var masks = _masks; // one plan for the whole message (attack M18)
        PooledFrame? masked = null;
        var count = 0;
        content = frame.Content;
        try
        {
            if (mustCopy || !masks.Caller.IsEmpty)
            {
                masked = new PooledFrame(frame.Content.Length + 64);
                count = masks.Caller.Apply(frame.Content.Span, frame.Shape, masked, mustWrite: mustCopy);
                if (mustCopy || count > 0) content = masked.Written;
            }
            if (masks.IsUniform)
            {
                durable = _account.AppendAsync(FrameDirection.Reply, new Masked<ReadOnlyMemory<byte>>(content), count, frame.IsRecordedElsewhere);
                return masked;
            }
            using var recorded = new PooledFrame(frame.Content.Length + 64);
            count = masks.Record.Apply(frame.Content.Span, frame.Shape, recorded, mustWrite: false);
            durable = _account.AppendAsync(FrameDirection.Reply, new Masked<ReadOnlyMemory<byte>>(count > 0 ? recorded.Written : frame.Content), count, frame.IsRecordedElsewhere);
            return masked;
        }
        catch
        {
            masked?.Dispose();
            throw;
        }
    }

    private void Drain()
    {
        if (_isDraining || _queue.Count == 0) return;
        _isDraining = true;
        _ = DrainAsync();
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
                    _isDraining = false;
                    Signal();
                    return;
                }
                next = _queue.Peek();
            }
            Exception? fault = null;
            try
            {
                await next.Durable.ConfigureAwait(false);
                await WriteAsync(next.Content, next.Tag).ConfigureAwait(false);
            }
            catch (Exception thrown)
            {
                // Kept, and thrown to whoever releases or flushes next: a fault here ends the operation.
                fault = thrown;
            }
            lock (_queue)
            {
                _queue.Dequeue();
                _queuedBytes -= next.Content.Length;
                _fault ??= fault;
                Signal();
            }
            next.Masked?.Dispose();
        }
    }

    private ValueTask WriteAsync(ReadOnlyMemory<byte> content, object? tag)
    {
        _ended.ThrowIfCancellationRequested();
        HasReleased = true;
        return _sink.WriteAsync(new Masked<ReadOnlyMemory<byte>>(content), tag, _ended);
    }

    private async ValueTask WaitUntilAsync(Func<ReplyGate, bool> isReached)
    {
        while (true)
        {
            Task progress;
            lock (_queue)
            {
                if (_fault is not null || isReached(this)) break;
                progress = (_progress ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }
            await progress.ConfigureAwait(false);
        }
        ThrowIfOver();
    }

    private void Signal()
    {
        _progress?.TrySetResult();
        _progress = null;
    }

    // What is too much ends as an error: a reply that only stopped would pass for a whole one.
    private void Charge(in ReplyFrame frame)
    {
        if (_exceeded is null) return;
        _bytesLeft -= frame.Content.Length;
        _rowsLeft -= frame.Rows;
        if (_bytesLeft >= 0 && _rowsLeft >= 0) return;
        _exceeded();
        ThrowIfOver();
    }

    private void ThrowIfOver()
    {
        if (_fault is { } fault) ExceptionDispatchInfo.Throw(fault);
        _ended.ThrowIfCancellationRequested();
    }

    private readonly record struct Pending(PooledFrame? Masked, ReadOnlyMemory<byte> Content, object? Tag, ValueTask Durable)
    {
        /// <summary>False for none.</summary>
        public bool IsFrame { get; } = true;
    }
}
