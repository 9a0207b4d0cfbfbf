using System.Security.Cryptography;
using System.Text;
using Postern.Core.Approvals;

namespace Postern.Gateway.Approvals;

/// <summary>
/// Encrypts the requests that wait for people (G9) under a key of their own: <c>holds.key</c> in the data folder, 32 random bytes,
/// readable by its owner only. AES-256-GCM (NIST SP 800-38D) with a random nonce of 96 bits; bound to the hold's id and binding, so
/// that a request moved to another hold does not open.
/// </summary>
internal sealed class KeptRequests : IDisposable
{
    public const string KeyFile = "holds.key";

    private const int KeyBytes = 32;
    private const int NonceBytes = 12;
    private const int TagBytes = 16;
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly AesGcm _cipher;

    private KeptRequests(ReadOnlySpan<byte> key) => _cipher = new AesGcm(key, TagBytes);

    /// <summary>Reads the key, or makes it at the first start.</summary>
    /// <exception cref="InvalidDataException">The key cannot be used.</exception>
    public static KeptRequests Open(string folder)
    {
        var path = Path.Combine(folder, KeyFile);
        if (!File.Exists(path)) Create(path);
        if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(path) & ~OwnerOnly) != UnixFileMode.None)
        {
            throw new InvalidDataException($"the key `{path}` is open to other users; run `chmod 600` on it");
        }
        var key = File.ReadAllBytes(path);
        try
        {
            if (key.Length != KeyBytes) throw new InvalidDataException($"the key `{path}` has {key.Length} bytes, expected {KeyBytes}; restore it from a backup, or move it away and lose what waits for people");
            return new KeptRequests(key);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
        }
    }

    /// <summary>Nonce, tag and ciphertext.</summary>
    public byte[] Seal(Hold hold)
    {
        var kept = new byte[NonceBytes + TagBytes + hold.Request.Length];
        RandomNumberGenerator.Fill(kept.AsSpan(0, NonceBytes));
        _cipher.Encrypt(
            kept.AsSpan(0, NonceBytes), hold.Request.Span, kept.AsSpan(NonceBytes + TagBytes), kept.AsSpan(NonceBytes, TagBytes), Binding(hold.Id, hold.Binding.ToString()));
        return kept;
    }

    /// <summary>The request as it was asked.</summary>
    /// <exception cref="InvalidDataException">It was changed, or kept under another key: nobody may approve what nobody can read.</exception>
    public byte[] Open(string id, string binding, byte[] kept)
    {
        if (kept.Length < NonceBytes + TagBytes) throw Unreadable(id);
        var request = new byte[kept.Length - NonceBytes - TagBytes];
        try
        {
            _cipher.Decrypt(kept.AsSpan(0, NonceBytes), kept.AsSpan(NonceBytes + TagBytes), kept.AsSpan(NonceBytes, TagBytes), request, Binding(id, binding));
            return request;
        }
        catch (AuthenticationTagMismatchException)
        {
            throw Unreadable(id);
        }
    }

    public void Dispose() => _cipher.Dispose();

    private static byte[] Binding(string id, string binding) => Encoding.UTF8.GetBytes($"postern kept request 1\n{id}\n{binding}\n");

    private static InvalidDataException Unreadable(string id) => new($"the request kept with hold `{id}` was changed, or kept under another key; it cannot be shown, so it cannot be approved");

    private static void Create(string path)
    {
        var draft = path + ".new";
        File.Delete(draft);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = OwnerOnly;
        using (var file = new FileStream(draft, options))
        {
            file.Write(RandomNumberGenerator.GetBytes(KeyBytes));
            file.Flush(flushToDisk: true);
        }
        File.Move(draft, path);
        Core.Recording.FolderStorage.FlushNames(Path.GetDirectoryName(Path.GetFullPath(path))!);
    }
}
