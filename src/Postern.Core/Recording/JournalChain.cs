using System.Security.Cryptography;
using Postern.Core.Operations;

namespace Postern.Core.Recording;

/// <summary>
/// The hash chain over the bytes as stored: each value is SHA-256 over the value before it, the record's head and JSON, and the
/// SHA-256 of its content where it has any. Content is thus hashed once, by its producer, and not again by the one writer. A
/// segment's header record is taken together with the file's prefix, so that every stored byte is under the chain.
/// </summary>
internal sealed class JournalChain : IDisposable
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly byte[] _value = new byte[Digest.Size];

    /// <summary>The value after the last record; 32 zero bytes before the first.</summary>
    public Digest Value
    {
        get => new(_value);
        set => value.CopyTo(_value);
    }

    /// <summary>Takes the next record: head and JSON, with a header's prefix, and the digest of its content, if it has any.</summary>
    public void Add(ReadOnlySpan<byte> headAndJson, Digest? content)
    {
        _hash.AppendData(_value);
        _hash.AppendData(headAndJson);
        if (content is { } digest)
        {
            Span<byte> bytes = stackalloc byte[Digest.Size];
            digest.CopyTo(bytes);
            _hash.AppendData(bytes);
        }
        _hash.GetHashAndReset(_value);
    }

    /// <summary>Releases the hash.</summary>
    public void Dispose() => _hash.Dispose();
}
