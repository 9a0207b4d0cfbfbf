using System.Security.Cryptography;
using Postern.Core.Operations;

namespace Postern.Core.Recording;

/// <summary>Signs checkpoints. A key file today; a key service or another process can stand behind it.</summary>
public interface IJournalSigner
{
    /// <summary>SHA-256 of the public key's SubjectPublicKeyInfo, in lower-case hex; written into every segment.</summary>
    string KeyId { get; }

    /// <summary>The public key as PEM, for offline verification.</summary>
    string PublicKeyPem { get; }

    /// <summary>ECDSA P-256 with SHA-256 over the bytes, in IEEE P1363 form (64 bytes).</summary>
    byte[] Sign(ReadOnlySpan<byte> content);
}

/// <summary>
/// A P-256 key in the data folder: <c>journal.key.pem</c> (PKCS #8, RFC 5958, readable by its owner only) and beside it
/// <c>journal.pub.pem</c> for those who verify.
/// </summary>
public sealed class FileJournalSigner : IJournalSigner, IDisposable
{
    /// <summary>Name of the private key's file.</summary>
    public const string KeyFile = "journal.key.pem";

    /// <summary>Name of the public key's file.</summary>
    public const string PublicKeyFile = "journal.pub.pem";

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly ECDsa _key;

    private FileJournalSigner(ECDsa key)
    {
        _key = key;
        KeyId = JournalPublicKey.IdOf(key);
        PublicKeyPem = key.ExportSubjectPublicKeyInfoPem();
    }

    /// <inheritdoc/>
    public string KeyId { get; }

    /// <inheritdoc/>
    public string PublicKeyPem { get; }

    /// <summary>Reads the key, or makes one when there is none and <paramref name="mayCreate"/> says that no journal needs an older one.</summary>
    /// <exception cref="RecordingException">The key is missing, unreadable, of the wrong kind or open to others.</exception>
    public static FileJournalSigner OpenOrCreate(string folder, bool mayCreate)
    {
        var path = Path.Combine(folder, KeyFile);
        try
        {
            if (!File.Exists(path))
            {
                if (!mayCreate) throw new RecordingException($"the signing key `{path}` is gone, but the journal beside it was signed with it; put the key back, or move the journal away to begin a new one");
                Create(folder, path);
            }
            if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(path) & ~(OwnerOnly | UnixFileMode.UserExecute)) != UnixFileMode.None)
            {
                throw new RecordingException($"the signing key `{path}` is open to other users; run `chmod 600` on it");
            }
            var key = ECDsa.Create();
            key.ImportFromPem(File.ReadAllText(path));
            if (key.KeySize != 256) throw new RecordingException($"the signing key `{path}` has {key.KeySize} bits; expected an ECDSA P-256 key");
            var signer = new FileJournalSigner(key);
            var beside = Path.Combine(folder, PublicKeyFile);
            if (!File.Exists(beside) || !string.Equals(File.ReadAllText(beside).Trim(), signer.PublicKeyPem, StringComparison.Ordinal))
            {
                File.WriteAllText(beside, signer.PublicKeyPem + "\n");
            }
            return signer;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            throw new RecordingException($"the signing key `{path}` cannot be used: {fault.Message}", fault);
        }
    }

    /// <inheritdoc/>
    public byte[] Sign(ReadOnlySpan<byte> content) => _key.SignData(content, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);

    /// <inheritdoc/>
    public void Dispose() => _key.Dispose();

    private static void Create(string folder, string path)
    {
        Directory.CreateDirectory(folder);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        // Written whole under another name first: a crash in between must not leave half a key.
        var draft = path + ".new";
        File.Delete(draft);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = OwnerOnly;
        using (var file = new FileStream(draft, options))
        {
            file.Write(System.Text.Encoding.ASCII.GetBytes(key.ExportPkcs8PrivateKeyPem() + "\n"));
            file.Flush(flushToDisk: true);
        }
        File.Move(draft, path);
        // Before anything is signed with it: a journal whose key is lost cannot go on.
        FolderStorage.FlushNames(folder);
    }
}

/// <summary>The public half, which is all that verification needs.</summary>
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
    public static JournalPublicKey Read(string pem)
    {
        var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(pem);
            if (key.KeySize != 256) throw new RecordingException($"the public key has {key.KeySize} bits; expected an ECDSA P-256 key in PEM");
            return new JournalPublicKey(key);
        }
        catch (Exception fault) when (fault is ArgumentException or CryptographicException)
        {
            key.Dispose();
            throw new RecordingException("the public key cannot be read; expected an ECDSA P-256 key in PEM (`-----BEGIN PUBLIC KEY-----`)", fault);
        }
    }

    /// <summary>True when the signature is this key's over the content.</summary>
    public bool Verifies(ReadOnlySpan<byte> content, ReadOnlySpan<byte> signature) =>
        _key.VerifyData(content, signature, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);

    /// <summary>Releases the key.</summary>
    public void Dispose() => _key.Dispose();
}
