using System.Buffers.Binary;
using System.Text;
using Postern.Core.Pipeline;

namespace Postern.Upstreams.Postgres;

/// <summary>
/// Reads the server's messages one by one while the gateway itself is the client: signing in, and its own questions. (What callers
/// receive is read by the protocol.)
/// </summary>
internal sealed class ServerFrames(Func<Memory<byte>, bool, ValueTask<int>> read)
{
    /// <summary>Nothing that is sent before a session is open, and no row of the catalogue, comes near it.</summary>
    public const int Longest = 1024 * 1024;

    private const int HeaderLength = 5;

    private byte[] _buffer = new byte[8 * 1024];
    private int _start;
    private int _end;

    /// <summary>Bytes that have arrived and were not read. None may be left when the session is handed over.</summary>
    public int Unread => _end - _start;

    /// <summary>The type of the current message.</summary>
    public byte Type { get; private set; }

    /// <summary>The current message's body; valid until the next one is read.</summary>
    public ReadOnlyMemory<byte> Body { get; private set; }

    /// <summary>Reads the next message.</summary>
    /// <exception cref="UpstreamException">The server closed, or what it sends is no message.</exception>
    public async ValueTask NextAsync()
    {
        await FillAsync(HeaderLength).ConfigureAwait(false);
        Type = _buffer[_start];
        var length = BinaryPrimitives.ReadInt32BigEndian(_buffer.AsSpan(_start + 1));
        if (length < 4 || length > Longest) throw Invalid("the server sent a message of an impossible length");
        await FillAsync(1 + length).ConfigureAwait(false);
        Body = _buffer.AsMemory(_start + HeaderLength, length - 4);
        _start += 1 + length;
    }

    /// <summary>The SQLSTATE and the text of an ErrorResponse, for what the administrator is told.</summary>
    public static (string Code, string Message) ErrorOf(ReadOnlySpan<byte> body)
    {
        var (code, message) = ("", "");
        while (body.Length > 1 && body[0] != 0)
        {
            var field = body[0];
            var end = body[1..].IndexOf((byte)0);
            if (end < 0) break;
            var text = Encoding.UTF8.GetString(body.Slice(1, end));
            if (field == (byte)'C') code = text;
            if (field == (byte)'M') message = text;
            body = body[(end + 2)..];
        }
        return (code, message);
    }

    /// <summary>Reads a text that ends with a zero byte, and moves on behind it.</summary>
    public static string TextOf(ref ReadOnlySpan<byte> body)
    {
        var end = body.IndexOf((byte)0);
        if (end < 0) throw Invalid("the server sent a text without an end");
        var text = Encoding.UTF8.GetString(body[..end]);
        body = body[(end + 1)..];
        return text;
    }

    public static UpstreamException Invalid(string message) => new(RefusalCode.UpstreamInvalid, message) { NothingWasSent = true };

    private async ValueTask FillAsync(int wanted)
    {
        while (_end - _start < wanted)
        {
            if (_start > 0)
            {
                _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
                (_start, _end) = (0, _end - _start);
            }
            if (_buffer.Length < wanted) Array.Resize(ref _buffer, Math.Max(wanted, _buffer.Length * 2));
            var count = await read(_buffer.AsMemory(_end), _end > _start).ConfigureAwait(false);
            if (count == 0) throw new UpstreamException(RefusalCode.UpstreamUnavailable, "the server closed the connection") { NothingWasSent = true };
            _end += count;
        }
    }
}
