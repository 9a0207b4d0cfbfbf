using Postern.Core.Operations;

namespace Postern.Core.Recording;

/// <summary>
/// What a journal says of sessions that were erased, against the records whose content was taken out. A verifier asks it at the end: each
/// such record needs a tombstone of its session behind it, and a signature over that.
/// </summary>
internal sealed class Tombstones
{
    /// <summary>Kind of the occurrence that tells of a session that somebody erased.</summary>
    public const string ErasedKind = "session.erased";

    /// <summary>Kind of the occurrence that tells of a session whose time was over.</summary>
    public const string ExpiredKind = "session.expired";

    private readonly Dictionary<OperationId, string> _sessions = [];
    private readonly Dictionary<string, ScanProblem> _missing = new(StringComparer.Ordinal);
    private readonly List<string> _unsigned = [];

    /// <summary>How many records are folded.</summary>
    public long Folded { get; private set; }

    /// <summary>The first folded record of whose session no signed tombstone says that it was erased; null when there is none.</summary>
    public ScanProblem? Missing => _missing.Count == 0 ? null : _missing.Values.MinBy(static problem => problem.Sequence);

    /// <summary>An operation begins: whatever stands of it is its session's.</summary>
    public void Begin(RecordedIntent intent)
    {
        if (OperationId.TryParse(intent.Op, out var operation)) _sessions[operation] = intent.Session;
    }

    /// <summary>Takes note of the record that a scanner stands on; says why a folded one cannot be what it says.</summary>
    public string? Problem(SegmentScanner scanner, string file)
    {
        var head = scanner.Head;
        if (head.Type is not (RecordType.Intent or RecordType.Frame or RecordType.Ending)) return null;
        if (!head.IsFolded && head.Type != RecordType.Ending) return null;
        if (!JournalScan.TryReadOperation(scanner.Json, out var operation) || !_sessions.TryGetValue(operation, out var session)) return head.IsFolded ? "the content was taken out of a record that belongs to no session" : null;
        if (head.Type == RecordType.Ending) _sessions.Remove(operation);
        if (!head.IsFolded) return null;
        Folded++;
        _missing.TryAdd(session, new ScanProblem(file, scanner.Offset, head.Sequence, $"what was said was taken out of this record, and no signed tombstone behind it says that session `{session}` was erased", IsTornTail: false));
        return null;
    }

    /// <summary>Takes note of a tombstone; it counts once it is signed.</summary>
    public void Read(RecordedOccurrence occurrence)
    {
        if (occurrence.Kind is not (ErasedKind or ExpiredKind)) return;
        foreach (var fact in occurrence.Facts)
        {
            if (fact.Name == "session") _unsigned.Add(fact.Value);
        }
    }

    /// <summary>A good signature stands over everything so far.</summary>
    public void Signed()
    {
        foreach (var session in _unsigned) _missing.Remove(session);
        _unsigned.Clear();
    }
}
