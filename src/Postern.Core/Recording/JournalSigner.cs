using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Postern.Core.Recording;

/// <summary>Signs checkpoints. A key that is read here, or a key service or another process behind it.</summary>
public interface IJournalSigner
{
    /// <summary>SHA-256 of the public key's SubjectPublicKeyInfo, in lower-case hex; written into every segment.</summary>
    string KeyId { get; }

    /// <summary>The public key as PEM, for offline verification.</summary>
    string PublicKeyPem { get; }

    /// <summary>ECDSA P-256 with SHA-256 over the bytes, in IEEE P1363 form (64 bytes).</summary>
    byte[] Sign(ReadOnlySpan<byte> content);
}

/// <summary>A P-256 key in this process.</summary>
public sealed class JournalSigner : IJournalSigner, IDisposable
{
    private readonly ECDsa _key;

    private JournalSigner(ECDsa key)
    {
        _key = key;
        KeyId = JournalPublicKey.IdOf(key);
        PublicKeyPem = key.ExportSubjectPublicKeyInfoPem();
    }

    /// <inheritdoc/>
    public string KeyId { get; }

    /// <inheritdoc/>
    public string PublicKeyPem { get; }

    /// <summary>A private key in PEM: PKCS #8 (RFC 5958) or SEC 1 (RFC 5915).</summary>
    /// <param name="pem">The text.</param>
    /// <param name="place">What the key is called in errors.</param>
    /// <exception cref="RecordingException">It is none, or of another kind.</exception>
    public static JournalSigner FromPem(string pem, string place)
    {
        var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(pem);
            // A public key is read as gladly; it only fails at the first signature.
            return Checked(key, key.ExportParameters(includePrivateParameters: true).D is not null, place);
        }
        catch (Exception fault) when (fault is CryptographicException or ArgumentException)
        {
            key.Dispose();
            throw new RecordingException($"{place} cannot be used: expected an ECDSA P-256 private key in PEM (`-----BEGIN PRIVATE KEY-----`)", fault);
        }
    }

    /// <summary>The private key of a PKCS #12 file (RFC 7292).</summary>
    /// <exception cref="RecordingException">There is none, it is of another kind, or the password is another.</exception>
    public static JournalSigner FromPkcs12(string path, string? password)
    {
        try
        {
            using var certificate = X509CertificateLoader.LoadPkcs12FromFile(path, password, X509KeyStorageFlags.EphemeralKeySet);
            if (certificate.GetECDsaPrivateKey() is { } key) return Checked(key, isPrivate: true, $"the signing key `{path}`");
            throw new RecordingException($"the signing key `{path}` holds no ECDSA private key; expected one on the curve P-256");
        }
        catch (Exception fault) when (fault is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new RecordingException($"the signing key `{path}` cannot be used: {fault.Message}; expected a PKCS #12 file, and its password", fault);
        }
    }

    /// <inheritdoc/>
    public byte[] Sign(ReadOnlySpan<byte> content) => _key.SignData(content, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);

    /// <inheritdoc/>
    public void Dispose() => _key.Dispose();

    private static JournalSigner Checked(ECDsa key, bool isPrivate, string place)
    {
        if (isPrivate && key.KeySize == 256) return new JournalSigner(key);
        var size = key.KeySize;
        key.Dispose();
        throw new RecordingException(isPrivate ? $"{place} has {size} bits; expected an ECDSA P-256 key" : $"{place} is a public key; expected the private one");
    }
}

/// <summary>The key that signs, and the one before it for as long as the journal still stands under that.</summary>
/// <param name="Current">Signs from now on.</param>
/// <param name="Previous">Vouches for <paramref name="Current"/> where the journal does not know it yet; null when there is none.</param>
public sealed record JournalSigners(IJournalSigner Current, IJournalSigner? Previous) : IDisposable
{
    /// <summary>The one with this id, or null.</summary>
    public IJournalSigner? For(string keyId) =>
        string.Equals(Current.KeyId, keyId, StringComparison.Ordinal) ? Current : Previous is { } previous && string.Equals(previous.KeyId, keyId, StringComparison.Ordinal) ? previous : null;

    /// <inheritdoc/>
    public void Dispose()
    {
        (Current as IDisposable)?.Dispose();
        (Previous as IDisposable)?.Dispose();
    }
}
