using System.Collections.Immutable;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Postern.Core.Operations;
using Postern.Core.Recording;

namespace Postern.Core.Evidence;

/// <summary>Makes the files of a bundle that are for people, by name, from the operations as the records say them.</summary>
public delegate IReadOnlyList<(string Name, string Text)> ReadableForms(ImmutableArray<RecordedOperation> operations);

/// <summary>Where in a journal to look for a session; the default is all of it.</summary>
/// <param name="FirstSegment">Nothing of it stands before.</param>
/// <param name="Operations">How many operations it has so far, so that nothing need be read behind the last; null when that is not known.</param>
/// <param name="MostBytes">Its records may have so many bytes.</param>
public sealed record SessionPlace(int FirstSegment = 1, int? Operations = null, long MostBytes = long.MaxValue);

/// <summary>
/// One session as a file that proves itself offline: its records byte for byte, the signed checkpoints that cover them, and a manifest with
/// the digest of every file, signed with the journal's key. A zip archive.
/// </summary>
public static class EvidenceBundle
{
    /// <summary>Writes the bundle of a session.</summary>
    /// <param name="to">Where; a stream that can be written to.</param>
    /// <param name="journalFolder">The folder of segment files.</param>
    /// <param name="session">The session's id.</param>
    /// <param name="signer">The journal's key.</param>
    /// <param name="readable">Makes the files for people, from what the records themselves say; they are not the evidence.</param>
    /// <param name="keys">Opens what is sealed. The session's keys go into the bundle, for whoever it is given to: an erasure does not reach it there.</param>
    /// <param name="now">When.</param>
    /// <param name="place">Where to look.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>The manifest, or null when the journal has no such session.</returns>
    /// <exception cref="RecordingException">The journal cannot be read, or the last records of the session are not signed yet, or there are too many.</exception>
    public static BundleManifest? Write(Stream to, string journalFolder, string session, IJournalSigner signer, ReadableForms readable, IDataKeys? keys, DateTimeOffset now, SessionPlace place, CancellationToken cancellationToken)
    {
        using var records = new MemoryStream();
        using var checkpoints = new MemoryStream();
        var dataKeys = new BundledKeys();
        var found = Collect(journalFolder, session, place, records, checkpoints, dataKeys, cancellationToken);
        if (found.Sequences.Count == 0) return null;
        List<(string Name, byte[] Content)> files =
        [
            (BundleManifest.RecordsName, records.ToArray()),
            (BundleManifest.CheckpointsName, checkpoints.ToArray()),
            (BundleManifest.KeyName, Encoding.ASCII.GetBytes(signer.PublicKeyPem + "\n")),
            .. dataKeys.Write(keys) is { Length: > 0 } lines ? [(BundleManifest.DataKeysName, lines)] : Array.Empty<(string, byte[])>(),
        ];
        var manifest = new BundleManifest(BundleManifest.Version, found.Journal, session, now, signer.KeyId, found.Sequences.Count, found.Sequences[0], found.Sequences[^1], []);
        // What people read is made of what was collected, as whoever verifies makes it.
        var operations = BundleVerifier.Operations(files.ToDictionary(file => file.Name, file => file.Content, StringComparer.Ordinal), manifest, found.Sequences[^1], out var problem);
        if (problem is not null) throw new RecordingException($"session {session} cannot be bundled: {problem}; run `postern verify` on the folder");
        files.AddRange(readable(operations).Select(file => (file.Name, Encoding.UTF8.GetBytes(file.Text))));
        manifest = manifest with { Files = [.. files.Select(file => new BundledFile(file.Name, file.Content.Length, Digest.Of(file.Content).ToString()))] };
        var text = JsonSerializer.SerializeToUtf8Bytes(manifest, BundleContext.Default.BundleManifest);
        var signature = Convert.ToBase64String(signer.Sign(BundleManifest.Signed(Digest.Of(text).ToString())));
        using var archive = new ZipArchive(to, ZipArchiveMode.Create, leaveOpen: true);
        Add(archive, BundleManifest.ManifestName, text, now);
        Add(archive, BundleManifest.SignatureName, Encoding.ASCII.GetBytes(signature + "\n"), now);
        foreach (var (name, content) in files) Add(archive, name, content, now);
        return manifest;
    }

