using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;

namespace Postern.Gateway.Listening;

/// <summary>
/// Follows the requests of one HTTP/1.1 connection byte by byte (RFC 9112), and says what is wrong with the first whose framing two
/// readers could see differently. Kestrel's own parser is lenient where this is not: signed and padded lengths, bare line feeds,
/// doubled headers. Does no I/O, keeps nothing but a line that is not whole yet.
/// </summary>
internal sealed class RequestFraming : IConnectionFraming
{
    /// <summary>Longest line of a head or of chunk framing; the server's own limits are narrower.</summary>
    public const int MaxLine = 64 * 1024;

    private const int MaxChunkLine = 18;

    private static readonly SearchValues<byte> Token = SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"u8);
    private static readonly SearchValues<byte> NotInValues = SearchValues.Create([0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 127]);
    private static readonly SearchValues<byte> NotInLines = SearchValues.Create("\r\0"u8);

    private readonly ArrayBufferWriter<byte> _line = new(256);
    private State _state;
    private Head _head;
    private long _left;

    private enum State
    {
        RequestLine,
        Headers,
        Body,
        ChunkSize,
        ChunkData,
        ChunkEnd,
        Trailers,
        Switched,
    }

    /// <inheritdoc/>
    public string? Fault { get; private set; }

    /// <summary>True when the fault lies in a body whose head was sound.</summary>
    public bool IsInBody { get; private set; }

    /// <inheritdoc/>
    public bool IsFatal => IsInBody;

