using System.Buffers;
using System.Buffers.Binary;
using System.Threading.Tasks.Sources;
using Postern.Core.Operations;

namespace Postern.Core.Recording;

/// <summary>
/// One record on its way to the disk, and the promise that it got there. Pooled: a record costs no allocation once the
/// pool is warm. Who keeps the promise runs what waits for it: on the thread pool, never on the journal's thread.
/// </summary>
internal sealed class JournalSlot : IBufferWriter<byte>, IValueTaskSource<long>, IValueTaskSource
{
    private const int SmallBytes = 4 * 1024;
    private const int KeptBytes = 64 * 1024;

    private readonly JournalSlots _home;
    // Without the switch that would queue each continuation by itself: promises are kept by the batch (JournalPromises).
    private ManualResetValueTaskSourceCore<long> _promise;
    private byte[] _buffer = [];
    private int _boxed; // where the sealed content begins, behind the head

    internal JournalSlot(JournalSlots home) => _home = home;

    /// <summary>What the record is about.</summary>
    public RecordType Type { get; private set; }

    /// <summary>Bytes of payload so far.</summary>
    public int Length { get; private set; }

    /// <summary>How many of them are content.</summary>
    public int ContentLength { get; private set; }

    /// <summary>Digest of the content; null when there is none, or the chain is to hash it.</summary>
    public Digest? ContentDigest { get; private set; }

    /// <summary>The operation that an intent opens or an ending closes.</summary>
    public OperationId Operation { get; set; }

    /// <summary>Set while the record is numbered; what the promise answers.</summary>
    public long Sequence { get; set; }

    /// <summary>True when somebody waits for the promise; otherwise the journal returns the slot.</summary>
    public bool IsAwaited { get; set; }

    /// <summary>The record as stored, head included; the journal writes the head.</summary>
    public Span<byte> Record => _buffer.AsSpan(0, JournalFormat.HeadBytes + Length);

