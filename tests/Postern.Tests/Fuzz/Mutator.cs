using System.Globalization;

namespace Postern.Tests.Fuzz;

/// <summary>Makes hostile variants of sound input: bits flipped, parts cut, doubled, swapped between samples, odd tokens put in.</summary>
internal sealed class Mutator(IReadOnlyList<byte[]> samples, Random random)
{
    private const int LongestResult = 64 * 1024;

    private static readonly byte[][] Tokens =
    [
        .. new[]
        {
            "\0", "\"", "\\", "\\u0000", "\\ud800", "{", "}", "[", "]", ",", ":", "\r", "\n", "\r\n\r\n", "data:", "id:", "1e400", "-0", "9007199254740993", "null", "true",
            "\"id\":1", "\"method\":\"tools/call\"", "\"Method\":1", "\u2028", "\u202e", "\ufeff", "&a", "*a", "<<:", "!!js", "---", "- ", "? ", "${x}", "%", "'", "`", "when: 1",
            "$..email", "4111 1111 1111 1111", "@", "..", "sk-", "-----BEGIN PRIVATE KEY-----", "eyJ", ".", "=",
        }.Select(System.Text.Encoding.UTF8.GetBytes),
        [0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xef, 0xbb, 0xbf],
    ];

    /// <summary>The next variant; now and then a sample as it is.</summary>
    public byte[] Next()
    {
        var bytes = new List<byte>(Pick(samples));
        for (var changes = random.Next(0, 6); changes > 0; changes--) Change(bytes);
        if (bytes.Count > LongestResult) bytes.RemoveRange(LongestResult, bytes.Count - LongestResult);
        return [.. bytes];
    }

    private void Change(List<byte> bytes)
    {
        var at = random.Next(bytes.Count + 1);
        var length = random.Next(Math.Min(bytes.Count - at, 64) + 1);
        switch (random.Next(8))
        {
            case 0 when at < bytes.Count:
                bytes[at] ^= (byte)(1 << random.Next(8));
                break;
            case 1 when at < bytes.Count:
                bytes[at] = (byte)random.Next(256);
                break;
            case 2:
                bytes.RemoveRange(at, length);
                break;
            case 3:
                bytes.InsertRange(at, bytes.GetRange(at, length));
                break;
            case 4:
                bytes.RemoveRange(at, bytes.Count - at);
                break;
            case 5:
                var other = Pick(samples);
                var from = random.Next(other.Length + 1);
                bytes.InsertRange(at, other.AsSpan(from, random.Next(Math.Min(other.Length - from, 256) + 1)).ToArray());
                break;
            case 6:
                var token = Pick(Tokens);
                for (var times = random.Next(8) == 0 ? random.Next(200) : 1; times > 0; times--) bytes.InsertRange(at, token);
                break;
            default:
                bytes.InsertRange(at, System.Text.Encoding.ASCII.GetBytes(random.NextInt64(long.MinValue, long.MaxValue).ToString(CultureInfo.InvariantCulture)));
                break;
        }
    }

    private T Pick<T>(IReadOnlyList<T> from) => from[random.Next(from.Count)];
}
