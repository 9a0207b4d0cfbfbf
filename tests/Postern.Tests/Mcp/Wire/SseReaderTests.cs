using System.Text;
using Postern.Protocols.HttpData.Wire;
using Postern.Protocols.Mcp.Wire;

namespace Postern.Tests.Mcp.Wire;

[Row("P28")]
public sealed class SseReaderTests
{
    private const string Mixed =
        "\uFEFF: hello\n\nid: 1\ndata: \n\nevent: message\r\ndata: {\"a\":1}\r\n\r\ndata: one\rdata: two\r\rdata:x\ndata\n\nretry: 250\n\nid: a\0b\ndata: y\n\n:beat\r\n\r\nevent: other\nid: 7\ndata:  z\nunknown: 1\n\ndata: cut off";

    private static readonly string[] Expected =
    [
        "comment", "id=1 data=[]", "name=message data=[{\"a\":1}]", "data=[one\ntwo]", "data=[x\n]", "retry=250", "data=[y]", "comment", "id=7 name=other data=[ z]",
    ];

    [Fact]
    public void Lines_may_end_in_any_way_and_fields_mean_what_the_standard_says() => Assert.Equal(Expected, Read(Encoding.UTF8.GetBytes(Mixed), int.MaxValue));

    [Fact]
    public void Any_chunking_gives_the_same_events()
    {
        var bytes = Encoding.UTF8.GetBytes(Mixed);
        for (var size = 1; size <= bytes.Length; size++) Assert.Equal(Expected, Read(bytes, size));
        var random = new Random(7);
        for (var round = 0; round < 500; round++) Assert.Equal(Expected, ReadChunks(bytes, () => random.Next(0, 9)));
    }

    [Fact]
    public void An_event_over_the_limit_is_a_fault_and_nothing_more_is_read()
    {
        using var reader = new SseReader(maxEventBytes: 10);
        ReadOnlySpan<byte> input = "data: 123456\ndata: 123456\n\ndata: ok\n\n"u8;

        Assert.False(reader.TryRead(ref input, out _));

        Assert.NotNull(reader.Fault);
    }

    [Fact]
    public void A_line_that_never_ends_is_a_fault()
    {
        using var reader = new SseReader(maxEventBytes: 100);
        var chunk = new byte[64];
        chunk.AsSpan().Fill((byte)'x');
        for (var i = 0; i < 100 && reader.Fault is null; i++)
        {
            ReadOnlySpan<byte> input = chunk;
            Assert.False(reader.TryRead(ref input, out _));
        }
        Assert.NotNull(reader.Fault);
    }

    [Fact]
    public void What_is_written_reads_back_and_content_cannot_end_an_event_early()
    {
        var output = new System.Buffers.ArrayBufferWriter<byte>();
        SseWriter.Write(output, "{\"a\":\n1}"u8, hasData: true, "message", "7", 250);
        SseWriter.Write(output, "a\n\ndata: forged"u8, hasData: true, null, null, null);
        SseWriter.Write(output, default, hasData: true, null, "8", null);
        SseWriter.WriteComment(output);

        Assert.Equal(["id=7 name=message retry=250 data=[{\"a\":\n1}]", "data=[a\n\ndata: forged]", "id=8 data=[]", "comment"], Read(output.WrittenSpan.ToArray(), int.MaxValue));
    }

    [Fact]
    [Row("N09")]
    public void Random_bytes_never_throw()
    {
        var random = new Random(11);
        var alphabet = "data: id:\r\n\0\uFEFFretry:1event"u8.ToArray();
        for (var round = 0; round < 2_000; round++)
        {
            var bytes = new byte[random.Next(0, 200)];
            for (var i = 0; i < bytes.Length; i++) bytes[i] = random.Next(4) == 0 ? (byte)random.Next(256) : alphabet[random.Next(alphabet.Length)];
            var whole = Read(bytes, int.MaxValue);
            Assert.Equal(whole, Read(bytes, random.Next(1, 9)));
        }
    }

    private static List<string> Read(byte[] bytes, int chunk) => ReadChunks(bytes, () => chunk);

    private static List<string> ReadChunks(byte[] bytes, Func<int> nextSize)
    {
        var events = new List<string>();
        using var reader = new SseReader(maxEventBytes: 1 << 20);
        for (var position = 0; position < bytes.Length;)
        {
            var size = Math.Min(nextSize(), bytes.Length - position);
            ReadOnlySpan<byte> input = bytes.AsSpan(position, size);
            position += size;
            while (reader.TryRead(ref input, out var sse)) events.Add(Describe(sse));
        }
        return events;
    }

    private static string Describe(in SseEvent sse)
    {
        if (sse.IsComment) return "comment";
        var parts = new List<string>();
        if (sse.Id is not null) parts.Add($"id={sse.Id}");
        if (sse.Name is not null) parts.Add($"name={sse.Name}");
        if (sse.RetryMilliseconds is { } retry) parts.Add($"retry={retry}");
        if (sse.HasData) parts.Add($"data=[{Encoding.UTF8.GetString(sse.Data.Span)}]");
        return string.Join(' ', parts);
    }
}