    private static (string Journal, List<long> Sequences) Collect(string folder, string session, SessionPlace place, MemoryStream records, MemoryStream checkpoints, BundledKeys keys, CancellationToken cancellationToken)
    {
        using var storage = FolderStorage.ForReading(folder);
        var sequences = new List<long>();
        var open = new HashSet<OperationId>();
        var journal = "";
        var unsigned = false;
        var ended = 0;
        var isOver = false;
        for (var segment = place.FirstSegment; !isOver && MovedSegment.IsThere(folder, segment) && (unsigned || ended != place.Operations); segment++)
        {
            using var scanner = new SegmentScanner(storage.Open(JournalFormat.SegmentName(segment)));
            var following = segment + 1;
            bool isLast() => !MovedSegment.IsThere(folder, following);
            if (scanner.ReadHeader(out var header) != ScanStep.Record)
            {
                // The gateway begins it at this moment: nothing stands in it yet.
                if (scanner.IsTorn && isLast()) break;
                throw Unreadable(segment, scanner);
            }
            journal = header!.Journal;
            while (true)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var step = scanner.Read(isLast);
                isOver = step is null;
                if (step is null or ScanStep.End) break;
                if (step == ScanStep.Bad) throw Unreadable(segment, scanner);
                if (scanner.Head.Type == RecordType.Checkpoint)
                {
                    if (!unsigned) continue;
                    checkpoints.Write(scanner.Json);
                    checkpoints.WriteByte((byte)'\n');
                    unsigned = false;
                    if (ended == place.Operations) break;
                }
                else if (IsOf(scanner, session, open))
                {
                    if (records.Length + scanner.Stored.Length > place.MostBytes) throw new RecordingException($"the records of session {session} have more than {place.MostBytes} bytes");
                    records.Write(scanner.Stored);
                    if (scanner.Head.Type == RecordType.Ending) ended++;
                    if (scanner.Head.IsSealed) keys.Note(scanner.Content);
                    sequences.Add(scanner.Head.Sequence);
                    unsigned = true;
                }
            }
        }
        if (unsigned) throw new RecordingException("the last records of the session are not signed yet; a running gateway signs within a second, so ask again");
        return (journal, sequences);
    }

    /// <summary>True for an intent of the session, and for whatever belongs to an operation that is open and of it.</summary>
    internal static bool IsOf(SegmentScanner scanner, string session, HashSet<OperationId> open)
    {
        if (scanner.Head.Type is not (RecordType.Intent or RecordType.Clearing or RecordType.Frame or RecordType.Ending) || !JournalScan.TryReadOperation(scanner.Json, out var operation)) return false;
        if (scanner.Head.Type != RecordType.Intent)
        {
            if (!open.Contains(operation)) return false;
            if (scanner.Head.Type == RecordType.Ending) open.Remove(operation);
            return true;
        }
        if (!PayloadReader.TryRead(RecordType.Intent, scanner.Json, out var payload, out _) || !string.Equals(((RecordedIntent)payload).Session, session, StringComparison.Ordinal)) return false;
        return open.Add(operation);
    }

    private static RecordingException Unreadable(int segment, SegmentScanner scanner) =>
        new($"file `{JournalFormat.SegmentName(segment)}`, offset {scanner.Offset}: {scanner.Problem}; run `postern verify` on the folder");

    private static void Add(ZipArchive archive, string name, ReadOnlySpan<byte> content, DateTimeOffset now)
    {
        var entry = archive.CreateEntry(name, CompressionLevel.Optimal);
        entry.LastWriteTime = now;
        using var stream = entry.Open();
        stream.Write(content);
    }
}
