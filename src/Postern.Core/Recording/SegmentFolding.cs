using System.Runtime.InteropServices;
using Postern.Core.Operations;

namespace Postern.Core.Recording;

/// <summary>What became of a segment.</summary>
/// <param name="GivenBack">Bytes of disk that came back; 0 when there was nothing to take out.</param>
/// <param name="Ended">Which of the operations ended in it.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct FoldedSegment(long GivenBack, IReadOnlyList<OperationId> Ended);

/// <summary>
/// Gives back the disk of what was erased: writes a closed segment anew without the sealed content of some operations, and puts it in the
/// place of the one before. Numbers, heads, JSON, digests and signatures stay, and offsets with them, so the chain is proved as before. Whether
/// the operations were erased is the caller's to know, and the verifier's to check (<see cref="Tombstones"/>).
/// </summary>
public static class SegmentFolding
{
    /// <summary>Kind of the occurrence that tells of a session that somebody erased.</summary>
    public const string ErasedKind = Tombstones.ErasedKind;

    /// <summary>Kind of the occurrence that tells of a session whose time was over.</summary>
    public const string ExpiredKind = Tombstones.ExpiredKind;

    private const string DraftEnding = ".folded";

    /// <summary>Takes the sealed content of operations out of a segment that nothing is written to any more.</summary>
    /// <param name="folder">The folder of segment files.</param>
    /// <param name="segment">The segment's number; its file is there.</param>
    /// <param name="operations">Of which operations: the keys of their sessions are destroyed, and a tombstone is signed.</param>
    /// <param name="cancellationToken">Leaves it as it is.</param>
    /// <exception cref="RecordingException">The segment is damaged; it stays as it is.</exception>
    /// <exception cref="IOException">It cannot be read or written; it stays as it is.</exception>
    public static FoldedSegment Fold(string folder, int segment, IReadOnlySet<OperationId> operations, CancellationToken cancellationToken)
    {
        var name = JournalFormat.SegmentName(segment);
        var path = Path.Combine(folder, name);
        var draft = path + DraftEnding;
        var ended = new List<OperationId>();
        try
        {
            using var before = new JournalChain();
            var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.ReadWrite, Share = FileShare.None };
            if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            using var storage = FolderStorage.ForReading(folder);
            bool isLess;
            using (var file = new FileStream(draft, options))
            {
                using var scanner = new SegmentScanner(storage.Open(name));
                if (scanner.Length > FoldedFile.MostBytes) throw new RecordingException($"`{name}` cannot be folded: it has {scanner.Length} bytes, and no more than {FoldedFile.MostBytes} are expected");
                isLess = Write(scanner, name, new FoldedFile.Writer(file), before, operations, ended, cancellationToken);
                file.Flush(flushToDisk: true);
            }
            if (!isLess) return new FoldedSegment(0, ended);
            // What was written is read back before it takes the place of the only other copy: the same links, from the first record to the last.
            using var after = new JournalChain();
            using (var scanner = new SegmentScanner(storage.Open(name + DraftEnding))) Read(scanner, name, after, cancellationToken);
            if (before.Link() != after.Link()) throw new RecordingException($"`{name}` cannot be folded: what was written does not read as what was there");
            var (whole, folded) = (new FileInfo(path).Length, new FileInfo(draft).Length);
            File.Move(draft, path, overwrite: true);
            FolderStorage.FlushNames(folder);
            return new FoldedSegment(Math.Max(0, whole - folded), ended);
        }
        finally
        {
            File.Delete(draft);
        }
    }

    /// <summary>True when whole records of a segment are the same, or differ in what was taken out of them and in nothing else.</summary>
    /// <param name="one">Records.</param>
    /// <param name="other">Records.</param>
    /// <param name="isBegin">They begin with the segment's prefix.</param>
    /// <param name="journal">The journal's id.</param>
    public static bool IsSame(ReadOnlySpan<byte> one, ReadOnlySpan<byte> other, bool isBegin, string journal)
    {
        if (one.SequenceEqual(other)) return true;
        if (one.Length != other.Length || !SegmentScanner.TrySeed(journal, out var seed)) return false;
        var at = isBegin ? JournalFormat.PrefixBytes : 0;
        if (one.Length < at || !one[..at].SequenceEqual(other[..at])) return false;
        while (at < one.Length)
        {
            if (one.Length - at < JournalFormat.HeadBytes || JournalFormat.ReadHead(one[at..]) is not { IsPlausible: true } head || one.Length - at < JournalFormat.HeadBytes + head.Length) return false;
            var end = at + JournalFormat.HeadBytes + head.Length;
            if (!FoldedRecord.IsSame(one[at..end], other[at..end], seed)) return false;
            at = end;
        }
        return true;
    }

    private static bool Write(SegmentScanner scanner, string name, FoldedFile.Writer to, JournalChain chain, IReadOnlySet<OperationId> operations, List<OperationId> ended, CancellationToken cancellationToken)
    {
        var isLess = false;
        if (scanner.ReadHeader(out _) != ScanStep.Record) throw Damaged(name, scanner);
        for (; ; )
        {
            cancellationToken.ThrowIfCancellationRequested();
            scanner.AddTo(chain);
            var head = scanner.Head;
            var isOfThem = head.Type is RecordType.Intent or RecordType.Frame or RecordType.Ending && JournalScan.TryReadOperation(scanner.Json, out var operation) && operations.Contains(operation);
            if (isOfThem && head.Type == RecordType.Ending && JournalScan.TryReadOperation(scanner.Json, out var last)) ended.Add(last);
            if (head.IsFolded)
            {
                to.Keep(scanner.Stored[..^FoldedRecord.ZerosOf(head)], scanner.Offset);
            }
            else if (isOfThem && FoldedRecord.IsFoldable(head))
            {
                isLess = true;
                to.Keep(FoldedRecord.Fold(scanner.Stored, head, scanner.Seed), scanner.Offset);
            }
            else
            {
                to.Keep(scanner.Stored, scanner.Offset);
            }
            var step = scanner.Read();
            if (step == ScanStep.Bad) throw Damaged(name, scanner);
            if (step == ScanStep.Record) continue;
            to.End();
            return isLess;
        }
    }

    private static void Read(SegmentScanner scanner, string name, JournalChain chain, CancellationToken cancellationToken)
    {
        for (var step = scanner.ReadHeader(out _); step != ScanStep.End; step = scanner.Read())
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (step == ScanStep.Bad) throw Damaged(name, scanner);
            scanner.AddTo(chain);
        }
    }

    private static RecordingException Damaged(string name, SegmentScanner scanner) => new($"`{name}` cannot be folded: offset {scanner.Offset}: {scanner.Problem}; run `postern verify` on the folder");
}
