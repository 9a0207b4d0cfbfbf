using System.Globalization;
using System.Text.Json;
using Postern.Core.Recording;

namespace Postern.Gateway.Exports;

/// <summary>How far a sink is.</summary>
/// <param name="Journal">Of which journal.</param>
/// <param name="Sequence">The last record that needs no more sending.</param>
/// <param name="Position">Where the next one stands.</param>
internal sealed record ExportCursor(string Journal, long Sequence, JournalPosition Position);

/// <summary>
/// The cursor of one sink in a file of its own, replaced as a whole. It is never ahead of what arrived; one that is lost, or stands in no
/// journal, begins anew, and the receiver sees events twice that it knows by journal and sequence.
/// </summary>
internal sealed class ExportCursorFile(string folder, string sink)
{
    private readonly string _path = Path.Combine(folder, sink + ".json");

    /// <summary>The cursor, or null when there is none that can be read.</summary>
    public ExportCursor? Read()
    {
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(_path));
            var root = document.RootElement;
            var cursor = new ExportCursor(root.GetProperty("journal").GetString()!, root.GetProperty("sequence").GetInt64(), new JournalPosition(root.GetProperty("segment").GetInt32(), root.GetProperty("offset").GetInt64()));
            return cursor.Journal is { Length: > 0 } && cursor.Sequence >= 0 && cursor.Position is { Segment: > 0, Offset: >= 0 } ? cursor : null;
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException or JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }

    /// <summary>Writes it, so that it survives a power loss.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public void Write(ExportCursor cursor)
    {
        Directory.CreateDirectory(folder);
        var draft = _path + ".new";
        using (var file = new FileStream(draft, FileMode.Create, FileAccess.Write, FileShare.None))
        {
            var text = string.Create(CultureInfo.InvariantCulture, $$"""{"journal":"{{cursor.Journal}}","sequence":{{cursor.Sequence}},"segment":{{cursor.Position.Segment}},"offset":{{cursor.Position.Offset}}}""");
            file.Write(System.Text.Encoding.ASCII.GetBytes(text + "\n"));
            file.Flush(flushToDisk: true);
        }
        File.Move(draft, _path, overwrite: true);
        FolderStorage.FlushNames(folder);
    }
}
