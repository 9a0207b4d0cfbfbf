using System.Runtime.InteropServices;
using Postern.Core.Recording;
using Postern.Gateway.Recordings.Witnesses;

namespace Postern.Gateway.Recordings.Stores;

/// <summary>What a fetch did.</summary>
/// <param name="Journal">The journal's id.</param>
/// <param name="Segments">Its segments in the store.</param>
/// <param name="Pieces">Pieces that were fetched now; those that were here already count nothing.</param>
/// <param name="Bytes">Their bytes.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct FetchResult(string Journal, int Segments, int Pieces, long Bytes);

/// <summary>Brings a journal back from its store onto a disk: the pieces of each segment, one behind the other. Whether they are what was written is the verifier's question.</summary>
public static class JournalFetch
{
    /// <summary>Fetches what the folder does not have yet; one that was broken off goes on where it was.</summary>
    /// <param name="store">Where the journal is kept.</param>
    /// <param name="folder">Where its segment files go.</param>
    /// <param name="journal">The journal's id; null where the store has only one.</param>
    /// <param name="cancellationToken">Breaks off.</param>
    /// <exception cref="StoreException">The store cannot be reached, lacks a piece, or has none of this journal.</exception>
    /// <exception cref="IOException">The folder cannot be written, or holds something else.</exception>
    public static async Task<FetchResult> RunAsync(IRecordingStore store, string folder, string? journal, CancellationToken cancellationToken)
    {
        var pieces = await PiecesAsync(store, journal is null ? "" : journal + "/", cancellationToken).ConfigureAwait(false);
        var found = pieces.Select(piece => piece.Name.Journal).Distinct(StringComparer.Ordinal).ToList();
        if (found.Count == 0) throw new StoreException(journal is null ? $"the {store.Place} holds no journal" : $"the {store.Place} holds nothing of journal {journal}");
        if (found.Count > 1) throw new StoreException($"the {store.Place} holds several journals; name one: {string.Join(", ", found)}");
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(folder);
        else Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        if (new JournalReader(folder).ReadJournalId() is { } here && here != found[0]) throw new IOException($"`{folder}` holds journal {here}, and the store {found[0]}; give an empty folder");
        var (segment, count, bytes) = (0, 0, 0L);
        foreach (var group in pieces.GroupBy(piece => piece.Name.Segment))
        {
            if (group.Key != ++segment) throw new StoreException($"the {store.Place} lacks `{JournalReader.SegmentFile(segment)}` of journal {found[0]}: expected it before `{JournalReader.SegmentFile(group.Key)}`");
            var (fetched, length) = await SegmentAsync(store, [.. group], Path.Combine(folder, JournalReader.SegmentFile(segment)), cancellationToken).ConfigureAwait(false);
            (count, bytes) = (count + fetched, bytes + length);
        }
        FolderStorage.FlushNames(folder);
        return new FetchResult(found[0], segment, count, bytes);
    }

    /// <summary>The lines that a witness was told and that lie in its store, in order: what <c>postern verify --anchors</c> reads.</summary>
    /// <param name="store">The witness's bucket.</param>
    /// <param name="journal">Of one journal; null for all.</param>
    /// <param name="cancellationToken">Breaks off.</param>
    /// <exception cref="StoreException">It cannot be read.</exception>
    public static async IAsyncEnumerable<byte[]> CheckpointsAsync(IRecordingStore store, string? journal, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var one in store.ListAsync(journal is null ? "" : journal + "/", cancellationToken).ConfigureAwait(false))
        {
            if (one.Name.Split('/') is not [_, StoreWitness.Folder, _]) continue;
            yield return await store.ReadAsync(one.Name, cancellationToken).ConfigureAwait(false) ?? throw new StoreException($"the {store.Place} lists `{one.Name}`, and does not show it");
        }
    }

    /// <summary>Writes the pieces of one segment behind what the file has of them.</summary>
    internal static async Task<(int Fetched, long Bytes)> SegmentAsync(IRecordingStore store, IReadOnlyList<(PieceName Name, long Length)> pieces, string path, CancellationToken cancellationToken)
    {
        var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.Read, Options = FileOptions.Asynchronous };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        var file = new FileStream(path, options);
        await using (file.ConfigureAwait(false))
        {
            var (at, fetched, bytes) = (0L, 0, 0L);
            foreach (var (name, length) in pieces)
            {
                if (name.Offset != at) throw new StoreException($"the {store.Place} lacks a piece of {name.Journal}: expected one at byte {at} of `{JournalReader.SegmentFile(name.Segment)}`, found {name.Offset}");
                at += length;
                if (file.Length >= at) continue;
                var piece = await store.ReadAsync(name.ToString(), cancellationToken).ConfigureAwait(false);
                if (piece is null || piece.Length != length) throw new StoreException($"the {store.Place} lists `{name}` with {length} bytes, and shows {(piece is null ? "none" : $"{piece.Length}")}");
                // What a fetch that was broken off left of this piece is written anew.
                file.Seek(name.Offset, SeekOrigin.Begin);
                await file.WriteAsync(piece, cancellationToken).ConfigureAwait(false);
                (fetched, bytes) = (fetched + 1, bytes + length);
            }
            file.Flush(flushToDisk: true);
            return (fetched, bytes);
        }
    }

    /// <summary>The pieces below a prefix, in order.</summary>
    internal static async Task<List<(PieceName Name, long Length)>> PiecesAsync(IRecordingStore store, string prefix, CancellationToken cancellationToken)
    {
        var pieces = new List<(PieceName, long)>();
        await foreach (var one in store.ListAsync(prefix, cancellationToken).ConfigureAwait(false))
        {
            // Others may keep theirs beside, as a witness does.
            if (PieceName.TryRead(one.Name) is { } name) pieces.Add((name, one.Length));
        }
        return pieces;
    }
}
