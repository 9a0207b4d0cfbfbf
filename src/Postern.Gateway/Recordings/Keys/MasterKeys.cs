using System.Text;
using Postern.Core.Recording;
using Postern.Gateway.Configuration;
using Postern.Gateway.Storage;

namespace Postern.Gateway.Recordings.Keys;

/// <summary>The key that wraps from now on, and one that earlier data keys may be wrapped with.</summary>
internal sealed record MasterKeyPair(MasterKey Current, MasterKey? Previous) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose()
    {
        Current.Dispose();
        Previous?.Dispose();
    }
}

/// <summary>
/// Where the master key comes from: a file, a value, or <c>master.key</c> in the data folder, which is made at the first start. As the journal's
/// signing key: the gateway never keeps one that it was given.
/// </summary>
internal static class MasterKeys
{
    /// <summary>The gateway's own.</summary>
    public const string OwnName = "master.key";

    /// <summary>The one before, until everything is wrapped by the new one.</summary>
    public const string PreviousName = "master.previous.key";

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>Reads the keys; makes the gateway's own where there is none and nothing was wrapped yet.</summary>
    /// <exception cref="RecordingException">A key is missing, unreadable, of the wrong kind or open to others.</exception>
    public static MasterKeyPair Open(MasterKeyOptions? options, string folder, bool mayCreate)
    {
        if (options is not null)
        {
            return new MasterKeyPair(Given(options), options.PreviousFile is { } before && File.Exists(before) ? FromFile(before) : null);
        }
        var (own, previous) = (Path.Combine(folder, OwnName), Path.Combine(folder, PreviousName));
        Undo(own, previous);
        if (!File.Exists(own))
        {
            if (!mayCreate) throw new RecordingException($"the master key `{own}` is gone, and the data keys beside it are wrapped with it; put the key back: without it nothing recorded can be read");
            try
            {
                FolderKey.ReadOrCreate(folder, OwnName, MasterKey.Bytes);
            }
            catch (GatewayStartException unusable)
            {
                throw new RecordingException(unusable.Problems[0].Message, unusable);
            }
        }
        return new MasterKeyPair(FromFile(own), File.Exists(previous) ? FromFile(previous) : null);
    }

    /// <summary>The key that a configuration names: the one reading of it, for the gateway and for whoever reads its folder beside it.</summary>
    /// <exception cref="RecordingException">It is missing, unreadable, of the wrong kind or open to others.</exception>
    public static MasterKey Given(MasterKeyOptions options) => options.File is { } file
        ? FromFile(file)
        : options.Value is { Length: > 0 } value
            ? MasterKey.Read(Encoding.ASCII.GetBytes(value), "the configured master key (`record.masterKey.value`)")
            : throw new RecordingException($"no master key is given; expected {MasterKey.Bytes} random bytes by `record.masterKey.file`, or by `record.masterKey.value`, which the environment gives as `POSTERN__RECORD__MASTERKEY__VALUE`");

    /// <summary>Everything is wrapped by the current key: the gateway's own one before is of no more use, and a danger.</summary>
    public static void Passed(MasterKeyOptions? options, string folder)
    {
        if (options is null) File.Delete(Path.Combine(folder, PreviousName));
    }

    /// <summary>Makes a new master key of the gateway's own, and keeps the one before until the next start has wrapped everything anew.</summary>
    /// <exception cref="RecordingException">There is none, or the last change is not done yet.</exception>
    public static string Replace(string folder)
    {
        var (own, previous) = (Path.Combine(folder, OwnName), Path.Combine(folder, PreviousName));
        try
        {
            Undo(own, previous);
            if (!File.Exists(own)) throw new RecordingException($"`{folder}` holds no master key; expected the data folder of a gateway that ran at least once, without `record.masterKey`");
            if (File.Exists(previous)) throw new RecordingException("the master key was replaced before and the data keys are not wrapped by it yet; start the gateway once");
            // A crash in between leaves the folder without a key and with the one before, which is undone by whoever looks next.
            File.Move(own, previous);
            FolderKey.ReadOrCreate(folder, OwnName, MasterKey.Bytes);
            using var made = FromFile(own);
            return made.Id;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or GatewayStartException)
        {
            throw new RecordingException($"the master key `{own}` cannot be replaced: {fault.Message}", fault);
        }
    }

    /// <summary>A key in a file that its owner alone can read.</summary>
    /// <exception cref="RecordingException">It cannot be read, is none, or is open to others.</exception>
    public static MasterKey FromFile(string path)
    {
        try
        {
            if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(path) & ~OwnerOnly) != UnixFileMode.None) throw new RecordingException($"the master key `{path}` is open to other users; run `chmod 600` on it");
            return MasterKey.Read(File.ReadAllBytes(path), $"`{path}`");
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new RecordingException($"the master key `{path}` cannot be used: {fault.Message}", fault);
        }
    }

    private static void Undo(string own, string previous)
    {
        if (!File.Exists(own) && File.Exists(previous)) File.Move(previous, own);
    }
}
