using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Postern.Cli.Console;

namespace Postern.Cli.SignIn;

/// <summary>
/// Keeps sign-ins, one file per gateway, for their owner alone (folder 0700, files 0600). A file that others can read is
/// not used: whoever read it may be somebody else by now.
/// </summary>
/// <param name="stateFolder">The executable's XDG state folder, <c>$XDG_STATE_HOME/postern</c>.</param>
/// <param name="keychain">Where the secrets of those sign-ins are that were asked to be kept there.</param>
internal sealed class SignInStore(string stateFolder, Keychain? keychain = null)
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode OwnerFolder = OwnerOnly | UnixFileMode.UserExecute;
    private const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.General) { WriteIndented = true, AllowDuplicateProperties = false };

    private readonly string _folder = Path.Combine(stateFolder, "sign-ins");

    /// <summary>The store of whoever runs this process.</summary>
    public static SignInStore Of(Surroundings surroundings) => new(XdgFolders.State(surroundings), Keychain.Of(surroundings));

    /// <summary>Where the sign-in for a gateway is kept.</summary>
    public string PathFor(Uri gateway) =>
        Path.Combine(_folder, $"{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Name(gateway))).AsSpan(0, 16))}.json");

    /// <summary>The sign-in for a gateway, or null.</summary>
    /// <exception cref="SignInException">The file is unreadable, or readable by others.</exception>
    public StoredSignIn? Find(Uri gateway)
    {
        var path = PathFor(gateway);
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(file.SafeFileHandle) & Others) != UnixFileMode.None)
            {
                throw new SignInException($"others can read `{path}`; sign in again with `postern login` after `rm {path}`");
            }

            var stored = JsonSerializer.Deserialize<StoredSignIn>(file, Json);

            // a file that was moved here from another gateway must not send its token to this one
            if (stored is null || stored.Gateway != Name(gateway)) throw new SignInException($"`{path}` belongs to another gateway; sign in again with `postern login`");
            return stored.IsInKeychain ? WithSecrets(stored) : stored;
        }
        catch (Exception fault) when (fault is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception fault) when (fault is JsonException or UnauthorizedAccessException or IOException)
        {
            throw new SignInException($"`{path}` cannot be read; sign in again with `postern login`");
        }
    }

    /// <summary>Keeps a sign-in, in place of the one before; a crash leaves one of the two whole.</summary>
    public void Keep(StoredSignIn signIn)
    {
        EnsureFolder();
        if (signIn.IsInKeychain)
        {
            (keychain ?? throw new SignInException("the keychain that the sign-in was to be kept in is gone; sign in again with `postern login`")).Write(signIn.Gateway, JsonSerializer.Serialize(new Secrets(signIn.AccessToken, signIn.RefreshToken), Json));
            signIn = signIn with { AccessToken = string.Empty, RefreshToken = null };
        }
        var path = PathFor(new Uri(signIn.Gateway));
        var temporary = $"{path}.{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(6))}";
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.None };
        if (!OperatingSystem.IsWindows())
        {
            // with the file, not after it: there is no moment in which others can open it
            options.UnixCreateMode = OwnerOnly;
        }

        try
        {
            using (var file = new FileStream(temporary, options))
            {
                JsonSerializer.Serialize(file, signIn, Json);
                file.Flush(flushToDisk: true);
            }

            File.Move(temporary, path, overwrite: true);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    /// <summary>Forgets; false when there was nothing.</summary>
    public bool Forget(Uri gateway)
    {
        var path = PathFor(gateway);
        var existed = File.Exists(path);
        if (existed)
        {
            if (SaysKeychain(path))
            {
                keychain?.Delete(Name(gateway));
            }

            File.Delete(path);
        }

        return existed;
    }

    /// <summary>
    /// Keeps other processes of this person from refreshing at the same time: a refresh token is good once, and using it
    /// twice looks like theft to the issuer.
    /// </summary>
    public async Task<IDisposable> LockAsync(Uri gateway, TimeProvider clock, CancellationToken cancellationToken)
    {
        const int attempts = 200;
        var pause = TimeSpan.FromMilliseconds(50);
        EnsureFolder();
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return new FileStream($"{PathFor(gateway)}.lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (attempt < attempts)
            {
                await Task.Delay(pause, clock, cancellationToken);
            }
            catch (IOException)
            {
                throw new SignInException("another `postern` is signing in at the moment; try again");
            }
        }
    }

    /// <summary>How a gateway is written: no trailing slash.</summary>
    public static string Name(Uri gateway) => gateway.AbsoluteUri.TrimEnd('/');

    private StoredSignIn WithSecrets(StoredSignIn stored)
    {
        if (keychain is null) throw new SignInException("the sign-in is in a keychain that is not there any more; sign in again with `postern login`");
        return keychain.Read(stored.Gateway) is { } text && JsonSerializer.Deserialize<Secrets>(text, Json) is { Access.Length: > 0 } secrets
            ? stored with { AccessToken = secrets.Access, RefreshToken = secrets.Refresh }
            : throw new SignInException("the keychain does not have the sign-in any more; sign in again with `postern login`");
    }

    // A file that cannot be read says nothing; then only the file goes.
    private static bool SaysKeychain(string path)
    {
        try
        {
            return JsonSerializer.Deserialize<StoredSignIn>(File.ReadAllText(path), Json) is { IsInKeychain: true };
        }
        catch (Exception fault) when (fault is JsonException or IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private sealed record Secrets(string Access, string? Refresh);

    private void EnsureFolder()
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(_folder);
        }
        else
        {
            Directory.CreateDirectory(_folder, OwnerFolder);
        }
    }
}
