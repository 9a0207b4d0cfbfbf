using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Postern.Core.Recording;

/// <summary>
/// A segment that left the local disk and is kept in a store. In its place a note, <c>journal-000001.pjl.moved</c>, says how long it was and
/// what its bytes digest to. Who reads the folder gets it back first, where this process knows how; otherwise it cannot be read, and that
/// is said. The note vouches for nothing: whether the bytes are the ones that were written, the chain says.
/// </summary>
/// <param name="Bytes">The segment's length.</param>
/// <param name="Sha256">Its digest, in lower-case hexadecimal.</param>
public sealed record MovedSegment(long Bytes, string Sha256)
{
    private const string Ending = ".moved";
    private static readonly ConcurrentDictionary<string, Action<int>> _recalls = new(StringComparer.Ordinal);

    /// <summary>Says how segments of a folder come back, for every reader in this process; until disposed.</summary>
    /// <param name="folder">The folder of segment files.</param>
    /// <param name="recall">Puts the file of a segment back; throws <see cref="IOException"/> when it cannot. Called on any thread, and may block.</param>
    public static IDisposable RecallWith(string folder, Action<int> recall)
    {
        var key = Path.GetFullPath(folder);
        _recalls[key] = recall;
        return new Registration(key);
    }

    /// <summary>The note in place of a segment; null when there is none that can be read.</summary>
    public static MovedSegment? Read(string folder, int segment)
    {
        try
        {
            using var note = JsonDocument.Parse(File.ReadAllBytes(NotePath(folder, segment)));
            var read = new MovedSegment(note.RootElement.GetProperty("bytes").GetInt64(), note.RootElement.GetProperty("sha256").GetString()!);
            return read is { Bytes: > 0, Sha256.Length: 64 } ? read : null;
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException or JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }

    /// <summary>Leaves the note, and then removes the file.</summary>
    /// <exception cref="IOException">It cannot be done; the file is there then.</exception>
    public void Replace(string folder, int segment)
    {
        var path = NotePath(folder, segment);
        if (!File.Exists(path))
        {
            var draft = path + ".new";
            using (var file = new FileStream(draft, FileMode.Create, FileAccess.Write, FileShare.None))
            {
                var text = string.Create(CultureInfo.InvariantCulture, $$"""{"bytes":{{Bytes}},"sha256":"{{Sha256}}"}""");
                file.Write(Encoding.ASCII.GetBytes(text + "\n"));
                file.Flush(flushToDisk: true);
            }
            File.Move(draft, path, overwrite: true);
            FolderStorage.FlushNames(folder);
        }
        File.Delete(Path.Combine(folder, JournalFormat.SegmentName(segment)));
        FolderStorage.FlushNames(folder);
    }

    /// <summary>The segment's file, or a note in its place.</summary>
    internal static bool IsThere(string folder, int segment) => File.Exists(Path.Combine(folder, JournalFormat.SegmentName(segment))) || File.Exists(NotePath(folder, segment));

    /// <summary>How long the segment is, here or elsewhere; null when there is none.</summary>
    internal static long? LengthOf(string folder, int segment) =>
        FolderStorage.LengthOf(Path.Combine(folder, JournalFormat.SegmentName(segment))) ?? Read(folder, segment)?.Bytes;

    /// <summary>The segment that a file in the folder stands for; other names are as they are.</summary>
    internal static string NameOf(string file) => file.EndsWith(Ending, StringComparison.Ordinal) && JournalFormat.TryReadSegmentName(file[..^Ending.Length], out _) ? file[..^Ending.Length] : file;

    /// <summary>Brings a file back that was moved; does nothing for one that was not.</summary>
    /// <exception cref="IOException">It was, and does not come back.</exception>
    internal static void Recall(string folder, string name)
    {
        if (!JournalFormat.TryReadSegmentName(name, out var segment) || !File.Exists(NotePath(folder, segment))) return;
        if (!_recalls.TryGetValue(Path.GetFullPath(folder), out var recall)) throw new IOException($"the segment `{name}` was moved to the recording store; `postern journal fetch` brings the journal back");
        recall(segment);
    }

    private static string NotePath(string folder, int segment) => Path.Combine(folder, JournalFormat.SegmentName(segment) + Ending);

    private sealed class Registration(string key) : IDisposable
    {
        public void Dispose() => _recalls.TryRemove(key, out _);
    }
}
