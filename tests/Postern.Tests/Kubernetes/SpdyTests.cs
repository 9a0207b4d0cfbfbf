using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Postern.Protocols.Kubernetes.Wire.Spdy;
using Postern.Tests.Fuzz;

namespace Postern.Tests.Kubernetes;

/// <summary>The reader of SPDY: headers as another zlib writes them, frames in any pieces, and nothing that is not in the table.</summary>
public sealed class SpdyTests
{
    /// <summary>What one connection of kubectl's begins with, both streams.</summary>
    private static readonly byte[] s_sound = [.. Open(1, SpdyBlock.Of("streamtype", "error", "port", "80", "requestid", "0"), isFirst: true), .. Data(1, "", isLast: true), .. Open(3, SpdyBlock.Of("streamtype", "data", "port", "80", "requestid", "0")), .. Data(3, "GET / HTTP/1.1\r\n\r\n"), .. Control(6, 0, 1), .. Control(3, 0, 3, 5), .. Control(4, 0, 1, 4 << 24, 65536), .. Control(9, 0, 3, 100), .. Data(3, "", isLast: true), .. Control(7, 0, 3, 0)];

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    public void The_dictionary_is_the_one_that_zlib_names()
    {
        uint low = 1, high = 0;
        foreach (var each in SpdyDictionary.Text.Span)
        {
            low = (low + each) % 65521;
            high = (high + low) % 65521;
        }
        Assert.Equal(SpdyDictionary.Id, (high << 16) | low);
    }

    [Fact]
    public void Headers_are_read_as_another_zlib_wrote_them()
    {
        var count = 0;
        foreach (var connection in Vectors().GroupBy(line => (line[0], line[1])))
        {
            var inflater = new HeaderInflater();
            foreach (var line in connection)
            {
                var read = inflater.Read(Convert.FromBase64String(line[2]));
                Assert.True(Convert.ToHexStringLower(SHA256.HashData(read)) == line[3], $"{line[0]} {line[1]}, block {count}");
                count++;
            }
        }
        Assert.True(count > 90);
    }

    [Fact]
    public void Every_length_and_distance_is_read_back_over_the_end_of_the_window()
    {
        // Written by the platform, read with our dictionary before it: the zlib header alone differs.
        var random = new Random(7);
        var inflater = new HeaderInflater();
        inflater.Read(SpdyBlock.First([]));
        var content = new byte[12_000];
        for (var round = 0; round < 8; round++)
        {
            for (var at = 0; at < content.Length;)
            {
                var length = random.Next(1, 260);
                var from = at == 0 ? 0 : random.Next(Math.Max(0, at - 32768), at);
                for (var i = 0; i < length && at < content.Length; i++, at++) content[at] = at == 0 || random.Next(4) == 0 ? (byte)random.Next(256) : content[from + (i % Math.Max(1, at - from))];
            }
            using var output = new MemoryStream();
            using (var deflate = new System.IO.Compression.DeflateStream(output, System.IO.Compression.CompressionLevel.SmallestSize, leaveOpen: true))
            {
                deflate.Write(content);
                deflate.Flush();
                // What is there after the flush ends with an empty stored block; the end of the whole stream comes after it.
                var block = output.ToArray();
                Assert.Equal(content, inflater.Read(block).ToArray());
            }
        }
    }

    [Theory]
    [Row("K15")]
    [InlineData("", "dictionary")]
    [InlineData("789c", "dictionary")]
    [InlineData("789ce3c6a7c2", "dictionary")]
    [InlineData("78bb11111111", "dictionary")]
    [InlineData("78bbe3c6a7c201000000ffff", "no more follow")]
    [InlineData("78bbe3c6a7c206", "no known type")]
    [InlineData("78bbe3c6a7c200040000000000", "not proven")]
    [InlineData("78bbe3c6a7c2000400fbff0000", "break off")]
    [InlineData("78bbe3c6a7c2", "from before")]
    [InlineData("78bbe3c6a7c202", "break off")]
    public void What_is_no_compressed_header_is_refused(string hex, string expected)
    {
        var block = Convert.FromHexString(hex);

        // A distance beyond everything that was said: a length and the largest distance of the fixed code.
        if (expected == "from before") block = [.. block, .. Bits((0, 1), (1, 2), (0b1000000, 7), (0b10111, 5), (0x1fff, 13), (0, 7), (0, 3)), 0, 0, 0xff, 0xff];
        Assert.Contains(expected, Assert.Throws<FormatException>(() => new HeaderInflater().Read(block)).Message, StringComparison.Ordinal);
    }

