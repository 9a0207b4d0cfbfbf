using System.Collections.Immutable;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Postern.Core.Operations;
using Postern.Core.Recording;

namespace Postern.Core.Evidence;

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
    /// <param name="readable">Files for people, by name, made from the records; they are not the evidence.</param>
    /// <param name="keys">Opens what is sealed. The session's keys go into the bundle, for whoever it is given to: an erasure does not reach it there.</param>
    /// <param name="now">When.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>The manifest, or null when the journal has no such session.</returns>
    /// <exception cref="RecordingException">The journal cannot be read, or the last records of the session are not signed yet.</exception>
    public static BundleManifest? Write(Stream to, string journalFolder, string session, IJournalSigner signer, IReadOnlyList<(string Name, string Text)> readable, IDataKeys? keys, DateTimeOffset now, CancellationToken cancellationToken)
    {
        using var records = new MemoryStream();
        using var checkpoints = new MemoryStream();
        var dataKeys = new BundledKeys();
        var found = Collect(journalFolder, session, records, checkpoints, dataKeys, cancellationToken);
        if (found.Sequences.Count == 0) return null;
        List<(string Name, byte[] Content)> files =
        [
            (BundleManifest.RecordsName, records.ToArray()),
            (BundleManifest.CheckpointsName, checkpoints.ToArray()),
            (BundleManifest.KeyName, Encoding.ASCII.GetBytes(signer.PublicKeyPem + "\n")),
            .. dataKeys.Write(keys) is { Length: > 0 } lines ? [(BundleManifest.DataKeysName, lines)] : Array.Empty<(string, byte[])>(),
            .. readable.Select(file => (file.Name, Encoding.UTF8.GetBytes(file.Text))),
        ];
        var manifest = new BundleManifest(
            BundleManifest.Version, found.Journal, session, now, signer.KeyId, found.Sequences.Count, found.Sequences[0], found.Sequences[^1],
            [.. files.Select(file => new BundledFile(file.Name, file.Content.Length, Digest.Of(file.Content).ToString()))]);
        var text = JsonSerializer.SerializeToUtf8Bytes(manifest, BundleContext.Default.BundleManifest);
        var signature = Convert.ToBase64String(signer.Sign(BundleManifest.Signed(Digest.Of(text).ToString())));
        using var archive = new ZipArchive(to, ZipArchiveMode.Create, leaveOpen: true);
        Add(archive, BundleManifest.ManifestName, text, now);
        Add(archive, BundleManifest.SignatureName, Encoding.ASCII.GetBytes(signature + "\n"), now);
        foreach (var (name, content) in files) Add(archive, name, content, now);
        return manifest;
    }

    private static (string Journal, List<long> Sequences) Collect(string folder, string session, MemoryStream records, MemoryStream checkpoints, BundledKeys keys, CancellationToken cancellationToken)
    {
        using var storage = FolderStorage.ForReading(folder);
        var sequences = new List<long>();
        var open = new HashSet<OperationId>();
        var journal = "";
        var unsigned = false;
        for (var segment = 1; File.Exists(Path.Combine(folder, JournalFormat.SegmentName(segment))); segment++)
        {
            using var scanner = new SegmentScanner(storage.Open(JournalFormat.SegmentName(segment)));
            if (scanner.ReadHeader(out var header) != ScanStep.Record) throw Unreadable(segment, scanner);
            journal = header!.Journal;
            while (true)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var step = scanner.Read();
                if (step == ScanStep.End || (step == ScanStep.Bad && scanner.IsTorn && !File.Exists(Path.Combine(folder, JournalFormat.SegmentName(segment + 1))))) break;
                if (step == ScanStep.Bad) throw Unreadable(segment, scanner);
                if (scanner.Head.Type == RecordType.Checkpoint)
                {
                    if (!unsigned) continue;
                    checkpoints.Write(scanner.Json);
                    checkpoints.WriteByte((byte)'\n');
                    unsigned = false;
                }
                else if (IsOf(scanner, session, open))
                {
                    records.Write(scanner.Stored);
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
