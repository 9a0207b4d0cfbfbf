using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Postern.Core.Recording;

/// <summary>Segment files in one folder of a local disk, readable by the owner only.</summary>
public sealed class FolderStorage : IJournalStorage
{
    private readonly FileStream? _lock;
    private readonly IReadOnlyList<string>? _only;

    private FolderStorage(string folder, FileStream? held, IReadOnlyList<string>? only)
    {
        Name = folder;
        _lock = held;
        _only = only;
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <summary>Opens a folder for reading, whoever writes to it; all of it, or only the files named.</summary>
    public static FolderStorage ForReading(string folder, IReadOnlyList<string>? only = null) => new(folder, held: null, only);

    /// <summary>Opens, or creates, a folder for the one writer.</summary>
    /// <exception cref="RecordingException">Another process writes there, or the folder cannot be used.</exception>
    public static FolderStorage ForWriting(string folder)
    {
        try
        {
            var isNew = !Directory.Exists(folder);
            if (OperatingSystem.IsWindows()) Directory.CreateDirectory(folder);
            else Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            if (isNew && Path.GetDirectoryName(Path.GetFullPath(folder)) is { } parent) FlushNames(parent);
            // Held for as long as the process lives; the operating system lets go of it when the process is killed.
            var held = new FileStream(Path.Combine(folder, "journal.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            return new FolderStorage(folder, held, only: null);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new RecordingException($"the journal folder `{folder}` cannot be opened for writing: {fault.Message}; is another gateway using it?", fault);
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> List() => _only is not null ? _only : Directory.Exists(Name) ? [.. Directory.EnumerateFiles(Name).Select(path => MovedSegment.NameOf(Path.GetFileName(path))).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)] : [];

    /// <inheritdoc/>
    public IJournalFile Open(string name)
    {
        var path = Path.Combine(Name, name);
        if (!File.Exists(path)) MovedSegment.Recall(Name, name);
        return FoldedFile.Unfold(new DiskFile(File.OpenHandle(path, FileMode.Open, _lock is null ? FileAccess.Read : FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete)), name);
    }

    /// <inheritdoc/>
    public IJournalFile Create(string name)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, Share = FileShare.ReadWrite };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        var path = Path.Combine(Name, name);
        new FileStream(path, options).Dispose();
        return Open(name);
    }

    /// <inheritdoc/>
    public void Delete(string name) => File.Delete(Path.Combine(Name, name));

    /// <inheritdoc/>
    public void FlushNames() => FlushNames(Name);

    /// <summary>Returns when files made, renamed or removed in the folder stay so through a power loss.</summary>
    /// <exception cref="IOException">It cannot be flushed.</exception>
    public static void FlushNames(string folder)
    {
        if (OperatingSystem.IsWindows()) return;
        var descriptor = NativeOpen(Encoding.UTF8.GetBytes(folder + '\0'), 0);
        if (descriptor < 0) throw new IOException($"cannot open the folder `{folder}` to flush it (error {Marshal.GetLastPInvokeError()})");
        var result = NativeFlush(descriptor);
        var error = Marshal.GetLastPInvokeError();
        _ = NativeClose(descriptor);
        if (result != 0) throw new IOException($"cannot flush the folder `{folder}` (error {error})");
    }

    /// <summary>Gives a file that is whole the name that it is to have, unless somebody has it: false then. A move looks first and moves then, and two who do so at once both win.</summary>
    /// <exception cref="IOException">It cannot be done.</exception>
    public static bool TryTakeName(string draft, string path)
    {
        if (OperatingSystem.IsWindows())
        {
            try
            {
                File.Move(draft, path, overwrite: false);
                return true;
            }
            catch (IOException) when (File.Exists(path))
            {
                return false;
            }
        }
        if (NativeLink(Encoding.UTF8.GetBytes(draft + '\0'), Encoding.UTF8.GetBytes(path + '\0')) != 0)
        {
            var error = Marshal.GetLastPInvokeError();
            return error == NameTaken ? false : throw new IOException($"cannot name a file `{path}` (error {error})");
        }
        File.Delete(draft);
        return true;
    }

    /// <inheritdoc/>
    public void Dispose() => _lock?.Dispose();

    private const int NameTaken = 17; // EEXIST, the same on every Unix that .NET runs on

    // The base library cannot flush a folder, and a file whose name is lost in a power cut is lost with it (POSIX open, fsync, close).
    // Nor can it give a name without taking it from another (POSIX link).
#pragma warning disable SYSLIB1054, CA5392 // source-generated marshalling needs unsafe blocks; these take blittable values only
    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    private static extern int NativeOpen(byte[] path, int flags);

    [DllImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static extern int NativeFlush(int descriptor);

    [DllImport("libc", EntryPoint = "link", SetLastError = true)]
    private static extern int NativeLink(byte[] from, byte[] to);

    [DllImport("libc", EntryPoint = "close", SetLastError = true)]
    private static extern int NativeClose(int descriptor);
#pragma warning restore SYSLIB1054, CA5392

    /// <summary>How long the segment in a file is, folded or not; null when there is none. One that cannot be read is as long as its file.</summary>
    internal static long? LengthOf(string path)
    {
        if (new FileInfo(path) is not { Exists: true } known) return null;
        try
        {
            using var file = FoldedFile.Unfold(new DiskFile(File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete)), known.Name);
            return file.Length;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // Whoever reads it is told; whoever counts must not fall over it.
            return known.Length;
        }
    }

    private sealed class DiskFile(SafeFileHandle handle) : IJournalFile
    {
        public long Length => RandomAccess.GetLength(handle);

        public int Read(Span<byte> destination, long offset) => RandomAccess.Read(handle, destination, offset);

        public void Write(ReadOnlySpan<byte> bytes, long offset) => RandomAccess.Write(handle, bytes, offset);

        public void SetLength(long length) => RandomAccess.SetLength(handle, length);

        public void Flush() => RandomAccess.FlushToDisk(handle);

        public void Dispose() => handle.Dispose();
    }
}
