using System.Buffers.Text;
using System.Runtime.InteropServices;
using Postern.Core.Pipeline;

namespace Postern.Upstreams.Http1;

/// <summary>
/// The framing of a chunked body (RFC 9112 section 7.1), read strictly: CR LF only, sizes in hexadecimal digits and nothing else,
/// extensions and trailers bounded and not passed on. Says how many bytes of data stand next; does no I/O.
/// </summary>
[StructLayout(LayoutKind.Auto)]
internal struct ChunkedReader
{
    private const int MaxLine = 256;
    private const int MaxTrailers = 8 * 1024;

    private long _left;
    private int _trailers;
    private Expect _next;

    private enum Expect
    {
        Size,
        Data,
        EndOfData,
        Trailer,
        Nothing,
    }

    /// <summary>The last chunk and the trailers were read.</summary>
    public readonly bool IsOver => _next == Expect.Nothing;

    /// <summary>Bytes of data that stand next, or will; 0 while framing stands next.</summary>
    public readonly long Data => _next == Expect.Data ? _left : 0;

    /// <summary>Takes note that so many bytes of data were read.</summary>
    public void TakeData(int count)
    {
        _left -= count;
        if (_left == 0) _next = Expect.EndOfData;
    }

    /// <summary>Reads framing until data stands next, the body is over, or the bytes are used up; returns how many it used.</summary>
    /// <exception cref="UpstreamException">It is not the framing of chunks.</exception>
    public int Take(ReadOnlySpan<byte> bytes)
    {
        var used = 0;
        while (_next is not (Expect.Data or Expect.Nothing))
        {
            var rest = bytes[used..];
            var end = rest.IndexOf((byte)'\n');
            if (end < 0)
            {
                if (rest.Length > (_next == Expect.Trailer ? MaxTrailers : MaxLine)) throw Invalid("a line of the target's chunked body is too long");
                return used;
            }
            if (end == 0 || rest[end - 1] != (byte)'\r') throw Invalid("a line of the target's chunked body does not end with CR LF");
            TakeLine(rest[..(end - 1)]);
            used += end + 1;
        }
        return used;
    }

    private void TakeLine(ReadOnlySpan<byte> line)
    {
        if (line.ContainsAny((byte)'\r', (byte)0)) throw Invalid("a line of the target's chunked body holds control characters");
        switch (_next)
        {
            case Expect.EndOfData:
                if (!line.IsEmpty) throw Invalid("a chunk of the target is longer than it said");
                _next = Expect.Size;
                break;
            case Expect.Size:
                _left = SizeOf(line);
                _next = _left == 0 ? Expect.Trailer : Expect.Data;
                break;
            default:
                _trailers += line.Length;
                if (_trailers > MaxTrailers) throw Invalid("the trailers of the target are too long");
                if (line.IsEmpty) _next = Expect.Nothing;
                break;
        }
    }

    private static long SizeOf(ReadOnlySpan<byte> line)
    {
        if (line.Length > MaxLine) throw Invalid("a line of the target's chunked body is too long");
        var extension = line.IndexOfAny((byte)';', (byte)' ', (byte)'\t');
        var digits = extension < 0 ? line : line[..extension];
        if (digits.Length is 0 or > 15 || !Utf8Parser.TryParse(digits, out long size, out var read, 'x') || read != digits.Length) throw Invalid("a chunk of the target has no size");
        return size;
    }

    private static UpstreamException Invalid(string message) => new(RefusalCode.UpstreamInvalid, message);
}
