using System.Globalization;
using Postern.Core.Operations;

namespace Postern.Core.Recording;

/// <summary>When a record counts as written down.</summary>
public enum Durability
{
    /// <summary>Once it survives a power loss. The default.</summary>
    Strict,

    /// <summary>
    /// Once the operating system has it; flushed at the latest a second later. A killed gateway loses nothing, a power loss
    /// up to that second. For benchmarks, and where that lag is accepted.
    /// </summary>
    Relaxed,
}

/// <summary>
/// The writer: numbers, chains, writes and flushes what many producers enqueue, one write and one flush per batch (group commit),
/// and signs checkpoints. One at a time holds the pen: in strict mode always the journal's own thread, which waits for the disk so
/// that nobody else has to; in relaxed mode also a producer that finds it free, because handing bytes to the operating system costs
/// less than waking a thread to do it. A failed write or flush ends this writer for good: what the disk then holds is not known,
/// so nothing is ever retried as if it were clean (fault U02). The recorder begins anew behind what is known to be on the disk.
/// </summary>
internal sealed class Journal : IDisposable
{
    /// <summary>A batch is written when it has grown to this, even while more is waiting.</summary>
    public const int BatchBytes = 1024 * 1024;

    /// <summary>The longest that activity goes without a checkpoint, and relaxed records without a flush.</summary>
    public static readonly TimeSpan CheckpointInterval = TimeSpan.FromSeconds(1);

    /// <summary>How many batches one producer writes, its own among them, before the thread takes over.</summary>
    private const int MostRounds = 4;

    /// <summary>How long records that nobody waits for may be kept back to share the next flush.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(10);

    private readonly JournalSegments _segments;
    private readonly Durability _durability;
    private readonly long _maxWaitingBytes;
    private readonly TimeProvider _clock;
    private readonly Action _broken;
    private readonly Action<RecordedCheckpoint>? _signed;
    private readonly TimeSpan _heartbeat;
    private readonly JournalSlots _slots = new();
    private readonly Thread _thread;
    private readonly ITimer _timer;
    private readonly object _gate = new();
    private readonly List<JournalSlot> _inBatch = [];
    private readonly List<JournalSlot> _settled = [];
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private List<JournalSlot> _waiting = [];

    // These belong to whoever holds the pen.
    private List<JournalSlot> _taken = [];
    private int _next;
    private bool _timerArmed;
    private long _lastSigned;
    private RecordedCheckpoint? _told;
    private SignerChange? _change;

    private long _waitingBytes;
    private int _urgent;
    private bool _isPenTaken;
    private bool _isAsleep = true;
    private bool _checkpointDue;
    private bool _closing;
    private RecordingException? _fault;
    private long _durable;
    private TaskCompletionSource? _advanced;

