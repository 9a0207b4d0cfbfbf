using System.Buffers;

namespace Postern.Protocols.Kubernetes.Wire;

/// <summary>
/// Text that arrives in pieces cut anywhere, given out in pieces that a detector can read: whole lines, and a private key in PEM whole,
/// because what lies inside it looks like nothing (attack M06: a value over the end of a frame).
/// </summary>
internal sealed class LineCarry : IDisposable
{
    /// <summary>Longest line, and longest block. What is longer cannot be masked, and does not pass.</summary>
    public const int MaxPiece = 4 * 1024 * 1024;

    private byte[] _buffer = [];
    private int _count;

    /// <summary>True when something is kept back.</summary>
    public bool HasRest => _count > 0;

    /// <summary>Adds what arrived. False when a line or block has become longer than can be read.</summary>
    public bool TryAdd(ReadOnlySpan<byte> text)
    {
        if (_count + text.Length > MaxPiece) return false;
        if (_count + text.Length > _buffer.Length) Grow(_count + text.Length);
        text.CopyTo(_buffer.AsSpan(_count));
        _count += text.Length;
        return true;
    }

    /// <summary>How much of what is kept may go on now: up to the last line end outside of a block that has no end yet.</summary>
    public int Ready()
    {
        var text = _buffer.AsSpan(0, _count);
        var end = text.LastIndexOf((byte)'\n') + 1;
        var open = OpenBlock(text);
        return open >= 0 && open < end ? text[..open].LastIndexOf((byte)'\n') + 1 : end;
    }

    /// <summary>How much may go on when nothing more came for a while: everything outside of a block that has no end yet.</summary>
    public int ReadyWhenQuiet()
    {
        var open = OpenBlock(_buffer.AsSpan(0, _count));
        return open < 0 ? _count : open;
    }

    /// <summary>Everything, when nothing more can come.</summary>
    public int All => _count;

    /// <summary>The first bytes that are kept; valid until something is added or dropped.</summary>
    public ReadOnlyMemory<byte> Peek(int length) => _buffer.AsMemory(0, length);

    /// <summary>Forgets the first bytes.</summary>
    public void Drop(int length)
    {
        _buffer.AsSpan(length, _count - length).CopyTo(_buffer);
        _count -= length;
    }

    public void Dispose()
    {
        if (_buffer.Length > 0) ArrayPool<byte>.Shared.Return(_buffer, clearArray: true);
        _buffer = [];
        _count = 0;
    }

    // Where a private key in PEM (RFC 7468) begins that has no end; -1 when there is none. Other blocks, and lines that only begin like one, hold nothing back.
    private static int OpenBlock(ReadOnlySpan<byte> text)
    {
        var at = 0;
        while (text[at..].IndexOf("-----BEGIN "u8) is >= 0 and var offset)
        {
            var begin = at + offset;
            var block = text[begin..];
            var endOfLine = block.IndexOf((byte)'\n');
            at = begin + "-----BEGIN ".Length;
            if (endOfLine >= 0 && block[..endOfLine].IndexOf("PRIVATE KEY"u8) < 0) continue;
            // As the detector reads it: to the first end, whatever begins in between.
            var end = block.IndexOf("-----END "u8);
            var close = end < 0 ? -1 : block[(end + "-----END ".Length)..].IndexOf("-----"u8);
            if (close < 0) return begin;
            at = begin + end + "-----END ".Length + close;
        }
        return -1;
    }

    private void Grow(int least)
    {
        var larger = ArrayPool<byte>.Shared.Rent(Math.Max(4096, least));
        _buffer.AsSpan(0, _count).CopyTo(larger);
        if (_buffer.Length > 0) ArrayPool<byte>.Shared.Return(_buffer, clearArray: true);
        _buffer = larger;
    }
}
