using System.Security.Cryptography;
using Postern.Core.Recording;
using Postern.Core.Yaml;

namespace Postern.Gateway.Storage;

/// <summary>A secret of the data folder: made once from the system's random source, readable by its owner only.</summary>
internal static class FolderKey
{
    /// <summary>Reads the key of this name, or makes it at the first start.</summary>
    /// <exception cref="GatewayStartException">It cannot be read or written, or is not one of ours.</exception>
    public static byte[] ReadOrCreate(string folder, string name, int bytes)
    {
        var path = Path.Combine(folder, name);
        try
        {
            if (!File.Exists(path)) Create(path, bytes);
            var key = File.ReadAllBytes(path);
            return key.Length == bytes ? key : throw new GatewayStartException([new SourceProblem(path, 0, 0, $"expected {bytes} bytes, found {key.Length}; restore the file from a backup")]);
        }
        catch (Exception unusable) when (unusable is IOException or UnauthorizedAccessException)
        {
            throw new GatewayStartException([new SourceProblem(path, 0, 0, "the key cannot be read or written")]);
        }
    }

    private static void Create(string path, int bytes)
    {
        // Under another name until it is whole and on the disk: a crash must not leave half a key.
        var draft = path + ".new";
        File.Delete(draft);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using (var file = new FileStream(draft, options))
        {
            file.Write(RandomNumberGenerator.GetBytes(bytes));
            file.Flush(flushToDisk: true);
        }
        File.Move(draft, path);
        FolderStorage.FlushNames(Path.GetDirectoryName(Path.GetFullPath(path))!);
    }
}
