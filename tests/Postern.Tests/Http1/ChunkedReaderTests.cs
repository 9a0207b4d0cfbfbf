using System.Text;
using Postern.Core.Pipeline;
using Postern.Upstreams.Http1;

namespace Postern.Tests.Http1;

public sealed class ChunkedReaderTests
{
    [Theory]
    [InlineData("5\r\nhello\r\n0\r\n\r\n", "hello")]
    [InlineData("5;name=value\r\nhello\r\n0\r\n\r\n", "hello")]
    [InlineData("5\r\nhello\r\nB\r\n, all of it\r\n0\r\nTrailer: x\r\n\r\n", "hello, all of it")]
    [InlineData("00000\r\n\r\n", "")]
    public void Chunk_borders_and_the_borders_of_reads_do_not_matter(string text, string data)
    {
        for (var piece = 1; piece <= text.Length; piece++) Assert.Equal(data, Read(text, piece));
    }

    [Theory]
    [InlineData("5\nhello\r\n0\r\n\r\n")]
    [InlineData("5\r\nhello\n0\r\n\r\n")]
    [InlineData("5\r\nhelloX\r\n0\r\n\r\n")]
    [InlineData("+5\r\nhello\r\n0\r\n\r\n")]
    [InlineData("0x5\r\nhello\r\n0\r\n\r\n")]
    [InlineData("-5\r\nhello\r\n0\r\n\r\n")]
    [InlineData("\r\nhello\r\n0\r\n\r\n")]
    [InlineData(";a\r\nhello\r\n0\r\n\r\n")]
    [InlineData("ffffffffffffffff\r\nhello")]
    [InlineData("5;\0\r\nhello\r\n0\r\n\r\n")]
    [InlineData("\n")]
    public void Framing_that_is_not_exact_is_refused(string text) =>
        Assert.Equal(RefusalCode.UpstreamInvalid, Assert.Throws<UpstreamException>(() => Read(text, text.Length)).Code);

    [Fact]
    public void Sizes_extensions_and_trailers_are_bounded()
    {
        Assert.Throws<UpstreamException>(() => Read(new string('0', 1_000), 1_000));
        Assert.Throws<UpstreamException>(() => Read("5;" + new string('a', 1_000) + "\r\n", 2_000));
        Assert.Throws<UpstreamException>(() => Read("0\r\n" + string.Concat(Enumerable.Repeat("a: b\r\n", 5_000)), 50_000));
    }

    private static string Read(string text, int piece)
    {
        var chunks = new ChunkedReader();
        var data = new StringBuilder();
        var waiting = new List<byte>();
        var rest = Encoding.Latin1.GetBytes(text).AsSpan();
        while (!chunks.IsOver)
        {
            var used = chunks.Take(waiting.ToArray());
            waiting.RemoveRange(0, used);
            var count = (int)Math.Min(chunks.Data, waiting.Count);
            if (count > 0)
            {
                data.Append(Encoding.Latin1.GetString(waiting.GetRange(0, count).ToArray()));
                waiting.RemoveRange(0, count);
                chunks.TakeData(count);
                continue;
            }
            if (chunks.IsOver) break;
            Assert.False(rest.IsEmpty);
            waiting.AddRange(rest[..Math.Min(piece, rest.Length)]);
            rest = rest[Math.Min(piece, rest.Length)..];
        }
        Assert.Empty(waiting);
        Assert.True(rest.IsEmpty);
        return data.ToString();
    }
}
