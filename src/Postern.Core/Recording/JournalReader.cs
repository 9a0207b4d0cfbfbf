using System.Runtime.InteropServices;
using Postern.Core.Operations;

namespace Postern.Core.Recording;

/// <summary>A place in a journal.</summary>
/// <param name="Segment">The segment's number, from 1.</param>
/// <param name="Offset">Bytes from the file's begin; 0 is the header.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct JournalPosition(int Segment, long Offset)
{
    /// <summary>The first record.</summary>
    public static readonly JournalPosition Begin = new(1, 0);
}

/// <summary>One record as it stands in the journal.</summary>
/// <param name="Position">Where it stands.</param>
/// <param name="Next">Where the next one stands, or will.</param>
/// <param name="Sequence">Its number.</param>
/// <param name="Type">What it is about.</param>
/// <param name="Payload">What it says.</param>
/// <param name="Content">The kept content; empty when there is none or it was not asked for.</param>
/// <param name="Closed">Why what was said cannot be read: its key was destroyed, or is not here. Null when the record is whole.</param>
/// <param name="IsInPieces">True when digests of long content are over its pieces (docs/journal-format.md).</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct JournalRecord(JournalPosition Position, JournalPosition Next, long Sequence, RecordType Type, RecordedPayload Payload, ReadOnlyMemory<byte> Content, ClosedContent? Closed = null, bool IsInPieces = false);

/// <summary>
/// Reads a journal record by record, while it is written or afterwards. Checks lengths, checksums and payloads; whether the
/// account is the one that was written is <see cref="JournalVerifier"/>'s question.
/// </summary>
/// <param name="folder">The folder of segment files.</param>
/// <param name="keys">Opens what is sealed; null to read what is said of it alone.</param>
public sealed class JournalReader(string folder, IDataKeys? keys = null)
{
    private PayloadMemo? _memo;

    /// <summary>The journal's id, or null when there is no segment yet.</summary>
    /// <exception cref="RecordingException">The first segment that is here cannot be read.</exception>
    public string? ReadJournalId()
    {
        using var storage = FolderStorage.ForReading(folder);
        if (!MovedSegment.IsThere(folder, 1)) return null;
        // Each segment names the journal: none comes back from a store for that, which may be away.
        var segment = 1;
        while (!File.Exists(Path.Combine(folder, JournalFormat.SegmentName(segment))) && MovedSegment.IsThere(folder, segment + 1)) segment++;
        var name = JournalFormat.SegmentName(segment);
        using var scanner = new SegmentScanner(Open(storage, name));
        return scanner.ReadHeader(out var header) == ScanStep.Record ? header!.Journal : throw Damaged(name, scanner);
    }

    /// <summary>The records from a position on.</summary>
    /// <param name="from">Where to begin.</param>
    /// <param name="through">
    /// The last sequence to read. Beside a running recorder give its <see cref="Recorder.DurableSequence"/>; otherwise reading
    /// ends where the last segment's whole records end.
    /// </param>
    /// <param name="withContent">False leaves content out, for those who only index.</param>
    /// <exception cref="RecordingException">A record cannot be read; names file and offset.</exception>
    public IEnumerable<JournalRecord> Read(JournalPosition from, long through = long.MaxValue, bool withContent = true) =>
        Read(from, through, withContent, only: null, isWanted: null);

    /// <summary>
    /// As <see cref="Read(JournalPosition, long, bool)"/>, for those who look for a few types of records: of all others the checksum is
    /// checked, their payload is <see cref="RecordedUnread"/>, and content is left out but for the begin of requests. Of endings what was sealed is left out too: how
    /// an operation ended stands beside it. One such reading at a time.
    /// </summary>
    /// <param name="from">Where to begin.</param>
    /// <param name="through">The last sequence to read.</param>
    /// <param name="isWanted">Which types to read.</param>
    /// <param name="requestBytes">Of each request so many bytes.</param>
    /// <exception cref="RecordingException">A record cannot be read; names file and offset.</exception>
    public IEnumerable<JournalRecord> Read(JournalPosition from, long through, Func<RecordType, bool> isWanted, int requestBytes = 0) =>
        Read(from, through, withContent: false, only: null, isWanted, _memo ??= new PayloadMemo(withBasis: false), requestBytes);

    /// <summary>
    /// Only what was asked, as <see cref="Policy.Replay"/> needs it: intents with their content, and counted denials. All other records are
    /// skipped, their checksums checked.
    /// </summary>
    /// <param name="from">Where to begin.</param>
    /// <param name="through">The last sequence to read.</param>
    /// <exception cref="RecordingException">A record cannot be read; names file and offset.</exception>
    public IEnumerable<JournalRecord> ReadQuestions(JournalPosition from, long through = long.MaxValue) =>
        Read(from, through, withContent: true, only: null, static type => type is RecordType.Intent or RecordType.Denials, new PayloadMemo(withBasis: true));

