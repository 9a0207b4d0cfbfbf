using System.Security.Cryptography;
using Postern.Core.Operations;

namespace Postern.Core.Recording;

/// <summary>
/// The hash chain over the bytes as stored: each value is SHA-256 over the value before it and the record's bytes. A
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

    /// <summary>Takes the next record's bytes.</summary>
    public void Add(ReadOnlySpan<byte> record)
    {
        _hash.AppendData(_value);
        _hash.AppendData(record);
        _hash.GetHashAndReset(_value);
    }

    /// <summary>Releases the hash.</summary>
    public void Dispose() => _hash.Dispose();
}
