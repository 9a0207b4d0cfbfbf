using System.Security.Cryptography;
using Postern.Core.Operations;

namespace Postern.Core.Recording;

/// <summary>
/// The hash chain over the bytes as stored. A link is SHA-256 over the link before it and, of each record since, its head and JSON, and
/// the SHA-256 of its content where it has any. Content is thus hashed once, by its producer, and not again by the one writer. Links are
/// made where one is written down, for a checkpoint or a header, and nowhere else: in between one hash runs on
/// (docs/decisions/0026). A segment's header record is taken together with the file's prefix, so that every stored byte is under the chain.
/// </summary>
internal sealed class JournalChain : IDisposable
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly byte[] _link = new byte[Digest.Size];
    private bool _hasRecords;

    /// <summary>Goes on behind a link; a chain that is new goes on behind 32 zero bytes.</summary>
    public void Begin(Digest link)
    {
        if (_hasRecords) throw new InvalidOperationException("records stand behind the last link already");
        link.CopyTo(_link);
    }

    /// <summary>Takes the next record: head and JSON, with a header's prefix, and the digest of its content, if it has any.</summary>
    public void Add(ReadOnlySpan<byte> headAndJson, Digest? content)
    {
        if (!_hasRecords) _hash.AppendData(_link);
        _hasRecords = true;
        _hash.AppendData(headAndJson);
        if (content is not { } digest) return;
        Span<byte> bytes = stackalloc byte[Digest.Size];
        digest.CopyTo(bytes);
        _hash.AppendData(bytes);
    }

    /// <summary>Closes the link over everything taken so far, and begins the next. Where nothing was taken since the last link, it is that one.</summary>
    public Digest Link()
    {
        if (_hasRecords) _hash.GetHashAndReset(_link);
        _hasRecords = false;
        return new Digest(_link);
    }

    /// <summary>Releases the hash.</summary>
    public void Dispose() => _hash.Dispose();
}