    /// <summary>
    /// Takes over the segments where recovery left them. <paramref name="broken"/> is called once, if a write or flush fails; <paramref name="signed"/> with
    /// each checkpoint that survives a power loss, in order. Neither may block.
    /// </summary>
    public Journal(JournalSegments segments, RecorderOptions options, TimeProvider clock, Action broken, Action<RecordedCheckpoint>? signed = null)
    {
        _broken = broken;
        _signed = signed;
        _heartbeat = options.Heartbeat;
        _lastSigned = clock.GetTimestamp();
        _segments = segments;
        _durability = options.Durability;
        _maxWaitingBytes = options.WaitingBytes;
        _clock = clock;
        _durable = segments.Flushed;
        _timer = clock.CreateTimer(static state => ((Journal)state!).CheckpointIsDue(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _thread = new Thread(Run) { IsBackground = true, Name = "journal" };
        _thread.Start();
    }

    /// <summary>The last sequence that survives a power loss.</summary>
    public long DurableSequence => Volatile.Read(ref _durable);

    /// <summary>Why nothing can be written any more, or null.</summary>
    public RecordingException? Fault => Volatile.Read(ref _fault);

    /// <summary>What of the open segment is sound. Valid once the journal is closed.</summary>
    public SoundPart Sound => _segments.Sound;

    /// <summary>A slot to write a payload into; hand it to <see cref="Enqueue"/> or return it.</summary>
    public JournalSlot Rent(RecordType type) => _slots.Rent(type);

    /// <summary>
    /// Puts the record in line. The slot's promise is kept when it is durable; take the promise before enqueueing, and call
    /// <see cref="Help"/> before awaiting it.
    /// </summary>
    /// <param name="slot">The record.</param>
    /// <param name="urgent">False lets it wait some milliseconds for company.</param>
    /// <param name="always">True for endings, which are taken however much is waiting.</param>
    /// <exception cref="RecordingException">It cannot be taken; the slot was returned.</exception>
    public void Enqueue(JournalSlot slot, bool urgent = true, bool always = false)
    {
        RecordingException? refusal;
        lock (_gate)
        {
            refusal = _fault;
            if (refusal is null && _closing) refusal = new RecordingException("the journal is closed");
            if (refusal is null && !always && _waitingBytes > _maxWaitingBytes)
            {
                refusal = new RecordingException($"more than {_maxWaitingBytes} bytes wait for the disk; new work is refused until it catches up");
            }
            if (refusal is null)
            {
                _waiting.Add(slot);
                _waitingBytes += slot.Length;
                if (urgent) _urgent++;
                // Woken only when it has to do something that it does not know of.
                var mustWake = urgent ? _durability == Durability.Strict && _urgent == 1 : _isAsleep;
                if (mustWake && !_isPenTaken) Monitor.Pulse(_gate);
                return;
            }
        }
        slot.Return();
        throw refusal;
    }

    /// <summary>
    /// Writes what is waiting, in relaxed mode, if nobody else does so at this moment. Call it with no lock held: it does I/O.
    /// </summary>
    /// <param name="own">The record just enqueued.</param>
    public void Help(JournalSlot own)
    {
        if (_durability == Durability.Strict) return;
        lock (_gate)
        {
            if (_isPenTaken || _urgent == 0 || _fault is not null) return;
            _isPenTaken = true;
            Take();
        }
        try
        {
            // More may have come meanwhile, from producers who saw the pen taken; after some rounds the thread takes over.
            for (var round = 1; WriteTaken(mayFlush: false, own); round++)
            {
                Commit(flush: false, own);
                lock (_gate)
                {
                    if (_urgent == 0 || round == MostRounds)
                    {
                        LayDownPen();
                        return;
                    }
                    Take();
                }
            }
            // A segment is full: changing it waits for the disk, which is the thread's part.
            Commit(flush: false, own);
            lock (_gate) LayDownPen();
        }
        catch (Exception fault)
        {
            Poison(fault);
        }
    }

    /// <summary>Asks for a checkpoint now, whatever the clock says.</summary>
    public void CheckpointIsDue()
    {
        lock (_gate)
        {
            _checkpointDue = true;
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>Signs with another key from here on, for which the one so far vouches. Returns when that is durable.</summary>
    /// <exception cref="RecordingException">The journal is broken, closed, or changes its key already.</exception>
    public Task ChangeSignerAsync(IJournalSigner next)
    {
        lock (_gate)
        {
            if (_fault is { } fault) return Task.FromException(fault);
            if (_closing || _change is not null) return Task.FromException(new RecordingException(_closing ? "the journal is closed" : "the journal changes its key already"));
            _change = new SignerChange(next);
            Monitor.Pulse(_gate);
            return _change.Done.Task;
        }
    }

    /// <summary>Returns the durable sequence once it is past the given one, or the journal is closed or faulted.</summary>
    public async ValueTask<long> WaitPastAsync(long sequence, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task wait;
            lock (_gate)
            {
                if (_durable > sequence || _fault is not null || _stopped.Task.IsCompleted) return _durable;
                wait = (_advanced ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }
            await wait.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Writes what is waiting and a last checkpoint, then ends the thread.</summary>
    public Task CloseAsync()
    {
        lock (_gate)
        {
            _closing = true;
            Monitor.Pulse(_gate);
        }
        return _stopped.Task;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        CloseAsync().GetAwaiter().GetResult();
        _timer.Dispose();
        _segments.Dispose();
    }

    private void Run()
    {
        try
        {
            var closing = false;
            while (!closing)
            {
                if (!TakeWork(out var checkpoint, out closing)) break;
                WriteTaken(mayFlush: true);
                if ((checkpoint || closing) && (_segments.Unsigned > 0 || _clock.GetElapsedTime(_lastSigned) >= _heartbeat)) Sign();
                Commit(flush: checkpoint || closing);
                if (Volatile.Read(ref _change) is { } change) ChangeSigner(change);
                if (closing) _segments.GiveRoomBack();
                lock (_gate) _isPenTaken = false;
            }
        }
        catch (Exception fault)
        {
            // Whatever it was, the state of the disk is unknown now: everything that waits, and everything after, is refused.
            Poison(fault);
        }
        lock (_gate)
        {
            _advanced?.TrySetResult();
            _change?.Done.TrySetException(new RecordingException("the journal is closed"));
            _stopped.TrySetResult();
        }
    }

    /// <summary>Numbers and writes what was taken. False when it stopped at a full segment because it may not wait for the disk.</summary>
    private bool WriteTaken(bool mayFlush, JournalSlot? own = null)
    {
        while (_next < _taken.Count)
        {
            var slot = _taken[_next];
            if (_segments.WantsRotation(slot))
            {
                if (!mayFlush) return false;
                Rotate();
            }
            if (_segments.Unsigned >= JournalFormat.RecordsPerCheckpoint) Sign();
            _segments.Add(slot);
            _inBatch.Add(slot);
            _next++;
            if (_segments.BatchLength >= BatchBytes) Commit(flush: false, own);
        }
        _taken.Clear();
        _next = 0;
        return true;
    }

    /// <summary>Waits for records, a due checkpoint or the end, and takes the pen; false when the journal is broken. The end comes last.</summary>
    private bool TakeWork(out bool checkpoint, out bool closing)
    {
        lock (_gate)
        {
            // Who has just written looks again by himself once more: what nobody waits for often follows, and need not wake him.
            var isDozing = true;
            while (_fault is null && (_isPenTaken || (_urgent == 0 && _next == _taken.Count && !_checkpointDue && !_closing && _change is null)))
            {
                if (_isPenTaken || (_waiting.Count == 0 && !isDozing))
                {
                    _isAsleep = true;
                    Monitor.Wait(_gate);
                    _isAsleep = false;
                }
                else if (!Monitor.Wait(_gate, Patience))
                {
                    if (!_isPenTaken && _waiting.Count > 0) break;
                    isDozing = false;
                }
            }
            _isPenTaken = true;
            Take();
            checkpoint = _checkpointDue;
            // What a full segment left over is written first; the end comes when nobody waits any more.
            closing = _closing && _waiting.Count == 0;
            _checkpointDue = false;
            if (checkpoint) _timerArmed = false;
            return _fault is null;
        }
    }

    /// <summary>Takes what is waiting, unless something that was taken before is still unwritten. Under the lock, with the pen.</summary>
    private void Take()
    {
        if (_next < _taken.Count) return;
        (_waiting, _taken) = (_taken, _waiting);
        _waitingBytes = 0;
        _urgent = 0;
    }

    // Under the lock. What is left, or was asked for meanwhile, is the thread's.
    private void LayDownPen()
    {
        _isPenTaken = false;
        if (_urgent > 0 || _next < _taken.Count || _checkpointDue || _closing || _change is not null || (_isAsleep && _waiting.Count > 0)) Monitor.Pulse(_gate);
    }

    private void Sign()
    {
        _segments.AddCheckpoint(_clock.GetUtcNow());
        _lastSigned = _clock.GetTimestamp();
    }

    /// <summary>The old key signs that it vouches for the new one, and a segment later the new one signs.</summary>
    private void ChangeSigner(SignerChange change)
    {
        var now = _clock.GetUtcNow();
        var slot = _slots.Rent(RecordType.Occurrence);
        slot.IsAwaited = false;
        PayloadWriter.Occurrence(slot, KeySuccession.Announce(_segments.Signer, change.Next, now));
        if (_segments.Unsigned >= JournalFormat.RecordsPerCheckpoint) Sign();
        _segments.Add(slot);
        _inBatch.Add(slot);
        Rotate(change.Next);
        Sign();
        Commit(flush: true);
        lock (_gate) _change = null;
        change.Done.TrySetResult();
    }

    private void Rotate(IJournalSigner? next = null)
    {
        if (_segments.Unsigned > 0) Sign();
        Commit(flush: true);
        if (next is not null) _segments.SignWith(next);
        _segments.Rotate(_clock.GetUtcNow());
        Advance();
    }

    /// <param name="flush">In relaxed mode too.</param>
    /// <param name="own">A record whose producer is at it here: nothing waits for it yet.</param>
    private void Commit(bool flush, JournalSlot? own = null)
    {
        _segments.WriteBatch();
        // INVARIANT: in strict mode no promise is kept before the flush that covers its record has returned (G1, G2).
        if (flush || _durability == Durability.Strict) _segments.Flush();
        if (!_timerArmed)
        {
            _timerArmed = _segments.Unsigned > 0;
            _timer.Change(_timerArmed ? CheckpointInterval : _heartbeat, Timeout.InfiniteTimeSpan);
        }
        Advance();
        foreach (var slot in _inBatch)
        {
            if (!slot.IsAwaited) slot.Return();
            else if (ReferenceEquals(slot, own)) slot.Keep();
            else _settled.Add(slot);
        }
        _inBatch.Clear();
        JournalPromises.Settle(_settled, fault: null);
        _settled.Clear();
    }

    private void Advance()
    {
        // Nobody waits for what did not happen; only who holds the pen changes it.
        if (_durable == _segments.Flushed) return;
        lock (_gate)
        {
            _durable = _segments.Flushed;
            _advanced?.TrySetResult();
            _advanced = null;
        }
        // What a witness is told must still be there after a power loss, or it would accuse an honest journal.
        if (_segments.LastCheckpoint is not { } last || ReferenceEquals(last, _told) || last.Through >= _durable) return;
        _told = last;
        _signed?.Invoke(last);
    }

    private void Poison(Exception cause)
    {
        var fault = new RecordingException(
            string.Create(CultureInfo.InvariantCulture, $"the journal `{_segments.Place}` cannot be written ({cause.Message}); nothing is accepted until it can, which is tried every few seconds"), cause);
        List<JournalSlot> broken;
        SignerChange? change;
        lock (_gate)
        {
            _fault = fault;
            change = _change;
            _isPenTaken = false;
            Monitor.Pulse(_gate);
            broken = [.. _inBatch, .. _taken.Skip(_next), .. _waiting];
            _waiting.Clear();
        }
        broken.RemoveAll(static slot => !slot.IsAwaited);
        JournalPromises.Settle(broken, fault);
        change?.Done.TrySetException(fault);
        _broken();
    }

    private sealed record SignerChange(IJournalSigner Next)
    {
        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
