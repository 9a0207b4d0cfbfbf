using System.Collections.Immutable;
using System.IO.Compression;
using System.Text.Json;
using Postern.Core.Operations;
using Postern.Core.Recording;

namespace Postern.Core.Evidence;

/// <summary>What verification says of a bundle.</summary>
/// <param name="Manifest">What the bundle says of itself; null when not even that can be read.</param>
/// <param name="Operations">Its operations, read from the records themselves.</param>
/// <param name="Problem">The first thing that is wrong, or null.</param>
public sealed record BundleVerdict(BundleManifest? Manifest, ImmutableArray<RecordedOperation> Operations, string? Problem)
{
    /// <summary>The files for people, by name; trust them no further than the records say the same.</summary>
    public IReadOnlyDictionary<string, byte[]> Files { get; init; } = new Dictionary<string, byte[]>(StringComparer.Ordinal);
}

/// <summary>Proves offline, with the public key alone, that a bundle is what the key's holder made of the journal, and unchanged.</summary>
public static class BundleVerifier
{
    /// <summary>A bundle is read into memory as a whole; more than this is not one that was made here.</summary>
    public const long MostBytes = 1024L * 1024 * 1024;

    /// <summary>Verifies a bundle.</summary>
    /// <param name="bundle">The archive; it must be seekable.</param>
    /// <param name="publicKeyPem">The key that is trusted, from elsewhere than the bundle; several where the journal had several.</param>
    /// <exception cref="RecordingException">A key cannot be read.</exception>
    public static BundleVerdict Verify(Stream bundle, string publicKeyPem)
    {
        using var keys = JournalKeyring.Read(publicKeyPem);
        try
        {
            return Verify(bundle, keys);
        }
        catch (Exception fault) when (fault is InvalidDataException or JsonException or IOException or NotSupportedException)
        {
            return Bad(null, "it is not a bundle that can be read");
        }
    }

    private static BundleVerdict Verify(Stream bundle, JournalKeyring keys)
    {
        var files = ReadAll(bundle, out var problem);
        if (problem is not null) return Bad(null, problem);
        if (!files.TryGetValue(BundleManifest.ManifestName, out var text) || !files.TryGetValue(BundleManifest.SignatureName, out var sealing)) return Bad(null, $"it has no `{BundleManifest.ManifestName}` with `{BundleManifest.SignatureName}`");
        // 1. The manifest is what the key's holder signed. It is read before to know which key that is, and believed only behind it.
        if (JsonSerializer.Deserialize(text, BundleContext.Default.BundleManifest) is not { } manifest) return Bad(null, "the manifest is empty");
        if (keys.Find(manifest.Key) is not { } key) return Bad(null, $"the manifest's signature is by key {manifest.Key}; the keys given are {keys.Names}");
        var signature = new byte[64];
        if (!Convert.TryFromBase64String(System.Text.Encoding.ASCII.GetString(sealing).TrimEnd('\n'), signature, out var length) || length != signature.Length || !key.Verifies(BundleManifest.Signed(Digest.Of(text).ToString()), signature))
        {
            return Bad(null, "the manifest's signature is not that of the key that it names");
        }
        if (manifest.Bundle != BundleManifest.Version) return Bad(manifest, $"bundle version {manifest.Bundle} is not known; expected {BundleManifest.Version}");
        // 2. Every file is the one that it names, and there is no other.
        foreach (var file in manifest.Files)
        {
            if (!files.TryGetValue(file.Name, out var content)) return Bad(manifest, $"`{file.Name}` is missing");
            if (content.Length != file.Bytes || !string.Equals(Digest.Of(content).ToString(), file.Sha256, StringComparison.Ordinal)) return Bad(manifest, $"`{file.Name}` was changed");
        }
        if (files.Keys.FirstOrDefault(name => name is not (BundleManifest.ManifestName or BundleManifest.SignatureName) && !manifest.Files.Any(file => string.Equals(file.Name, name, StringComparison.Ordinal))) is { } added) return Bad(manifest, $"`{added}` was added");
        // 3. The records are whole records of that journal and session, and signed checkpoints cover them.
        var covered = Covered(files, manifest, keys, out problem);
        if (problem is not null) return Bad(manifest, problem);
        var operations = Operations(files, manifest, covered.Count == 0 ? 0 : covered[^1], out problem);
        return problem is not null ? Bad(manifest, problem) : new BundleVerdict(manifest, operations, null) { Files = files };
    }

    private static Dictionary<string, byte[]> ReadAll(Stream bundle, out string? problem)
    {
        var files = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        problem = null;
        using var archive = new ZipArchive(bundle, ZipArchiveMode.Read, leaveOpen: true);
        var total = 0L;
        foreach (var entry in archive.Entries)
        {
            // What an archive says of its entries' length is not believed: a small file can hold a large one.
            using var stream = entry.Open();
            using var content = new MemoryStream();
            var buffer = new byte[64 * 1024];
            for (var read = stream.Read(buffer); read > 0; read = stream.Read(buffer))
            {
                total += read;
                if (total > MostBytes) { problem = $"it holds more than {MostBytes} bytes"; return files; }
                content.Write(buffer, 0, read);
            }
            if (!files.TryAdd(entry.FullName, content.ToArray())) { problem = $"`{entry.FullName}` is in it twice"; return files; }
        }
        return files;
    }

