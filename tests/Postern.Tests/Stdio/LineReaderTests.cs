using System.Text;
using Postern.Upstreams.Stdio;

namespace Postern.Tests.Stdio;

[Row("P32")]
public sealed class LineReaderTests
{
    [Theory]
    [InlineData("one\ntwo\n", new[] { "one", "two" })]
    [InlineData("one\r\ntwo\r\n", new[] { "one", "two" })]
    [InlineData("\n\none\n", new[] { "", "", "one" })]
    [InlineData("one\ntwo", new[] { "one" })]
    [InlineData("a\rb\n", new[] { "a\rb" })]
    [InlineData("é\n\u2028\u0085\n", new[] { "é", "\u2028\u0085" })]
    public void Lines_are_the_same_in_any_chunking(string input, string[] expected)
    {
        var bytes = Encoding.UTF8.GetBytes(input);
        for (var chunk = 1; chunk <= bytes.Length; chunk++) Assert.Equal(expected, Read(bytes, chunk, out _));
    }

    [Fact]
    [Guarantee("G16")]
    public void A_line_beyond_the_limit_is_a_fault_with_or_without_its_end_and_nothing_is_read_after_it()
    {
        foreach (var input in new[] { "ok\n" + new string('x', 17) + "\nafter\n", "ok\n" + new string('x', 17) })
        {
            Assert.Equal(["ok"], Read(Encoding.UTF8.GetBytes(input), 5, out var fault));
            Assert.Equal("a line is longer than 16 bytes", fault);
        }
    }

    private static List<string> Read(byte[] bytes, int chunk, out string? fault)
    {
        using var reader = new LineReader(16);
        var lines = new List<string>();
        for (var at = 0; at < bytes.Length; at += chunk)
        {
            ReadOnlySpan<byte> input = bytes.AsSpan(at, Math.Min(chunk, bytes.Length - at));
            while (reader.TryRead(ref input, out var line)) lines.Add(Encoding.UTF8.GetString(line));
        }
        fault = reader.Fault;
        return lines;
    }
}
