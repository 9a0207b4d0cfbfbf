using System.Buffers.Binary;
using System.Text;

namespace Postern.Protocols.Kubernetes.Wire.Spdy;

/// <summary>The headers of a stream: names in lower case, each once, each with one value of visible characters (SPDY draft 3.1, section 2.6.10).</summary>
internal static class SpdyHeaders
{
    /// <summary>Headers that a stream may have.</summary>
    public const int MaxCount = 16;

    /// <summary>Longest name, and longest value.</summary>
    public const int MaxText = 256;

    /// <summary>Reads a block that was decompressed.</summary>
    /// <exception cref="FormatException">It cannot be read in exactly one way.</exception>
    public static Dictionary<string, string> Read(ReadOnlySpan<byte> block)
    {
        var count = TakeCount(ref block);
        if (count > MaxCount) throw new FormatException($"a stream has more than {MaxCount} headers");
        var headers = new Dictionary<string, string>((int)count, StringComparer.Ordinal);
        for (var i = 0; i < count; i++)
        {
            var name = TakeText(ref block);
            var value = TakeText(ref block);
            if (name.Length == 0 || !name.All(letter => letter is >= 'a' and <= 'z' or >= '0' and <= '9' or '-')) throw new FormatException("a header's name is not in lower case, or none");
            if (!headers.TryAdd(name, value)) throw new FormatException($"the header `{name}` stands there twice");
        }
        if (!block.IsEmpty) throw new FormatException("something follows the headers of a stream");
        return headers;
    }

    private static uint TakeCount(ref ReadOnlySpan<byte> block)
    {
        if (block.Length < 4) throw new FormatException("the headers of a stream break off");
        var count = BinaryPrimitives.ReadUInt32BigEndian(block);
        block = block[4..];
        return count;
    }

    private static string TakeText(ref ReadOnlySpan<byte> block)
    {
        var length = TakeCount(ref block);
        if (length > MaxText) throw new FormatException($"a header is longer than {MaxText} bytes");
        if (length > block.Length) throw new FormatException("the headers of a stream break off");
        var text = block[..(int)length];
        // NUL would stand between several values.
        if (text.ContainsAnyExceptInRange((byte)' ', (byte)'~')) throw new FormatException("a header holds several values, or what is not visible");
        block = block[(int)length..];
        return Encoding.ASCII.GetString(text);
    }
}
