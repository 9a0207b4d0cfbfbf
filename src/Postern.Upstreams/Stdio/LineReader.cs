using System.Buffers;

namespace Postern.Upstreams.Stdio;

/// <summary>
/// Cuts bytes into lines (LF, or CRLF) in any chunking. What is longer than the limit is a <see cref="Fault"/>, after which
/// nothing is read: whose answer it was cannot be known. Total, and bounded by the limit.
/// </summary>
internal sealed class LineReader(int maxLine) : IDisposable
{
    private const int FirstBuffer = 4096;

    private byte[] _held = ArrayPool<byte>.Shared.Rent(FirstBuffer);
    private int _length;

    /// <summary>Why reading stopped; holds no part of the input.</summary>
    public string? Fault { get; private set; }

    /// <summary>Takes bytes from <paramref name="input"/> until a line is complete (true; without its end) or they are used up. The line is valid until the next call.</summary>
    public bool TryRead(ref ReadOnlySpan<byte> input, out ReadOnlySpan<byte> line)
    {
        line = default;
        if (Fault is not null) return false;
        var end = input.IndexOf((byte)'\n');
        var more = end < 0 ? input : input[..end];
        if (_length + more.Length > maxLine)
        {
            Fault = $"a line is longer than {maxLine} bytes";
            input = default;
            return false;
        }
        input = end < 0 ? default : input[(end + 1)..];
        if (end < 0 || _length > 0) Hold(more);
        if (end < 0) return false;
        line = _length > 0 ? _held.AsSpan(0, _length) : more;
        _length = 0;
        if (line is [.., (byte)'\r']) line = line[..^1];
        return true;
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_held);
        _held = [];
        _length = 0;
        Fault ??= "closed";
    }

    private void Hold(ReadOnlySpan<byte> bytes)
    {
        if (_held.Length - _length < bytes.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(_held.Length * 2, _length + bytes.Length));
            _held.AsSpan(0, _length).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_held);
            _held = larger;
        }
        bytes.CopyTo(_held.AsSpan(_length));
        _length += bytes.Length;
    }
}
