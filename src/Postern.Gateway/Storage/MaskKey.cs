namespace Postern.Gateway.Storage;

/// <summary>The key of masks that hash: made once per data folder, so that equal values look equal here and nowhere else.</summary>
internal static class MaskKey
{
    private const int Bytes = 32;

    /// <exception cref="GatewayStartException">It cannot be read or written, or is not one of ours.</exception>
    public static byte[] ReadOrCreate(string folder) => FolderKey.ReadOrCreate(folder, "mask.key", Bytes);
}
