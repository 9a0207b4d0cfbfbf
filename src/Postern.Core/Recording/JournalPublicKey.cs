using System.Security.Cryptography;
using Postern.Core.Operations;

namespace Postern.Core.Recording;

/// <summary>The public half of a signing key, which is all that verification needs.</summary>
internal sealed class JournalPublicKey : IDisposable
{
    private readonly ECDsa _key;

    private JournalPublicKey(ECDsa key)
    {
        _key = key;
        KeyId = IdOf(key);
    }

    /// <summary>As in <see cref="IJournalSigner.KeyId"/>.</summary>
    public string KeyId { get; }

    /// <summary>SHA-256 of the SubjectPublicKeyInfo.</summary>
    public static string IdOf(ECDsa key) => Digest.Of(key.ExportSubjectPublicKeyInfo()).ToString();

    /// <summary>Reads a PEM public key.</summary>
    /// <exception cref="RecordingException">It is not an ECDSA P-256 public key.</exception>
    public static JournalPublicKey Read(ReadOnlySpan<char> pem)
    {
        var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(pem);
            return Checked(key);
        }
        catch (Exception fault) when (fault is ArgumentException or CryptographicException)
        {
            key.Dispose();
            throw new RecordingException("the public key cannot be read; expected an ECDSA P-256 key in PEM (`-----BEGIN PUBLIC KEY-----`)", fault);
        }
    }

    /// <summary>Reads a SubjectPublicKeyInfo (RFC 5280 section 4.1) in base64; null when it is none of an ECDSA P-256 key.</summary>
    public static JournalPublicKey? FromBase64(string text)
    {
        var key = ECDsa.Create();
        try
        {
            var info = Convert.FromBase64String(text);
            key.ImportSubjectPublicKeyInfo(info, out var read);
            if (read == info.Length) return Checked(key);
        }
        catch (Exception fault) when (fault is FormatException or CryptographicException or RecordingException)
        {
            // Whoever wrote it wrote something else.
        }
        key.Dispose();
        return null;
    }

    /// <summary>True when the signature is this key's over the content.</summary>
    public bool Verifies(ReadOnlySpan<byte> content, ReadOnlySpan<byte> signature) =>
        _key.VerifyData(content, signature, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);

    /// <summary>Releases the key.</summary>
    public void Dispose() => _key.Dispose();

    private static JournalPublicKey Checked(ECDsa key)
    {
        if (key.KeySize == 256) return new JournalPublicKey(key);
        var size = key.KeySize;
        key.Dispose();
        throw new RecordingException($"the public key has {size} bits; expected an ECDSA P-256 key in PEM");
    }
}
