using System.Buffers;
using System.Buffers.Text;
using System.Runtime.InteropServices;
using System.Text;
using Postern.Core.Pipeline;

namespace Postern.Upstreams.Http1;

/// <summary>How a response's body is framed (RFC 9112 section 6.3).</summary>
internal enum BodyFraming
{
    /// <summary>There is none.</summary>
    None,

    /// <summary>So many bytes.</summary>
    Length,

    /// <summary>In chunks, with an end of its own.</summary>
    Chunked,

    /// <summary>Until the target closes the connection.</summary>
    UntilClose,
}

/// <summary>
/// The head of a response, read strictly (RFC 9112): a target is as little trusted as a caller, and two readers that frame one answer
/// differently are how one caller gets another one's. Whatever has two readings is refused. Used again for the connection's next response.
/// </summary>
internal sealed class ResponseHead
{
    /// <summary>No head is longer.</summary>
    public const int MaxBytes = 64 * 1024;

    private const int MaxHeaders = 128;

    private static readonly SearchValues<byte> Token = SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"u8);
    private static readonly SearchValues<byte> Controls = SearchValues.Create([0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 127]);

    private readonly List<Place> _headers = new(16);

    /// <summary>The status code, 100 to 599.</summary>
    public int Status { get; private set; }

    /// <summary>How the body is framed.</summary>
    public BodyFraming Framing { get; private set; }

    /// <summary>Its length in bytes, where the framing says so.</summary>
    public long Length { get; private set; }

    /// <summary>False when the connection ends with this response.</summary>
    public bool KeepsAlive { get; private set; }

    /// <summary>After how many idle seconds the target will close the connection, if it says so.</summary>
    public int? IdleSeconds { get; private set; }

    /// <summary>True for an interim response, which another one follows.</summary>
    public bool IsInterim => Status < 200 && !IsSwitched;

    /// <summary>The target switched the connection to the protocol that it was asked for.</summary>
    public bool IsSwitched => Status == 101;

    /// <summary>Bytes of the head at the begin of <paramref name="bytes"/>, its empty line included; 0 when its end is not there yet.</summary>
    public static int LengthOf(ReadOnlySpan<byte> bytes)
    {
        var end = bytes.IndexOf("\r\n\r\n"u8);
        return end < 0 ? 0 : end + 4;
    }

    /// <summary>Reads a whole head.</summary>
    /// <param name="head">From the status line to the empty line.</param>
    /// <param name="isOfHead">True when the request was <c>HEAD</c>, whose response has no body whatever it says.</param>
    /// <param name="upgrade">The protocol that the request asked to switch to; null for none.</param>
    /// <exception cref="UpstreamException">It is not a response that has exactly one reading.</exception>
    public void Read(ReadOnlySpan<byte> head, bool isOfHead, string? upgrade = null)
    {
        _headers.Clear();
        var line = NextLine(head, 0);
        ReadStatus(head[..line.End], upgrade is not null);
        var isLatest = head[7] == (byte)'1';
        KeepsAlive = isLatest;
        IdleSeconds = null;
        long? length = null;
        var isChunked = false;
        for (var at = line.Next; ; at = line.Next)
        {
            line = NextLine(head, at);
            if (line.End == at) break;
            var place = ReadHeader(head, at, line.End);
            var name = head.Slice(place.Name, place.NameLength);
            var value = head.Slice(place.Value, place.ValueLength);
            if (Is(name, "content-length"u8))
            {
                if (length is not null) throw Invalid("the target sent `Content-Length` twice");
                if (value.Length is 0 or > 18 || value.ContainsAnyExceptInRange((byte)'0', (byte)'9') || !Utf8Parser.TryParse(value, out long bytes, out _)) throw Invalid("the target's `Content-Length` is not a number of bytes");
                length = bytes;
            }
            else if (Is(name, "transfer-encoding"u8))
            {
                if (isChunked || !isLatest || !Is(value, "chunked"u8)) throw Invalid("the target's `Transfer-Encoding` is not `chunked`, once");
                isChunked = true;
            }
            else if (Is(name, "connection"u8))
            {
                if (!Is(value, "keep-alive"u8)) KeepsAlive = false;
            }
            else if (Is(name, "keep-alive"u8))
            {
                IdleSeconds = IdleSecondsOf(value);
            }
            if (_headers.Count == MaxHeaders) throw Invalid($"the target sent more than {MaxHeaders} headers");
            _headers.Add(place);
        }
        // RFC 9112 section 6.1: both at once is how a response is smuggled.
        if (isChunked && length is not null) throw Invalid("the target sent both `Content-Length` and `Transfer-Encoding`");
        Length = length ?? 0;
        if (IsSwitched && (isChunked || length is not null || !string.Equals(Header(head, "Upgrade"), upgrade, StringComparison.OrdinalIgnoreCase))) throw Invalid("the target switched to another protocol than it was asked for");
        Framing = IsSwitched ? BodyFraming.UntilClose : IsInterim || isOfHead || Status is 204 or 304 ? BodyFraming.None
            : isChunked ? BodyFraming.Chunked
            : length is null ? BodyFraming.UntilClose
            : length == 0 ? BodyFraming.None : BodyFraming.Length;
        if (Framing == BodyFraming.UntilClose) KeepsAlive = false;
    }