    /// <inheritdoc/>
    public void Read(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty && Fault is null)
        {
            switch (_state)
            {
                case State.Body or State.ChunkData:
                    var skipped = (int)Math.Min(_left, bytes.Length);
                    _left -= skipped;
                    bytes = bytes[skipped..];
                    if (_left == 0) _state = _state == State.Body ? State.RequestLine : State.ChunkEnd;
                    break;
                case State.Switched:
                    return;
                default:
                    bytes = Line(bytes);
                    break;
            }
        }
    }

    private ReadOnlySpan<byte> Line(ReadOnlySpan<byte> bytes)
    {
        var end = bytes.IndexOf((byte)'\n');
        if (end < 0)
        {
            if (_line.WrittenCount + bytes.Length > (_state is State.ChunkSize or State.ChunkEnd ? MaxChunkLine : MaxLine)) Refuse("a line is too long");
            else _line.Write(bytes);
            return default;
        }
        if (_line.WrittenCount == 0)
        {
            Take(bytes[..end]);
        }
        else
        {
            _line.Write(bytes[..end]);
            Take(_line.WrittenSpan);
            _line.ResetWrittenCount();
        }
        return bytes[(end + 1)..];
    }

    private void Take(ReadOnlySpan<byte> line)
    {
        if (line.IsEmpty || line[^1] != (byte)'\r')
        {
            Refuse("a line ends without a carriage return");
            return;
        }
        line = line[..^1];
        if (line.ContainsAny(NotInLines))
        {
            Refuse("a line holds a carriage return or NUL");
            return;
        }
        switch (_state)
        {
            case State.RequestLine:
                RequestLine(line);
                break;
            case State.Headers when line.IsEmpty:
                EndOfHead();
                break;
            case State.Headers:
                Header(line);
                break;
            case State.ChunkSize:
                ChunkSize(line);
                break;
            case State.ChunkEnd:
                if (!line.IsEmpty) Refuse("a chunk is longer than it said");
                _state = State.ChunkSize;
                break;
            default:
                if (line.IsEmpty) _state = State.RequestLine;
                else if (NameOf(line) is { IsEmpty: false } name && (Is(name, "content-length"u8) || Is(name, "transfer-encoding"u8) || Is(name, "host"u8))) Refuse("a trailer frames a body");
                break;
        }
    }

    // RFC 9112 section 3: method SP target SP version, and nothing else.
    private void RequestLine(ReadOnlySpan<byte> line)
    {
        _head = default;
        var first = line.IndexOf((byte)' ');
        var last = line.LastIndexOf((byte)' ');
        if (first <= 0 || last == first || line[(first + 1)..last].IndexOfAny((byte)' ', (byte)'\t') >= 0 || last == first + 1 || line[..first].ContainsAnyExcept(Token))
        {
            Refuse("the request line is not a method, a target and a version");
            return;
        }
        var version = line[(last + 1)..];
        if (version.SequenceEqual("HTTP/1.0"u8)) _head.IsOld = true;
        else if (!version.SequenceEqual("HTTP/1.1"u8)) Refuse("the version is not HTTP/1.1");
        _state = State.Headers;
    }

    private void Header(ReadOnlySpan<byte> line)
    {
        var name = NameOf(line);
        if (name.IsEmpty) return;
        var value = line[(name.Length + 1)..].Trim(" \t"u8);
        if (Is(name, "content-length"u8))
        {
            if (_head.HasLength) Refuse("`Content-Length` stands there twice");
            _head.HasLength = true;
            // Digits and nothing else: a sign, a zero in front or a list is another number to another reader.
            if (value.Length is 0 or > 18 || value.ContainsAnyExceptInRange((byte)'0', (byte)'9') || (value.Length > 1 && value[0] == (byte)'0') || !System.Buffers.Text.Utf8Parser.TryParse(value, out long length, out _)) Refuse("`Content-Length` is not a plain number");
            else _head.Length = length;
        }
        else if (Is(name, "transfer-encoding"u8))
        {
            if (_head.IsChunked) Refuse("`Transfer-Encoding` stands there twice");
            if (!value.SequenceEqual("chunked"u8)) Refuse("the only transfer encoding that is read is `chunked`");
            _head.IsChunked = true;
        }
        else if (Is(name, "host"u8))
        {
            if (_head.HasHost) Refuse("`Host` stands there twice");
            _head.HasHost = true;
        }
        else if (Is(name, "connection"u8))
        {
            // A word here makes the header of that name end at the next hop. Kestrel forgets the words that stand beside `keep-alive`, so
            // a header could be dropped by one of us and believed by the other (attack H07); no client of today needs one.
            foreach (var range in value.Split((byte)','))
            {
                var word = value[range].Trim(" \t"u8);
                if (!word.IsEmpty && !Is(word, "keep-alive"u8) && !Is(word, "close"u8) && !Is(word, "upgrade"u8) && !Is(word, "te"u8) && !Is(word, "http2-settings"u8)) Refuse("`Connection` names a header");
            }
        }
        else if (Is(name, "upgrade"u8))
        {
            _head.HasUpgrade = true;
        }
    }

    /// <summary>The name of a header line; empty, with a fault, when it has none that every reader sees alike.</summary>
    private ReadOnlySpan<byte> NameOf(ReadOnlySpan<byte> line)
    {
        var colon = line.IndexOf((byte)':');
        // A line that begins with white space continues the one before to some, and is a header of its own to others.
        if (colon <= 0 || line[..colon].ContainsAnyExcept(Token))
        {
            Refuse("a header has no name, or one that is not a token");
            return default;
        }
        if (line[(colon + 1)..].ContainsAny(NotInValues))
        {
            Refuse("a header holds control characters");
            return default;
        }
        return line[..colon];
    }

    private void EndOfHead()
    {
        if (_head is { IsChunked: true, HasLength: true }) Refuse("both a length and a transfer encoding");
        else if (_head is { IsChunked: true, IsOld: true }) Refuse("a transfer encoding needs HTTP/1.1");
        // Whether the connection is switched is not ours to see; whoever refuses to also closes it.
        else if (_head.HasUpgrade && (_head.IsChunked || _head.Length > 0)) Refuse("a request that switches protocols has no body");
        else (_state, _left) = _head.HasUpgrade ? (State.Switched, 0) : _head.IsChunked ? (State.ChunkSize, 0) : _head.Length > 0 ? (State.Body, _head.Length) : (State.RequestLine, 0);
    }

    // No extensions: nobody needs them, and their line end is what CVE-2025-55315 was about.
    private void ChunkSize(ReadOnlySpan<byte> line)
    {
        if (line.Length is 0 or > 15 || !System.Buffers.Text.Utf8Parser.TryParse(line, out long size, out var read, 'x') || read != line.Length) Refuse("a chunk has no plain size");
        else (_state, _left) = size == 0 ? (State.Trailers, 0) : (State.ChunkData, size);
    }

    private void Refuse(string fault)
    {
        Fault ??= fault;
        IsInBody = _state is State.ChunkSize or State.ChunkEnd or State.Trailers;
    }

    private static bool Is(ReadOnlySpan<byte> name, ReadOnlySpan<byte> lowerCase) => name.Length == lowerCase.Length && Ascii.EqualsIgnoreCase(name, lowerCase);

    [StructLayout(LayoutKind.Auto)]
    private struct Head
    {
        public bool IsOld;
        public bool HasLength;
        public bool IsChunked;
        public bool HasHost;
        public bool HasUpgrade;
        public long Length;
    }
}
