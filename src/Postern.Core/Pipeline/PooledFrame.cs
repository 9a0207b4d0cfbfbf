using System.Buffers;

namespace Postern.Core.Pipeline;

/// <summary>A growing byte buffer from the shared pool. What was in it is cleared when it goes back, so that it cannot reach another caller (G14).</summary>
public sealed class PooledFrame : IBufferWriter<byte>, IDisposable
{
    private readonly int _sizeHint;

    // Rented on first use: most frames leave as they came, and need none.
    private byte[] _bytes = [];
    private int _length;

    /// <param name="sizeHint">Bytes that are expected; no limit.</param>
    public PooledFrame(int sizeHint) => _sizeHint = Math.Max(sizeHint, 256);

    /// <summary>What was written; good until the next write.</summary>
    public ReadOnlyMemory<byte> Written => _bytes.AsMemory(0, _length);

    /// <summary>Begins anew and keeps the memory.</summary>
    public void Clear() => _length = 0;

    /// <inheritdoc/>
    public void Advance(int count) => _length = checked(_length + count);

    /// <inheritdoc/>
    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _bytes.AsMemory(_length);
    }

    /// <inheritdoc/>
    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _bytes.AsSpan(_length);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        var bytes = _bytes;
        _bytes = [];
        _length = 0;
        if (bytes.Length > 0) ArrayPool<byte>.Shared.Return(bytes, clearArray: true);
    }

    private void Reserve(int sizeHint)
    {
        var wanted = Math.Max(sizeHint, 1);
        if (_bytes.Length - _length >= wanted) return;
        var larger = ArrayPool<byte>.Shared.Rent(checked(Math.Max(Math.Max(_bytes.Length * 2, _sizeHint), _length + wanted)));
        _bytes.AsSpan(0, _length).CopyTo(larger);
        if (_bytes.Length > 0) ArrayPool<byte>.Shared.Return(_bytes, clearArray: true);
        _bytes = larger;
    }
}