    /// <summary>Room for the next bytes of JSON.</summary>
    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(Math.Max(sizeHint, 256));
        return _buffer.AsMemory(JournalFormat.HeadBytes + Length);
    }

    /// <inheritdoc/>
    public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    /// <inheritdoc/>
    public void Advance(int count) => Length += count;

    /// <summary>True when the content is sealed.</summary>
    public bool IsSealed { get; private set; }

    /// <summary>The JSON is written; what follows, up to <see cref="Seal"/>, is what that leaves out, and then the content.</summary>
    public void BeginSealed()
    {
        _boxed = Length;
        var head = SessionKey.IdBytes + SessionKey.NonceBytes + sizeof(int);
        Reserve(head);
        Length += head;
        IsSealed = true;
    }

    /// <summary>What the JSON leaves out is written; the content follows.</summary>
    public void EndSaid()
    {
        var from = _boxed + SessionKey.IdBytes + SessionKey.NonceBytes;
        BinaryPrimitives.WriteInt32LittleEndian(_buffer.AsSpan(JournalFormat.HeadBytes + from), Length - from - sizeof(int));
    }

    /// <summary>Seals what was written since <see cref="BeginSealed"/>, where it stands, and binds it to the type and the JSON before it.</summary>
    public void Seal(SessionKey key, ReadOnlySpan<byte> content)
    {
        var more = content.Length + SessionKey.TagBytes;
        if (more > JournalFormat.MaxPayloadBytes - Length)
        {
            throw new RecordingException($"a record of {Length + (long)more} bytes is over the journal's limit of {JournalFormat.MaxPayloadBytes}");
        }
        Reserve(more);
        content.CopyTo(_buffer.AsSpan(JournalFormat.HeadBytes + Length));
        Length += more;
        // The head is written when the record is numbered: until then its last bytes hold the type, so that what is bound stands in one piece.
        var about = _buffer.AsSpan(JournalFormat.HeadBytes - sizeof(uint), sizeof(uint) + _boxed);
        BinaryPrimitives.WriteUInt32LittleEndian(about, (uint)Type);
        var box = _buffer.AsSpan(JournalFormat.HeadBytes + _boxed, Length - _boxed);
        key.Seal(box, about);
        ContentLength = box.Length;
        if (!JournalChain.TakesContentOf(box.Length)) ContentDigest = Recording.ContentDigest.Of(box);
    }

    /// <summary>Copies the content behind the JSON; once, and last.</summary>
    public void AppendContent(ReadOnlySpan<byte> content) => AppendContent(content, Recording.ContentDigest.Of(content));

    /// <summary>As above, for those who have the digest already.</summary>
    public void AppendContent(ReadOnlySpan<byte> content, Digest digest)
    {
        if (content.IsEmpty) return;
        if (content.Length > JournalFormat.MaxPayloadBytes - Length)
        {
            throw new RecordingException($"a record of {Length + (long)content.Length} bytes is over the journal's limit of {JournalFormat.MaxPayloadBytes}");
        }
        Reserve(content.Length);
        content.CopyTo(_buffer.AsSpan(JournalFormat.HeadBytes + Length));
        Length += content.Length;
        ContentLength = content.Length;
        ContentDigest = digest;
    }

    public ValueTask<long> Promise => new(this, _promise.Version);

    public ValueTask Durable => new(this, _promise.Version);

    public void Keep() => _promise.SetResult(Sequence);

    public void Break(Exception fault) => _promise.SetException(fault);

    internal void Prepare(RecordType type)
    {
        Type = type;
        Length = 0;
        ContentLength = 0;
        ContentDigest = null;
        IsSealed = false;
        Operation = default;
        Sequence = 0;
        IsAwaited = true;
        if (_buffer.Length == 0) _buffer = ArrayPool<byte>.Shared.Rent(SmallBytes);
    }

    /// <summary>Gives the slot back; nobody may hold its promise.</summary>
    internal void Return()
    {
        _promise.Reset();
        if (_buffer.Length > KeptBytes)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = [];
        }
        _home.Return(this);
    }

    long IValueTaskSource<long>.GetResult(short token)
    {
        try
        {
            return _promise.GetResult(token);
        }
        finally
        {
            Return();
        }
    }

    void IValueTaskSource.GetResult(short token)
    {
        try
        {
            _promise.GetResult(token);
        }
        finally
        {
            Return();
        }
    }

    ValueTaskSourceStatus IValueTaskSource<long>.GetStatus(short token) => _promise.GetStatus(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _promise.GetStatus(token);

    void IValueTaskSource<long>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _promise.OnCompleted(continuation, state, token, flags);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _promise.OnCompleted(continuation, state, token, flags);

    private void Reserve(int more)
    {
        var needed = JournalFormat.HeadBytes + Length + more;
        if (needed <= _buffer.Length) return;
        var larger = ArrayPool<byte>.Shared.Rent(Math.Max(needed, 2 * _buffer.Length));
        _buffer.AsSpan(0, Math.Min(_buffer.Length, JournalFormat.HeadBytes + Length)).CopyTo(larger);
        if (_buffer.Length > 0) ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = larger;
    }
}

/// <summary>The pool of slots of one journal.</summary>
internal sealed class JournalSlots
{
    private const int Capacity = 1_024;

    private readonly System.Collections.Concurrent.ConcurrentQueue<JournalSlot> _free = new();
    private int _count;

    /// <summary>A slot with nothing in it.</summary>
    public JournalSlot Rent(RecordType type)
    {
        if (_free.TryDequeue(out var slot)) Interlocked.Decrement(ref _count);
        else slot = new JournalSlot(this);
        slot.Prepare(type);
        return slot;
    }

    internal void Return(JournalSlot slot)
    {
        if (Interlocked.Increment(ref _count) <= Capacity) _free.Enqueue(slot);
        else Interlocked.Decrement(ref _count);
    }
}