    [Fact]
    [Row("K15"), Guarantee("G16")]
    public void A_bomb_of_headers_ends_at_its_cap()
    {
        var inflater = new HeaderInflater();
        inflater.Read(SpdyBlock.First([]));
        Assert.Equal(HeaderInflater.MaxOutput, inflater.Read(SpdyBlock.Stored(new byte[HeaderInflater.MaxOutput])).Length);
        Assert.Contains("16 KiB", Assert.Throws<FormatException>(() => inflater.Read(SpdyBlock.Stored(new byte[HeaderInflater.MaxOutput + 1]))).Message, StringComparison.Ordinal);
        using var output = new MemoryStream();
        using (var deflate = new System.IO.Compression.DeflateStream(output, System.IO.Compression.CompressionLevel.SmallestSize, leaveOpen: true)) deflate.Write(new byte[10_000_000]);
        var bomb = new HeaderInflater();
        bomb.Read(SpdyBlock.First([]));
        Assert.Throws<FormatException>(() => bomb.Read(output.ToArray()));
    }

    [Theory]
    [Row("K15")]
    [InlineData("streamtype", "error", "streamtype", "data")]
    [InlineData("Port", "80")]
    [InlineData("", "80")]
    [InlineData("port", "80\081")]
    [InlineData("port", "8é")]
    public void Headers_that_could_be_read_in_two_ways_are_refused(params string[] headers) =>
        Assert.Throws<FormatException>(() => SpdyHeaders.Read(SpdyBlock.Of(headers)));

    [Fact]
    [Row("K15")]
    public void Headers_that_lie_about_their_lengths_are_refused()
    {
        var sound = SpdyBlock.Of("port", "80");
        Assert.Equal("80", SpdyHeaders.Read(sound)["port"]);
        for (var cut = 0; cut < sound.Length; cut++) Assert.Throws<FormatException>(() => SpdyHeaders.Read(sound.AsSpan(0, cut)));
        Assert.Throws<FormatException>(() => SpdyHeaders.Read([.. sound, 0]));
        foreach (var at in new[] { 0, 4, 12 })
        {
            var lie = sound.ToArray();
            BinaryPrimitives.WriteUInt32BigEndian(lie.AsSpan(at), uint.MaxValue);
            Assert.Throws<FormatException>(() => SpdyHeaders.Read(lie));
        }
    }

    [Fact]
    [Row("K15")]
    public async Task Frames_are_the_same_wherever_they_are_cut()
    {
        var whole = await ReadAsync(new Pieces(s_sound, s_sound.Length));
        Assert.Equal(10, whole.Count);
        for (var size = 1; size <= 40; size++) Assert.Equal(whole, await ReadAsync(new Pieces(s_sound, size)));
        for (var cut = 1; cut < s_sound.Length; cut++) Assert.Equal(whole, await ReadAsync(new Pieces(s_sound, cut, once: true)));
    }

    [Fact]
    public async Task A_large_frame_of_data_comes_in_pieces_and_ends_once()
    {
        var content = RandomNumberGenerator.GetBytes(200_000);
        using var reader = new SpdyReader(new MemoryStream([.. Head(7, 1, content.Length), .. content, .. Data(9, "x")]));
        var read = new List<byte>();
        var lasts = 0;
        while (read.Count < content.Length)
        {
            var frame = (await reader.ReadAsync(Test))!.Value;
            Assert.Equal((SpdyKind.Data, 7), (frame.Kind, frame.Id));
            Assert.InRange(frame.Content.Length, 1, SpdyReader.MaxPiece);
            read.AddRange(frame.Content.Span);
            if (frame.IsLast) lasts++;
        }
        Assert.Equal(content, read);
        Assert.Equal(1, lasts);
        Assert.Equal(9, (await reader.ReadAsync(Test))!.Value.Id);
        Assert.Null(await reader.ReadAsync(Test));
    }

    [Fact]
    [Row("K15")]
    public async Task What_is_not_in_the_table_ends_the_connection()
    {
        byte[][] wrong =
        [
            [0x80, 2, 0, 6, 0, 0, 0, 4, 0, 0, 0, 1], // another version
            Control(5, 0), Control(10, 0, 1, 1), Control(0, 0), Control(0x7fff, 0), // no type
            Control(6, 1, 1), Control(6, 0), Control(6, 0, 1, 1), // pings
            Control(3, 0, 1), Control(3, 1, 1, 5), Control(3, 0, -1, 5), Control(7, 0, 1), Control(9, 0, 1), // resets and the like
            Control(4, 0, 2, 1, 1), Control(4, 0), Control(4, 0, 1), // settings that lie
            [.. Control(1, 2, 1, 0), 0, 0], // one direction
            [0x80, 3, 0, 1, 0, 0, 0, 10, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0], // hangs on another
            [0x80, 3, 0, 1, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 0, 0],
            [0x80, 3, 0, 1, 0, 0, 0x40, 1, .. new byte[0x4001]], // longer than is read
            [0, 0, 0, 1, 2, 0, 0, 0], // data with a flag
        ];
        foreach (var each in wrong) await Assert.ThrowsAsync<FormatException>(() => ReadAsync(new MemoryStream(each)));
    }

