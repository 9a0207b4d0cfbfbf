using System.Text;
using Postern.Core.Pipeline;
using Postern.Upstreams.Http1;

namespace Postern.Tests.Http1;

public sealed class ResponseHeadTests
{
    private const string Ok = "HTTP/1.1 200 OK\r\n";

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200, nameof(BodyFraming.Length), true)]
    [InlineData("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", 200, nameof(BodyFraming.None), true)]
    [InlineData("HTTP/1.1 200\r\ncontent-length:5\r\n\r\n", 200, nameof(BodyFraming.Length), true)]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n", 200, nameof(BodyFraming.Chunked), true)]
    [InlineData("HTTP/1.1 200 OK\r\n\r\n", 200, nameof(BodyFraming.UntilClose), false)]
    [InlineData("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", 200, nameof(BodyFraming.Length), false)]
    [InlineData("HTTP/1.1 204 No Content\r\n\r\n", 204, nameof(BodyFraming.None), true)]
    [InlineData("HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 5\r\n\r\n", 404, nameof(BodyFraming.Length), false)]
    [InlineData("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 103, nameof(BodyFraming.None), true)]
    public void A_head_says_how_its_body_is_framed(string text, int status, string framing, bool keepsAlive)
    {
        var head = Read(text);

        Assert.Equal((status, framing, keepsAlive), (head.Status, head.Framing.ToString(), head.KeepsAlive));
    }

    [Theory]
    [InlineData(Ok + "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", "twice")]
    [InlineData(Ok + "Content-Length: 5, 5\r\n\r\n", "number of bytes")]
    [InlineData(Ok + "Content-Length: +5\r\n\r\n", "number of bytes")]
    [InlineData(Ok + "Content-Length: -5\r\n\r\n", "number of bytes")]
    [InlineData(Ok + "Content-Length: 0x5\r\n\r\n", "number of bytes")]
    [InlineData(Ok + "Content-Length: \r\n\r\n", "number of bytes")]
    [InlineData(Ok + "Content-Length: 9999999999999999999\r\n\r\n", "number of bytes")]
    [InlineData(Ok + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "both")]
    [InlineData(Ok + "Transfer-Encoding: gzip, chunked\r\n\r\n", "`chunked`, once")]
    [InlineData(Ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "`chunked`, once")]
    [InlineData(Ok + "Transfer-Encoding: xchunked\r\n\r\n", "`chunked`, once")]
    [InlineData("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "`chunked`, once")]
    [InlineData(Ok + "Content-Length : 5\r\n\r\n", "token")]
    [InlineData(Ok + " Content-Length: 5\r\n\r\n", "token")]
    [InlineData(Ok + "A: b\r\n c\r\n\r\n", "token")]
    [InlineData(Ok + ": b\r\n\r\n", "token")]
    [InlineData(Ok + "no colon\r\n\r\n", "token")]
    [InlineData(Ok + "A: b\nContent-Length: 5\r\n\r\n", "CR LF")]
    [InlineData(Ok + "A: b\rContent-Length: 5\r\n\r\n", "control characters")]
    [InlineData(Ok + "A: b\0c\r\n\r\n", "control characters")]
    [InlineData("HTTP/1.1 200 O\0K\r\n\r\n", "HTTP/1.1")]
    [InlineData("HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.1")]
    [InlineData("HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1")]
    [InlineData("HTTP/1.1 600 OK\r\n\r\n", "HTTP/1.1")]
    [InlineData("HTTP/1.1  200 OK\r\n\r\n", "HTTP/1.1")]
    [InlineData("HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1")]
    [InlineData("nonsense\r\n\r\n", "HTTP/1.1")]
    [InlineData("\r\n\r\n", "HTTP/1.1")]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "switched protocols")]
    public void Whatever_has_two_readings_is_refused(string text, string words)
    {
        var fault = Assert.Throws<UpstreamException>(() => Read(text));

        Assert.Equal(RefusalCode.UpstreamInvalid, fault.Code);
        Assert.Contains(words, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_header_is_found_whatever_its_case_and_once()
    {
        var bytes = Encoding.Latin1.GetBytes(Ok + "content-TYPE:  application/json \r\nX: 1\r\nx: 2\r\nContent-Length: 5\r\n\r\n");
        var head = new ResponseHead();
        head.Read(bytes, isOfHead: false);

        Assert.Equal("application/json", head.Header(bytes, "Content-Type"));
        Assert.Null(head.Header(bytes, "Content-Typ"));
        Assert.Throws<UpstreamException>(() => head.Header(bytes, "X"));
    }

    [Fact]
    public void A_head_has_so_many_headers_at_most() =>
        Assert.Throws<UpstreamException>(() => Read(Ok + string.Concat(Enumerable.Repeat("a: b\r\n", 200)) + "\r\n"));

    [Fact]
    public void No_bytes_whatever_throw_anything_else()
    {
        var random = new Random(11);
        var seeds = new[] { Ok + "Content-Length: 5\r\nA: b\r\n\r\n", Ok + "Transfer-Encoding: chunked\r\nKeep-Alive: timeout=5\r\n\r\n" };
        for (var i = 0; i < 20_000; i++)
        {
            var bytes = Encoding.Latin1.GetBytes(seeds[i % seeds.Length]);
            for (var change = random.Next(4); change >= 0; change--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            var length = ResponseHead.LengthOf(bytes);
            if (length == 0) continue;
            try
            {
                new ResponseHead().Read(bytes.AsSpan(0, length), isOfHead: false);
            }
            catch (UpstreamException)
            {
                // Refused, which is one of the two things that may happen.
            }
        }
    }

    private static ResponseHead Read(string text)
    {
        var head = new ResponseHead();
        head.Read(Encoding.Latin1.GetBytes(text), isOfHead: false);
        return head;
    }
}
