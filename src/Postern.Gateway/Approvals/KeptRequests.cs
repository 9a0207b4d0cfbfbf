using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Postern.Core.Approvals;
using Postern.Core.Sealing;

namespace Postern.Gateway.Approvals;

/// <summary>
/// Encrypts the requests that wait for people (G9) under a key of their own: <c>holds.key</c> in the data folder, 32 random bytes,
/// readable by its owner only. Bound to the hold's id and binding, so that a request moved to another hold does not open.
/// </summary>
internal sealed class KeptRequests
{
    public const string KeyFile = "holds.key";

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private const string AloneForm = "1";
    private const string BothForm = "2";

    private readonly byte[] _key;

    private KeptRequests(byte[] key) => _key = key;

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
        if (key.Length != SealedBox.KeyBytes) throw new InvalidDataException($"the key `{path}` has {key.Length} bytes, expected {SealedBox.KeyBytes}; restore it from a backup, or move it away and lose what waits for people");
        return new KeptRequests(key);
    }

    /// <summary>The request, and what it would change, in one box.</summary>
    public byte[] Seal(Hold hold)
    {
        if (hold.Foreseen.IsEmpty) return SealedBox.Seal(_key, hold.Request.Span, Binding(hold.Id, hold.Binding.ToString(), AloneForm));
        var both = new byte[sizeof(int) + hold.Request.Length + hold.Foreseen.Length];
        BinaryPrimitives.WriteInt32BigEndian(both, hold.Request.Length);
        hold.Request.CopyTo(both.AsMemory(sizeof(int)));
        hold.Foreseen.CopyTo(both.AsMemory(sizeof(int) + hold.Request.Length));
        return SealedBox.Seal(_key, both, Binding(hold.Id, hold.Binding.ToString(), BothForm));
    }

    /// <summary>The request as it was asked, and what it would change.</summary>
    /// <exception cref="InvalidDataException">It was changed, or kept under another key: nobody may approve what nobody can read.</exception>
    public (ReadOnlyMemory<byte> Request, ReadOnlyMemory<byte> Foreseen) Open(string id, string binding, byte[] kept)
    {
        // The form is part of what the seal is bound to, so that one cannot be read as the other.
        if (SealedBox.Open(_key, kept, Binding(id, binding, AloneForm)) is { } alone) return (alone, default);
        if (SealedBox.Open(_key, kept, Binding(id, binding, BothForm)) is { Length: >= sizeof(int) } both && BinaryPrimitives.ReadInt32BigEndian(both) is >= 0 and var length && length <= both.Length - sizeof(int))
            return (both.AsMemory(sizeof(int), length), both.AsMemory(sizeof(int) + length));
        throw new InvalidDataException($"the request kept with hold `{id}` was changed, or kept under another key; it cannot be shown, so it cannot be approved");
    }

    private static byte[] Binding(string id, string binding, string form) => Encoding.UTF8.GetBytes($"postern kept request {form}\n{id}\n{binding}\n");

    private static void Create(string path)
    {
        var draft = path + ".new";
        File.Delete(draft);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = OwnerOnly;
        using (var file = new FileStream(draft, options))
        {
            file.Write(RandomNumberGenerator.GetBytes(SealedBox.KeyBytes));
            file.Flush(flushToDisk: true);
        }
        File.Move(draft, path);
        Core.Recording.FolderStorage.FlushNames(Path.GetDirectoryName(Path.GetFullPath(path))!);
    }
}