    [Fact]
    [Trait("Lane", "fuzz")]
    [Row("K15")]
    public void Frames_and_headers_read_the_same_in_any_pieces_or_are_refused() => FuzzRun.Run(nameof(Frames_and_headers_read_the_same_in_any_pieces_or_are_refused), [s_sound, .. Vectors().Where(line => line[0] is "pairs" or "long").Select(line => Open(1, Convert.FromBase64String(line[2]), isCompressed: true))], bytes =>
    {
        var whole = Told(new MemoryStream(bytes));
        foreach (var size in new[] { 1, 7, 4096 }) Assert.Equal(whole, Told(new Pieces(bytes, size)));
    });

    internal static byte[] Open(int id, byte[] block, bool isFirst = false, bool isCompressed = false, byte flags = 0)
    {
        var compressed = isCompressed ? block : isFirst ? SpdyBlock.First(block) : SpdyBlock.Stored(block);
        var frame = new byte[18 + compressed.Length];
        byte[] head = [0x80, 3, 0, 1, flags];
        head.CopyTo(frame, 0);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(6), (ushort)(10 + compressed.Length));
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(8), id);
        compressed.CopyTo(frame, 18);
        return frame;
    }

    internal static byte[] Data(int id, string content, bool isLast = false) => [.. Head(id, isLast ? (byte)1 : (byte)0, Encoding.UTF8.GetByteCount(content)), .. Encoding.UTF8.GetBytes(content)];

    internal static byte[] Control(ushort type, byte flags, params int[] words)
    {
        var frame = new byte[8 + (words.Length * 4)];
        BinaryPrimitives.WriteUInt16BigEndian(frame, 0x8003);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(2), type);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(4), words.Length * 4);
        frame[4] = flags;
        for (var i = 0; i < words.Length; i++) BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(8 + (i * 4)), words[i]);
        return frame;
    }

    private static byte[] Head(int id, byte flags, int length)
    {
        var frame = new byte[8];
        BinaryPrimitives.WriteInt32BigEndian(frame, id);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(4), length);
        frame[4] = flags;
        return frame;
    }

    private static byte[] Bits(params (int Value, int Count)[] parts)
    {
        var bytes = new List<byte>();
        int held = 0, count = 0;
        foreach (var (value, size) in parts)
        {
            held |= value << count;
            for (count += size; count >= 8; count -= 8, held >>= 8) bytes.Add((byte)held);
        }
        if (count > 0) bytes.Add((byte)held);
        return [.. bytes];
    }

    private static IEnumerable<string[]> Vectors() => File.ReadLines(Path.Combine(Specs.Folder("kubernetes"), "spdy-headers.txt")).Select(line => line.Split(' '));

    /// <summary>What is read; data joined, so that pieces do not show.</summary>
    private static async Task<List<string>> ReadAsync(Stream stream)
    {
        using var reader = new SpdyReader(stream);
        var inflater = new HeaderInflater();
        var said = new List<string>();
        var data = new StringBuilder();
        while (await reader.ReadAsync(CancellationToken.None) is { } frame)
        {
            if (frame.Kind == SpdyKind.Data)
            {
                data.Append(Convert.ToHexString(frame.Content.Span));
                if (!frame.IsLast) continue;
            }
            var headers = frame.Kind == SpdyKind.SynStream ? string.Join(',', SpdyHeaders.Read(inflater.Read(frame.Content.Span)).Select(each => $"{each.Key}={each.Value}")) : "";
            said.Add($"{data}|{frame.Kind} {frame.Id} {frame.IsLast} {headers}");
            data.Clear();
        }
        said.Add(data.ToString());
        return said;
    }

    private static string Told(Stream stream)
    {
        try
        {
            return string.Join('\n', ReadAsync(stream).GetAwaiter().GetResult());
        }
        catch (FormatException refused)
        {
            return refused.Message;
        }
    }

    /// <summary>Bytes that arrive some at a time; with <c>once</c>, cut in one place alone.</summary>
    private sealed class Pieces(byte[] bytes, int size, bool once = false) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var most = once && Position >= size ? buffer.Length : once ? size - (int)Position : size;
            return base.ReadAsync(buffer[..Math.Min(buffer.Length, most)], cancellationToken);
        }
    }
}

/// <summary>Blocks of headers as a client writes them, stored.</summary>
internal static class SpdyBlock
{
    public static byte[] Of(params string[] headers)
    {
        var block = new List<byte>();
        void Count(int count) => block.AddRange([(byte)(count >> 24), (byte)(count >> 16), (byte)(count >> 8), (byte)count]);
        Count(headers.Length / 2);
        foreach (var each in headers.Select(Encoding.UTF8.GetBytes))
        {
            Count(each.Length);
            block.AddRange(each);
        }
        return [.. block];
    }

    public static byte[] First(byte[] block) => [0x78, 0xbb, 0xe3, 0xc6, 0xa7, 0xc2, .. Stored(block)];

    public static byte[] Stored(byte[] block) => [0, (byte)block.Length, (byte)(block.Length >> 8), (byte)~block.Length, (byte)(~block.Length >> 8), .. block, 0, 0, 0, 0xff, 0xff];
}
