using Postern.Core.Yaml;

namespace Postern.Gateway.Storage;

/// <summary>
/// The folder of everything durable: readable by its owner only, used by one gateway at a time. Two writers of one journal
/// would each break the other's chain.
/// </summary>
internal sealed class DataFolder : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    /// <summary>What stands in the refusal of a folder that a gateway uses.</summary>
    public const string InUse = "another gateway uses it";

    private readonly FileStream _lock;

    private DataFolder(string path, FileStream held)
    {
        Path = path;
        _lock = held;
    }

    public string Path { get; }

    /// <exception cref="GatewayStartException">It cannot be used, is open to others, or another gateway uses it.</exception>
    public static DataFolder Open(string path)
    {
        try
        {
            if (OperatingSystem.IsWindows()) Directory.CreateDirectory(path);
            else
            {
                if (!Directory.Exists(path)) Directory.CreateDirectory(path, OwnerOnly);
                var writable = File.GetUnixFileMode(path) & Others & (UnixFileMode.GroupWrite | UnixFileMode.OtherWrite);
                if (writable != UnixFileMode.None) throw Refused(path, "other users may write into it; run `chmod go-w` on it");
            }
        }
        catch (Exception unusable) when (unusable is IOException or UnauthorizedAccessException)
        {
            throw Refused(path, $"it cannot be made or read ({(unusable is UnauthorizedAccessException ? "no permission" : "input or output error")})");
        }
        try
        {
            return new DataFolder(path, new FileStream(System.IO.Path.Combine(path, "postern.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException)
        {
            throw Refused(path, $"{InUse}; stop that one, or name another folder in `data`");
        }
        catch (UnauthorizedAccessException)
        {
            throw Refused(path, "no permission to write into it");
        }
    }

    public void Dispose() => _lock.Dispose();

    private static GatewayStartException Refused(string path, string why) => new([new SourceProblem("data", 0, 0, $"cannot use `{path}`: {why}")]);
}
