using System.Buffers;
using System.Runtime.InteropServices;
using Postern.Core.Json;

namespace Postern.Core.Masking;

/// <summary>Bytes gathered before they are released: a frame that turns out unreadable leaves nothing behind.</summary>
[StructLayout(LayoutKind.Auto)]
internal struct MaskBuffer(int capacity) : IDisposable
{
    // Escaping works in steps, so that a long text does not need six times its length at once.
    private const int EscapeStep = 4096;

    private const int Least = 256;

    // Most frames hold nothing to mask and need no buffer.
    private byte[] _bytes = [];
    private int _length;

    public readonly ReadOnlySpan<byte> Written => _bytes.AsSpan(0, _length);

    public readonly int Length => _length;

    public void Write(scoped ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(Reserve(bytes.Length));
        _length += bytes.Length;
    }

    public void WriteEscaped(scoped ReadOnlySpan<byte> text)
    {
        while (!text.IsEmpty)
        {
            var step = text[..Math.Min(text.Length, EscapeStep)];
            _length += JsonText.Escape(step, Reserve(step.Length * JsonText.MaxExpansion));
            text = text[step.Length..];
        }
    }

    public readonly void Patch(int at, scoped ReadOnlySpan<byte> bytes) => bytes.CopyTo(_bytes.AsSpan(at, Math.Min(bytes.Length, _length - at)));

    public void Clear() => _length = 0;

    /// <summary>Drops what stands behind this many characters of UTF-8.</summary>
    public void KeepCharacters(int count)
    {
        if (_length <= count) return;
        for (var at = 0; at < _length; at++)
        {
            if ((_bytes[at] & 0xc0) != 0x80 && count-- == 0) _length = at;
        }
    }

    public void Dispose()
    {
        if (_bytes.Length > 0) ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = [];
    }

    private Span<byte> Reserve(int size)
    {
        if (_bytes.Length - _length < size)
        {
            var larger = ArrayPool<byte>.Shared.Rent((int)Math.Min(Array.MaxLength, Math.Max(Math.Max(capacity, Least), Math.Max(_bytes.Length * 2L, (long)_length + size))));
            Written.CopyTo(larger);
            if (_bytes.Length > 0) ArrayPool<byte>.Shared.Return(_bytes);
            _bytes = larger;
        }
        return _bytes.AsSpan(_length);
    }
}