    /// <summary>The sequences that checkpoints of the key cover, the highest last.</summary>
    private static List<long> Covered(Dictionary<string, byte[]> files, BundleManifest manifest, JournalKeyring keys, out string? problem)
    {
        var covered = new List<long>();
        problem = null;
        var lines = files.GetValueOrDefault(BundleManifest.CheckpointsName, []);
        foreach (var line in System.Text.Encoding.UTF8.GetString(lines).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (!PayloadReader.TryRead(RecordType.Checkpoint, System.Text.Encoding.UTF8.GetBytes(line), out var payload, out _)) { problem = "a checkpoint cannot be read"; break; }
            var checkpoint = (RecordedCheckpoint)payload;
            var signature = new byte[64];
            if (!string.Equals(checkpoint.Journal, manifest.Journal, StringComparison.Ordinal) || !Convert.TryFromBase64String(checkpoint.Signature, signature, out var length) || length != signature.Length
                || keys.Find(checkpoint.Key)?.Verifies(CheckpointText.Of(checkpoint.Journal, checkpoint.Through, checkpoint.Chain, checkpoint.At), signature) != true)
            {
                problem = $"the checkpoint over sequence {checkpoint.Through} is not one of this journal, by a key that was given";
                break;
            }
            covered.Add(checkpoint.Through);
        }
        return covered;
    }

    /// <summary>The operations that the records say, which are those of the manifest's session and none beyond what is signed.</summary>
    internal static ImmutableArray<RecordedOperation> Operations(Dictionary<string, byte[]> files, BundleManifest manifest, long covered, out string? problem)
    {
        problem = null;
        if (!SegmentScanner.TrySeed(manifest.Journal, out var seed)) { problem = "the manifest names no journal"; return []; }
        using var scanner = new SegmentScanner(new MemoryFile(files.GetValueOrDefault(BundleManifest.RecordsName, [])));
        scanner.UseSeed(seed);
        if (BundledKeys.Read(files.GetValueOrDefault(BundleManifest.DataKeysName, [])) is not { } keys) { problem = $"`{BundleManifest.DataKeysName}` cannot be read"; return []; }
        using var opener = new RecordOpener(keys);
        var open = new HashSet<OperationId>();
        var (count, first, last) = (0, 0L, 0L);
        var byOperation = new Dictionary<OperationId, List<JournalRecord>>();
        while (scanner.Read() is var step && step != ScanStep.End)
        {
            if (step == ScanStep.Bad) { problem = $"`{BundleManifest.RecordsName}`, offset {scanner.Offset}: {scanner.Problem}"; return []; }
            var sequence = scanner.Head.Sequence;
            if (sequence <= last) { problem = $"record {sequence} stands behind record {last}"; return []; }
            if (!EvidenceBundle.IsOf(scanner, manifest.Session, open)) { problem = $"record {sequence} is not of session {manifest.Session}"; return []; }
            if (sequence > covered) { problem = $"no checkpoint covers record {sequence}"; return []; }
            if (!opener.TryRead(scanner, memo: null, withSaid: true, withContent: true, out var payload, out var content, out var closed, out var unreadable)) { problem = $"record {sequence}: {unreadable}"; return []; }
            _ = JournalScan.TryReadOperation(scanner.Json, out var operation);
            if (!byOperation.TryGetValue(operation, out var records)) byOperation.Add(operation, records = []);
            records.Add(new JournalRecord(default, default, sequence, scanner.Head.Type, payload, content, closed, scanner.Head.IsInPieces));
            if (count++ == 0) first = sequence;
            last = sequence;
        }
        if (count != manifest.Records || first != manifest.First || last != manifest.Last) { problem = $"expected {manifest.Records} records from {manifest.First} to {manifest.Last}, found {count} from {first} to {last}"; return []; }
        var operations = byOperation.Select(pair => RecordedOperation.Assemble(pair.Key, pair.Value)!).OrderBy(operation => operation.FirstSequence).ToImmutableArray();
        if (operations.FirstOrDefault(operation => !operation.MatchesDigests) is { } broken) problem = $"what is kept of operation {broken.Intent.Op} is not what its ending was made over";
        return operations;
    }

    private static BundleVerdict Bad(BundleManifest? manifest, string problem) => new(manifest, [], problem);

    private sealed class MemoryFile(byte[] content) : IJournalFile
    {
        public long Length => content.Length;

        public int Read(Span<byte> destination, long offset)
        {
            var count = (int)Math.Min(destination.Length, Math.Max(0, content.Length - offset));
            content.AsSpan((int)offset, count).CopyTo(destination);
            return count;
        }

        public void Write(ReadOnlySpan<byte> bytes, long offset) => throw new NotSupportedException("a bundle is only read");

        public void SetLength(long length) => throw new NotSupportedException("a bundle is only read");

        public void Flush()
        {
            // Nothing is ever written.
        }

        public void Dispose()
        {
            // Memory.
        }
    }
}