    /// <summary>The single value of a header; null when it is absent.</summary>
    /// <exception cref="UpstreamException">It stands there more than once.</exception>
    public string? Header(ReadOnlySpan<byte> head, string name)
    {
        string? found = null;
        foreach (var place in CollectionsMarshal.AsSpan(_headers))
        {
            if (place.NameLength != name.Length || !Ascii.EqualsIgnoreCase(head.Slice(place.Name, place.NameLength), name)) continue;
            if (found is not null) throw Invalid($"the target sent the header `{name}` more than once");
            found = Text(head.Slice(place.Value, place.ValueLength));
        }
        return found;
    }

    /// <summary>Every header, as text; those that hold more than visible ASCII are left out, because nobody can tell what they say.</summary>
    public List<KeyValuePair<string, string>> All(ReadOnlySpan<byte> head)
    {
        var all = new List<KeyValuePair<string, string>>(_headers.Count);
        foreach (var place in CollectionsMarshal.AsSpan(_headers))
        {
            var value = head.Slice(place.Value, place.ValueLength);
            if (value.ContainsAnyExceptInRange((byte)' ', (byte)'~')) continue;
            all.Add(new(Encoding.ASCII.GetString(head.Slice(place.Name, place.NameLength)), Text(value)));
        }
        return all;
    }

    private static (int End, int Next) NextLine(ReadOnlySpan<byte> head, int at)
    {
        var end = head[at..].IndexOf((byte)'\n');
        // The head ends with an empty line, so there is always one.
        if (end == 0 || head[at + end - 1] != (byte)'\r') throw Invalid("a line of the target's head does not end with CR LF");
        return (at + end - 1, at + end + 1);
    }

    private void ReadStatus(ReadOnlySpan<byte> line, bool mayUpgrade)
    {
        if (line.Length < 12 || !line.StartsWith("HTTP/1."u8) || line[7] is not ((byte)'0' or (byte)'1') || line[8] != ' ' || (line.Length > 12 && line[12] != ' ')
            || line[9..12].ContainsAnyExceptInRange((byte)'0', (byte)'9') || line[9] is < (byte)'1' or > (byte)'5' || line.ContainsAny(Controls))
        {
            throw Invalid("the target does not answer in HTTP/1.1");
        }
        Status = ((line[9] - '0') * 100) + ((line[10] - '0') * 10) + (line[11] - '0');
        // What follows a 101 that nobody asked for would be bytes that nobody judged.
        if (Status == 101 && !mayUpgrade) throw Invalid("the target switched protocols, which nobody asked for");
    }

    private static Place ReadHeader(ReadOnlySpan<byte> head, int at, int end)
    {
        var line = head[at..end];
        var colon = line.IndexOf((byte)':');
        // A line that begins with white space continues the one before in the eyes of some readers (RFC 9112 section 5.2).
        if (colon <= 0 || line[..colon].ContainsAnyExcept(Token)) throw Invalid("a header of the target has no name, or one that is not a token");
        var value = line[(colon + 1)..];
        if (value.ContainsAny(Controls)) throw Invalid("a header of the target holds control characters");
        var start = 0;
        while (start < value.Length && value[start] is (byte)' ' or (byte)'\t') start++;
        var stop = value.Length;
        while (stop > start && value[stop - 1] is (byte)' ' or (byte)'\t') stop--;
        return new Place(at, colon, at + colon + 1 + start, stop - start);
    }

    private static int? IdleSecondsOf(ReadOnlySpan<byte> value)
    {
        var at = value.IndexOf("timeout="u8);
        return at >= 0 && Utf8Parser.TryParse(value[(at + "timeout=".Length)..], out int seconds, out _) && seconds >= 0 ? seconds : null;
    }

    private static bool Is(ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> lowerCase) => bytes.Length == lowerCase.Length && Ascii.EqualsIgnoreCase(bytes, lowerCase);

    // The values that nearly every answer has cost no memory.
    private static string Text(ReadOnlySpan<byte> value) =>
        value.SequenceEqual("application/json"u8) ? "application/json" : value.SequenceEqual("text/event-stream"u8) ? "text/event-stream" : Encoding.Latin1.GetString(value);

    private static UpstreamException Invalid(string message) => new(RefusalCode.UpstreamInvalid, message);

    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Place(int Name, int NameLength, int Value, int ValueLength);
}