    private IEnumerable<JournalRecord> Read(JournalPosition from, long through, bool withContent, OperationId? only, Func<RecordType, bool>? isWanted, PayloadMemo? memo = null, int requestBytes = 0)
    {
        using var storage = FolderStorage.ForReading(folder);
        using var opener = new RecordOpener(keys);
        var position = from;
        bool isLast() => IsLast(position.Segment);
        long last = 0;
        while (last < through && MovedSegment.IsThere(folder, position.Segment))
        {
            var name = JournalFormat.SegmentName(position.Segment);
            using var scanner = new SegmentScanner(Open(storage, name));
            if (scanner.ReadHeader(out _) != ScanStep.Record)
            {
                if (scanner.IsTorn && IsLast(position.Segment)) yield break;
                throw Damaged(name, scanner);
            }
            if (position.Offset == 0)
            {
                last = scanner.Head.Sequence;
                yield return Take(scanner, opener, position.Segment, withContent ? int.MaxValue : scanner.Head.Type == RecordType.Intent ? requestBytes : 0, name, memo);
            }
            else
            {
                scanner.Seek(position.Offset);
            }
            while (last < through)
            {
                var step = scanner.Read(isLast);
                if (step is null) yield break;
                if (step == ScanStep.End) break;
                if (step == ScanStep.Bad) throw Damaged(name, scanner);
                if (scanner.Head.Sequence > through) yield break;
                last = scanner.Head.Sequence;
                if (isWanted is not null && !isWanted(scanner.Head.Type))
                {
                    yield return new JournalRecord(
                        new JournalPosition(position.Segment, scanner.Offset), new JournalPosition(position.Segment, scanner.Next), last, scanner.Head.Type, RecordedUnread.Instance, default);
                    continue;
                }
                if (only is { } wanted && (!JournalScan.TryReadOperation(scanner.Json, out var about) || about != wanted)) continue;
                yield return Take(scanner, opener, position.Segment, withContent ? int.MaxValue : scanner.Head.Type == RecordType.Intent ? requestBytes : 0, name, memo);
            }
            position = new JournalPosition(position.Segment + 1, 0);
        }
    }

    /// <summary>Reads everything about one operation, from its intent on; null when there is no such intent at that position.</summary>
    /// <param name="operation">The operation.</param>
    /// <param name="intent">Where its intent stands.</param>
    /// <param name="through">As in <see cref="Read"/>; the sequence of its ending, where known, saves reading further.</param>
    public RecordedOperation? ReadOperation(OperationId operation, JournalPosition intent, long through = long.MaxValue) =>
        RecordedOperation.Assemble(operation, Read(intent, through, withContent: true, operation, isWanted: null));

    /// <summary>How many bytes stand in the files from a position on; what is gone, or cannot be seen, counts for nothing.</summary>
    public long BytesFrom(JournalPosition from)
    {
        var total = -from.Offset;
        for (var segment = from.Segment; ; segment++)
        {
            if ((IsLast(segment) ? UsedLengthOf(segment) : LengthOf(segment)) is not { } length) return Math.Max(0, total);
            total += length;
        }
    }

    /// <summary>How long a segment is, wherever it is kept and folded or not; null when there is none.</summary>
    public long? LengthOf(int segment) => MovedSegment.LengthOf(folder, segment);

    /// <summary>The file name of a segment.</summary>
    public static string SegmentFile(int number) => JournalFormat.SegmentName(number);

    /// <summary>The number in a segment's file name; null for other names.</summary>
    public static int? SegmentNumber(string name) => JournalFormat.TryReadSegmentName(name, out var number) ? number : null;

    private long? UsedLengthOf(int segment)
    {
        if (LengthOf(segment) is not { } length) return null;
        try
        {
            using var storage = FolderStorage.ForReading(folder);
            using var file = storage.Open(SegmentFile(segment));
            return JournalRoom.UsedLength(file);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // Whoever reads it is told; whoever counts must not fall over it.
            return length;
        }
    }

    private bool IsLast(int segment) => !MovedSegment.IsThere(folder, segment + 1);

    private static JournalRecord Take(SegmentScanner scanner, RecordOpener opener, int segment, int contentBytes, string name, PayloadMemo? memo)
    {
        var withSaid = contentBytes > 0 || memo is null || scanner.Head.Type != RecordType.Ending;
        if (!opener.TryRead(scanner, memo, withSaid, contentBytes > 0, out var payload, out var content, out var closed, out var problem))
        {
            throw new RecordingException($"file `{name}`, offset {scanner.Offset}, sequence {scanner.Head.Sequence}: {problem}");
        }
        return new JournalRecord(new JournalPosition(segment, scanner.Offset), new JournalPosition(segment, scanner.Next), scanner.Head.Sequence, scanner.Head.Type, payload,
            content.Length <= contentBytes ? content : content[..contentBytes].ToArray(), closed, scanner.Head.IsInPieces);
    }

    private static IJournalFile Open(FolderStorage storage, string name)
    {
        try
        {
            return storage.Open(name);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new RecordingException($"the segment `{name}` cannot be opened: {fault.Message}", fault);
        }
    }

    private static RecordingException Damaged(string name, SegmentScanner scanner) =>
        new($"file `{name}`, offset {scanner.Offset}: {scanner.Problem}; run `postern verify` on the folder");
}
