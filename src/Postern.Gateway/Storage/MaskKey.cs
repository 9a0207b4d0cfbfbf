using System.Security.Cryptography;
using Postern.Core.Yaml;

namespace Postern.Gateway.Storage;

/// <summary>The key of masks that hash: made once per data folder, so that equal values look equal here and nowhere else.</summary>
internal static class MaskKey
{
    private const int Bytes = 32;

    /// <exception cref="GatewayStartException">It cannot be read or written, or is not one of ours.</exception>
    public static byte[] ReadOrCreate(string folder)
    {
        var path = Path.Combine(folder, "mask.key");
        try
        {
            if (!File.Exists(path))
            {
                var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
                if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
                using var file = new FileStream(path, options);
                file.Write(RandomNumberGenerator.GetBytes(Bytes));
                file.Flush(flushToDisk: true);
            }
            var key = File.ReadAllBytes(path);
            return key.Length == Bytes ? key : throw new GatewayStartException([new SourceProblem(path, 0, 0, $"expected {Bytes} bytes, found {key.Length}; restore the file from a backup")]);
        }
        catch (Exception unusable) when (unusable is IOException or UnauthorizedAccessException)
        {
            throw new GatewayStartException([new SourceProblem(path, 0, 0, "the key of masks that hash cannot be read or written")]);
        }
    }
}
