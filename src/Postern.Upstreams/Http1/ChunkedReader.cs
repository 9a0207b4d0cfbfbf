using System.Buffers;
using System.Buffers.Text;
using System.Runtime.InteropServices;
using System.Text;
using Postern.Core.Pipeline;

namespace Postern.Upstreams.Http1;

/// <summary>
/// The framing of a chunked body (RFC 9112 section 7.1), read strictly: CR LF only, sizes in hexadecimal digits and nothing else,
/// extensions bounded and not passed on, trailers bounded. Says how many bytes of data stand next; does no I/O.
/// </summary>
[StructLayout(LayoutKind.Auto)]
internal struct ChunkedReader
{
    private const int MaxLine = 256;
    private const int MaxTrailers = 8 * 1024;

    private static readonly SearchValues<byte> Token = SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"u8);
    private static readonly SearchValues<byte> Controls = SearchValues.Create([0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 127]);

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

    /// <summary>The trailers, once the body is over; null for none. Those that hold more than visible ASCII are left out, like such headers.</summary>
    public List<KeyValuePair<string, string>>? Trailers { get; private set; }

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
                else TakeTrailer(line);
                break;
        }
    }

    private void TakeTrailer(ReadOnlySpan<byte> line)
    {
        var colon = line.IndexOf((byte)':');
        if (colon <= 0 || line[..colon].ContainsAnyExcept(Token)) throw Invalid("a trailer of the target has no name, or one that is not a token");
        var value = line[(colon + 1)..].Trim(" \t"u8);
        if (value.ContainsAny(Controls)) throw Invalid("a trailer of the target holds control characters");
        if (!value.ContainsAnyExceptInRange((byte)' ', (byte)'~')) (Trailers ??= []).Add(new(Encoding.ASCII.GetString(line[..colon]), Encoding.ASCII.GetString(value)));
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
