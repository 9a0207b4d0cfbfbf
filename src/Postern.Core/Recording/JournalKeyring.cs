using System.Security.Cryptography;

namespace Postern.Core.Recording;

/// <summary>The public keys that a reader of a journal trusts from elsewhere. Immutable.</summary>
internal sealed class JournalKeyring : IDisposable
{
    private readonly Dictionary<string, JournalPublicKey> _keys = new(StringComparer.Ordinal);

    /// <summary>Reads one or more public keys in PEM, one after another.</summary>
    /// <exception cref="RecordingException">There is none, or one is not an ECDSA P-256 public key.</exception>
    public static JournalKeyring Read(string pem)
    {
        var ring = new JournalKeyring();
        try
        {
            var rest = pem.AsSpan();
            while (PemEncoding.TryFind(rest, out var fields))
            {
                ring.Add(JournalPublicKey.Read(rest[fields.Location]));
                rest = rest[fields.Location.End..];
            }
            // Says what was expected, where there was nothing.
            if (ring._keys.Count == 0) ring.Add(JournalPublicKey.Read(pem));
            return ring;
        }
        catch
        {
            ring.Dispose();
            throw;
        }
    }

    /// <summary>The key with this id, or null.</summary>
    public JournalPublicKey? Find(string keyId) => _keys.GetValueOrDefault(keyId);

    /// <summary>The ids, for errors.</summary>
    public string Names => string.Join(", ", _keys.Keys);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var key in _keys.Values) key.Dispose();
    }

    private void Add(JournalPublicKey key)
    {
        if (!_keys.TryAdd(key.KeyId, key)) key.Dispose();
    }
}
