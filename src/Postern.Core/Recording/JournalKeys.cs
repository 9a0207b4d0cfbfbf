using System.Security.Cryptography;
using System.Text;

namespace Postern.Core.Recording;

/// <summary>Where the signing key comes from, when it is not the one in the data folder. One of the first three is given.</summary>
public sealed record JournalKeyOptions
{
    /// <summary>A private key in PEM, readable by its owner only.</summary>
    public string? File { get; init; }

    /// <summary>The PEM itself.</summary>
    public string? Pem { get; init; }

    /// <summary>A PKCS #12 file.</summary>
    public string? Pkcs12 { get; init; }

    /// <summary>Its password.</summary>
    public string? Password { get; init; }

    /// <summary>The private key before it, in PEM, to vouch for it once.</summary>
    public string? PreviousFile { get; init; }
}

/// <summary>
/// The signing key's files. Without other settings the key is <c>journal.key.pem</c> (PKCS #8, RFC 5958, readable by its owner only) in the data
/// folder; beside it stands <c>journal.pub.pem</c> for those who verify, with every public key that the journal was ever signed with, oldest first.
/// </summary>
public static class JournalKeys
{
    /// <summary>Name of the private key's file.</summary>
    public const string KeyFile = "journal.key.pem";

    /// <summary>Name of the file of the key before, which is there until the journal has passed to the new one.</summary>
    public const string PreviousFile = "journal.key.previous.pem";

    /// <summary>Name of the public keys' file.</summary>
    public const string PublicKeyFile = "journal.pub.pem";

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>The file of the key that signs; null when it is in none.</summary>
    public static string? FileOf(RecorderOptions options) => options.Key is not { } key ? Path.Combine(options.DataFolder, KeyFile) : key.File ?? key.Pkcs12;

    /// <summary>Reads the keys, or makes one in the data folder when there is none and <paramref name="mayCreate"/> says that no journal needs an older one.</summary>
    /// <exception cref="RecordingException">A key is missing, unreadable, of the wrong kind or open to others.</exception>
    public static JournalSigners Open(RecorderOptions options, bool mayCreate)
    {
        var previous = options.Key is { } configured ? configured.PreviousFile : Path.Combine(options.DataFolder, PreviousFile);
        var current = OpenCurrent(options, mayCreate);
        try
        {
            return new JournalSigners(current, previous is not null && File.Exists(previous) ? FromFile(previous) : null);
        }
        catch
        {
            current.Dispose();
            throw;
        }
    }

    /// <summary>The key that signs from now on.</summary>
    /// <exception cref="RecordingException">As in <see cref="Open"/>.</exception>
    public static JournalSigner OpenCurrent(RecorderOptions options, bool mayCreate = false) => options.Key switch
    {
        null => OpenOwn(options.DataFolder, mayCreate),
        { File: { } file } => FromFile(file),
        { Pkcs12: { } file } key => JournalSigner.FromPkcs12(file, key.Password),
        { Pem: { } pem } => JournalSigner.FromPem(pem, "the configured signing key"),
        _ => throw new RecordingException("a signing key is configured without a place; expected a file, a value or a PKCS #12 file"),
    };

    /// <summary>The journal has passed to the key that signs: the one before is of no more use, and a danger.</summary>
    public static void Passed(RecorderOptions options)
    {
        if (options.Key is null) File.Delete(Path.Combine(options.DataFolder, PreviousFile));
    }

    /// <summary>
    /// Makes a new key in a data folder and keeps the one before, which vouches for it: at once when a gateway runs there, else at its next start.
    /// </summary>
    /// <returns>Id of the new key.</returns>
    /// <exception cref="RecordingException">There is no key, or the last change is not done yet.</exception>
    public static string Replace(string folder)
    {
        var (path, before) = (Path.Combine(folder, KeyFile), Path.Combine(folder, PreviousFile));
        try
        {
            Undo(path, before);
            if (!File.Exists(path)) throw new RecordingException($"`{folder}` holds no signing key; expected the data folder of a gateway that ran at least once");
            if (File.Exists(before)) throw new RecordingException($"the key was replaced before and the journal has not passed to it yet; start the gateway once, or wait some seconds while it runs");
            var draft = Draft(path);
            // A crash between these two leaves the folder without a key and with the one before, which is undone by whoever looks next.
            File.Move(path, before);
            File.Move(draft, path);
            FolderStorage.FlushNames(folder);
            using var signer = FromFile(path);
            return signer.KeyId;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new RecordingException($"the signing key `{path}` cannot be replaced: {fault.Message}", fault);
        }
    }

    /// <summary>Writes a public key behind those that stand in the file already.</summary>
    internal static void Publish(string folder, IJournalSigner signer)
    {
        var file = Path.Combine(folder, PublicKeyFile);
        try
        {
            var known = File.Exists(file) ? File.ReadAllText(file).Trim() : "";
            if (known.Contains(signer.PublicKeyPem.Trim(), StringComparison.Ordinal)) return;
            File.WriteAllText(file, known.Length == 0 ? signer.PublicKeyPem + "\n" : $"{known}\n{signer.PublicKeyPem}\n");
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new RecordingException($"the public keys `{file}` cannot be written: {fault.Message}", fault);
        }
    }

    /// <summary>The public keys that stand beside a journal, so that a start can read what an earlier key signed.</summary>
    internal static string Published(string folder)
    {
        var file = Path.Combine(folder, PublicKeyFile);
        return File.Exists(file) ? File.ReadAllText(file) : "";
    }

    private static JournalSigner OpenOwn(string folder, bool mayCreate)
    {
        var path = Path.Combine(folder, KeyFile);
        try
        {
            Undo(path, Path.Combine(folder, PreviousFile));
            if (!File.Exists(path))
            {
                if (!mayCreate) throw new RecordingException($"the signing key `{path}` is gone, but the journal beside it was signed with it; put the key back, or move the journal away to begin a new one");
                Directory.CreateDirectory(folder);
                File.Move(Draft(path), path);
                // Before anything is signed with it: a journal whose key is lost cannot go on.
                FolderStorage.FlushNames(folder);
            }
            return FromFile(path);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new RecordingException($"the signing key `{path}` cannot be used: {fault.Message}", fault);
        }
    }

    private static JournalSigner FromFile(string path)
    {
        try
        {
            if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(path) & ~(OwnerOnly | UnixFileMode.UserExecute)) != UnixFileMode.None)
            {
                throw new RecordingException($"the signing key `{path}` is open to other users; run `chmod 600` on it");
            }
            return JournalSigner.FromPem(File.ReadAllText(path), $"the signing key `{path}`");
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new RecordingException($"the signing key `{path}` cannot be used: {fault.Message}", fault);
        }
    }

    private static void Undo(string path, string before)
    {
        if (!File.Exists(path) && File.Exists(before)) File.Move(before, path);
    }

    // Written whole under another name first: a crash in between must not leave half a key.
    private static string Draft(string path)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var draft = path + ".new";
        File.Delete(draft);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = OwnerOnly;
        using var file = new FileStream(draft, options);
        file.Write(Encoding.ASCII.GetBytes(key.ExportPkcs8PrivateKeyPem() + "\n"));
        file.Flush(flushToDisk: true);
        return draft;
    }
}
