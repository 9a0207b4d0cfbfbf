using System.IO.Compression;

namespace Postern.Protocols.HttpData;

/// <summary>Undoes one content coding (RFC 9110 section 8.4.1) under a cap on size and on ratio, so that a small body cannot become a large one (attack H16).</summary>
internal static class ContentCoding
{
    /// <summary>Most bytes that one encoded byte may become, beyond the first few.</summary>
    public const int MaxRatio = 200;

    private const int FreeBytes = 64 * 1024;

    /// <summary>The body as it is meant.</summary>
    /// <exception cref="FormatException">The coding is not known, stands twice, is not what it says, or opens to too much.</exception>
    public static ReadOnlyMemory<byte> Decode(ReadOnlyMemory<byte> body, string? coding, int most)
    {
        coding = coding?.Trim().ToLowerInvariant();
        if (coding is null or "" or "identity" || body.IsEmpty) return body;
        var limit = (int)Math.Min(most, FreeBytes + ((long)body.Length * MaxRatio));
        try
        {
            var source = new MemoryStream(body.ToArray(), writable: false);
            using Stream decoder = coding switch
            {
                "gzip" or "x-gzip" => new GZipStream(source, CompressionMode.Decompress),
                "br" => new BrotliStream(source, CompressionMode.Decompress),
                // RFC 9110 means the zlib format; some servers send it without its frame.
                "deflate" => IsZlib(body.Span) ? new ZLibStream(source, CompressionMode.Decompress) : new DeflateStream(source, CompressionMode.Decompress),
                _ => throw new FormatException("its content coding is none that is read here"),
            };
            var output = new MemoryStream();
            var buffer = new byte[16 * 1024];
            int read;
            while ((read = decoder.Read(buffer)) > 0)
            {
                if (output.Length + read > limit) throw new FormatException("it opens to more than is read");
                output.Write(buffer, 0, read);
            }
            return output.GetBuffer().AsMemory(0, (int)output.Length);
        }
        catch (Exception broken) when (broken is InvalidDataException or InvalidOperationException or IOException)
        {
            throw new FormatException("it is not in the coding that it says", broken);
        }
    }

    private static bool IsZlib(ReadOnlySpan<byte> body) => body.Length >= 2 && (body[0] & 0x0f) == 8 && ((body[0] << 8) | body[1]) % 31 == 0;
}
