using System.Buffers;
using System.Security.Cryptography;
using Postern.Core.Operations;

namespace Postern.Core.Recording;

/// <summary>
/// The digest of content in a record: up to <see cref="MostWhole"/> bytes its SHA-256; of longer content SHA-256 over the SHA-256 of each of its
/// pieces of <see cref="PieceBytes"/>, the last as long as is left. One message cannot be hashed quickly, the pieces of one can: side by side
/// (docs/decisions/0061). Wherever it stands the content's length stands under the same chain, so which of the two it is cannot be in doubt.
/// </summary>
internal static class ContentDigest
{
    /// <summary>The longest content that is hashed in one.</summary>
    public const int MostWhole = 16 * 1024;

    /// <summary>Bytes of a piece.</summary>
    public const int PieceBytes = 2 * 1024;

    // As many as there are lanes, each with its padding; they stay in the processor's cache.
    private const int Together = 16;

    [ThreadStatic]
    private static byte[]? s_memory;

    /// <summary>The digest of this content.</summary>
    public static Digest Of(ReadOnlySpan<byte> content) => Of(content, isProof: false);

    /// <summary>The same by the system's library alone, for whoever checks a journal (<see cref="JournalChain.IsProof"/>).</summary>
    public static Digest ByLibrary(ReadOnlySpan<byte> content) => Of(content, isProof: true);

    private static Digest Of(ReadOnlySpan<byte> content, bool isProof)
    {
        if (content.Length <= MostWhole) return Digest.Of(content);
        var length = (content.Length + PieceBytes - 1) / PieceBytes * Digest.Size;
        var digests = ArrayPool<byte>.Shared.Rent(length);
        var to = digests.AsSpan(0, length);
        if (isProof || !Sha256Lanes.IsSupported) OneByOne(content, to);
        else SideBySide(content, to);
        var digest = Digest.Of(to);
        ArrayPool<byte>.Shared.Return(digests);
        return digest;
    }

    private static void OneByOne(ReadOnlySpan<byte> content, Span<byte> to)
    {
        for (; !content.IsEmpty; to = to[Digest.Size..])
        {
            var length = Math.Min(PieceBytes, content.Length);
            SHA256.HashData(content[..length], to);
            content = content[length..];
        }
    }

    private static void SideBySide(ReadOnlySpan<byte> content, Span<byte> to)
    {
        const int from = Together * Digest.Size;
        var room = Sha256Lanes.PaddedLength(PieceBytes);
        var memory = s_memory ??= new byte[from + (Together * room)];
        Span<LaneMessage> pieces = stackalloc LaneMessage[Together];
        while (!content.IsEmpty)
        {
            var count = 0;
            for (var at = from; count < Together && !content.IsEmpty; at += room)
            {
                var length = Math.Min(PieceBytes, content.Length);
                content[..length].CopyTo(memory.AsSpan(at));
                Sha256Lanes.Pad(memory.AsSpan(at, Sha256Lanes.PaddedLength(length)), length);
                pieces[count] = new LaneMessage(at, length, count * Digest.Size);
                content = content[length..];
                count++;
            }
            Sha256Lanes.Hash(memory, pieces[..count]);
            memory.AsSpan(0, count * Digest.Size).CopyTo(to);
            to = to[(count * Digest.Size)..];
        }
        // What a caller was told stays nowhere where it is not needed.
        memory.AsSpan().Clear();
    }
}
