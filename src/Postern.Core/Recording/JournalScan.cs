using System.Text.Json;
using Postern.Core.Operations;

namespace Postern.Core.Recording;

/// <summary>Why a scan stopped.</summary>
/// <param name="File">The segment's file name.</param>
/// <param name="Offset">Where in it.</param>
/// <param name="Sequence">The sequence that should stand there.</param>
/// <param name="Text">What is wrong.</param>
/// <param name="IsTornTail">True when it can be the remains of a last write that was cut short.</param>
internal sealed record ScanProblem(string File, long Offset, long Sequence, string Text, bool IsTornTail)
{
    /// <summary>When a signature does not match the chain: the last signed sequence; the change is behind it and before <see cref="Sequence"/>.</summary>
    public long? SuspectAfter { get; init; }

    /// <summary>True when all that is wrong is that a key signs which the reader does not know.</summary>
    public bool IsUnknownKey { get; init; }
}

/// <summary>
/// Walks the segments of one journal: numbers, chain, checkpoints, one ending per intent. Recovery and verification are this same
/// walk. Verification (<c>strict</c>) begins at the first record and reads every payload to the last member; recovery begins at the
/// segment of the oldest intent that can still be open, so that a start takes no longer as the journal grows.
/// </summary>
internal sealed class JournalScan(IJournalStorage storage, JournalKeyring keys, bool strict) : IDisposable
{
    private readonly KeySuccession _signers = new(keys);
    private JournalChain? _chain = new() { IsProof = true };
    private readonly Dictionary<OperationId, long> _open = [];
    private readonly HashSet<OperationId> _closed = [];
    private readonly Tombstones _tombstones = new();
    private bool _isPartial;

    /// <summary>The journal's id; empty when there is no segment.</summary>
    public string JournalId { get; private set; } = "";

    /// <summary>What its checksums start from.</summary>
    public uint Seed { get; private set; }

    /// <summary>The last segment with a good header; 0 when there is none.</summary>
    public int Segment { get; private set; }

    /// <summary>The format version of that segment.</summary>
    public uint Version { get; private set; }

    /// <summary>Offset behind the last good record in that segment.</summary>
    public long Offset { get; private set; }

    /// <summary>The last good sequence.</summary>
    public long Sequence { get; private set; }

    /// <summary>Good records since the last checkpoint.</summary>
    public int Unsigned { get; private set; }

    /// <summary>Checkpoints whose signature is good.</summary>
    public long Checkpoints { get; private set; }

    /// <summary>Id of the key that signs the last segment; empty when there is none.</summary>
    public string Signer => _signers.Current?.KeyId ?? "";

    /// <summary>The last of them.</summary>
    public RecordedCheckpoint? LastCheckpoint { get; private set; }

    /// <summary>Intents without an ending, with their sequences.</summary>
    public IReadOnlyDictionary<OperationId, long> Open => _open;

    /// <summary>The first thing that is wrong, or null.</summary>
    public ScanProblem? Problem { get; private set; }

    /// <summary>Called for each checkpoint that is good; lets a verifier compare with what was noted elsewhere.</summary>
    public Action<RecordedCheckpoint>? OnCheckpoint { get; init; }

    /// <summary>The chain behind the last good record, for who writes on from there; the scan has it no longer.</summary>
    public JournalChain TakeChain()
    {
        var chain = _chain ?? throw new InvalidOperationException("the chain was taken before");
        _chain = null;
        chain.IsProof = false;
        return chain;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _chain?.Dispose();
        _signers.Dispose();
    }

    /// <summary>Records whose content was taken out because their session was erased.</summary>
    public long Folded => _tombstones.Folded;

    /// <summary>Walks to the end, or to the first problem.</summary>
    public void Run(CancellationToken cancellationToken)
    {
        Walk(cancellationToken);
        // INVARIANT: content is out of a record only where a signature stands over a tombstone of its session. Otherwise whoever can write to
        // the disk could take out what somebody said, and call it an erasure.
        if (strict) Problem ??= _tombstones.Missing;
    }

    private void Walk(CancellationToken cancellationToken)
    {
        var names = storage.List().Where(name => name.EndsWith(".pjl", StringComparison.Ordinal)).ToList();
        var chain = _chain ?? throw new InvalidOperationException("the chain was taken before");
        for (var i = strict ? 0 : FirstNeeded(names, chain); i < names.Count; i++)
        {
            if (!JournalFormat.TryReadSegmentName(names[i], out var number) || number != i + 1)
            {
                Problem = new ScanProblem(names[i], 0, Sequence + 1, $"expected segment `{JournalFormat.SegmentName(i + 1)}` here; a segment is missing or a file was renamed", IsTornTail: false);
                return;
            }
            using var scanner = new SegmentScanner(storage.Open(names[i]));
            if (!RunSegment(scanner, names[i], number, isLast: i == names.Count - 1, chain, cancellationToken)) return;
        }
    }

    /// <summary>
    /// The segment from which recovery needs to read, and the state at its begin. A forged header gains nothing: the chain value that
    /// it states goes into the next checkpoint's signature. Where anything is odd, everything is read.
    /// </summary>
    private int FirstNeeded(List<string> names, JournalChain chain)
    {
        for (var i = 0; i < names.Count; i++)
        {
            if (!string.Equals(names[i], JournalFormat.SegmentName(i + 1), StringComparison.Ordinal)) return 0;
        }
        long? needed = null;
        for (var i = names.Count - 1; i > 0; i--)
        {
            using var scanner = new SegmentScanner(storage.Open(names[i]));
            if (scanner.ReadHeader(out var header) != ScanStep.Record || header is null)
            {
                // The last header may be torn; then the segment before it is the last that counts.
                if (i == names.Count - 1) continue;
                return 0;
            }
            needed ??= header.OldestOpen ?? header.First;
            if (header.First > needed) continue;
            if (!Digest.TryParse(header.Previous, out var previous)) return 0;
            chain.Begin(previous);
            JournalId = header.Journal;
            Sequence = header.First - 1;
            _isPartial = true;
            return i;
        }
        return 0;
    }

    private bool RunSegment(SegmentScanner scanner, string name, int number, bool isLast, JournalChain chain, CancellationToken cancellationToken)
    {
        bool Stop(string text, bool isTornTail = false, long? suspectAfter = null)
        {
            Problem = new ScanProblem(name, scanner.Offset, Sequence + 1, text, isTornTail) { SuspectAfter = suspectAfter };
            return false;
        }

        if (scanner.ReadHeader(out var header) != ScanStep.Record || header is null)
        {
            // A header is durable before anything follows it, so only a file as short as a header can be a torn one.
            return Stop(scanner.Problem, isTornTail: isLast && scanner.IsTorn && scanner.Length <= JournalFormat.MaxHeaderBytes);
        }
        if (number > 1 && !string.Equals(header.Journal, JournalId, StringComparison.Ordinal)) return Stop($"the segment belongs to journal {header.Journal}, not to {JournalId}");
        if (header.Segment != number) return Stop($"the header says segment {header.Segment}, the file name {number}");
        if (!string.Equals(header.Previous, chain.Link().ToString(), StringComparison.Ordinal)) return Stop("the header does not continue the chain of the segment before");
        if (_signers.Begin(header.Signer) is { } stranger)
        {
            Problem = new ScanProblem(name, scanner.Offset, Sequence + 1, stranger, IsTornTail: false) { IsUnknownKey = true };
            return false;
        }
        if (header.First != Sequence + 1 || scanner.Head.Sequence != header.First) return Stop($"the header has sequence {scanner.Head.Sequence}, expected {Sequence + 1}");
        if (strict && header.OldestOpen != (_open.Count == 0 ? null : _open.Values.Min())) return Stop("the header does not name the oldest open intent");
        JournalId = header.Journal;
        SegmentScanner.TrySeed(JournalId, out var seed);
        Seed = seed;
        Segment = number;
        Version = scanner.Version;
        chain.Use(scanner.Version);
        Take(scanner, chain);

        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var step = scanner.Read();
            if (step == ScanStep.End) return true;
            if (step == ScanStep.Bad)
            {
                if (isLast && scanner.IsInRoom) return true;
                if (!isLast || !scanner.IsTorn) return Stop(scanner.Problem);
                var proof = scanner.FindProofOfDamage(scanner.Offset + 1, Sequence + 1);
                return proof is null
                    ? Stop(scanner.Problem, isTornTail: true)
                    : Stop($"{scanner.Problem}, and record {proof} behind it was written when it was already durable");
            }
            if (scanner.Head.Sequence != Sequence + 1) return Stop($"the record has sequence {scanner.Head.Sequence}, expected {Sequence + 1}");
            if (scanner.Head.Type == RecordType.Header) return Stop("a header stands inside a segment");
            if (scanner.Head.Type == RecordType.Checkpoint)
            {
                if (CheckpointProblem(scanner, chain.Link()) is { } wrong) return Stop(wrong, suspectAfter: LastCheckpoint?.Through ?? 0);
            }
            else if (Unsigned >= JournalFormat.RecordsPerCheckpoint)
            {
                return Stop($"more than {JournalFormat.RecordsPerCheckpoint} records stand without a checkpoint");
            }
            else if (PayloadProblem(scanner) is { } wrong)
            {
                return Stop(wrong);
            }
            if (strict && _tombstones.Problem(scanner, name) is { } unnamed) return Stop(unnamed);
            Take(scanner, chain);
        }
    }

    private void Take(SegmentScanner scanner, JournalChain chain)
    {
        scanner.AddTo(chain);
        Sequence++;
        Offset = scanner.Next;
        Unsigned = scanner.Head.Type == RecordType.Checkpoint ? 0 : Unsigned + 1;
    }

    private string? CheckpointProblem(SegmentScanner scanner, Digest chain)
    {
        if (scanner.Head.ContentLength != 0 || !PayloadReader.TryRead(RecordType.Checkpoint, scanner.Json, out var payload, out _)) return "the checkpoint's payload cannot be read";
        var checkpoint = (RecordedCheckpoint)payload;
        var key = _signers.Current!;
        if (!string.Equals(checkpoint.Key, key.KeyId, StringComparison.Ordinal)) return $"the checkpoint is signed with key {checkpoint.Key}; its segment is signed with {key.KeyId}";
        if (!string.Equals(checkpoint.Journal, JournalId, StringComparison.Ordinal)) return "the checkpoint belongs to another journal";
        if (checkpoint.Through != Sequence) return $"the checkpoint covers sequence {checkpoint.Through}, expected {Sequence}";
        if (!string.Equals(checkpoint.Chain, chain.ToString(), StringComparison.Ordinal)) return "the checkpoint's chain value does not match the records before it";
        var signature = new byte[64];
        if (!Convert.TryFromBase64String(checkpoint.Signature, signature, out var length) || length != signature.Length
            || !key.Verifies(CheckpointText.Of(checkpoint.Journal, checkpoint.Through, checkpoint.Chain, checkpoint.At), signature))
        {
            return "the checkpoint's signature is not that of the key given";
        }
        Checkpoints++;
        LastCheckpoint = checkpoint;
        _signers.Signed();
        _tombstones.Signed();
        OnCheckpoint?.Invoke(checkpoint);
        return null;
    }

    private string? PayloadProblem(SegmentScanner scanner)
    {
        var type = scanner.Head.Type;
        if (strict || type == RecordType.Occurrence)
        {
            if (!PayloadReader.TryRead(type, scanner.Json, out var payload, out var problem)) return problem;
            if (payload is RecordedOccurrence occurrence)
            {
                _signers.Read(occurrence.Kind, occurrence.Facts);
                if (strict) _tombstones.Read(occurrence);
            }
            else if (payload is RecordedIntent intent)
            {
                _tombstones.Begin(intent);
            }
        }
        if (scanner.Head.ContentLength != 0 && type is not (RecordType.Intent or RecordType.Frame) && !scanner.Head.IsSealed) return "a record of this type carries no content";
        if (type is RecordType.Occurrence or RecordType.Denials) return null;
        if (!TryReadOperation(scanner.Json, out var operation)) return "the record names no operation";
        if (type == RecordType.Intent)
        {
            if (!_open.TryAdd(operation, Sequence + 1) || _closed.Contains(operation)) return $"a second intent for operation {operation}";
            return null;
        }
        // Read from the middle, operations that began before are met without their intents; they ended before the last segment began.
        if (_isPartial && !_open.ContainsKey(operation)) return null;
        if (!_open.ContainsKey(operation)) return $"operation {operation} has no open intent before this record";
        if (type != RecordType.Ending) return null;
        _open.Remove(operation);
        if (strict) _closed.Add(operation);
        return null;
    }

    /// <summary>Reads the operation that a record is about, its payload's first member.</summary>
    internal static bool TryReadOperation(ReadOnlySpan<byte> json, out OperationId operation)
    {
        operation = default;
        var reader = new Utf8JsonReader(json);
        try
        {
            return reader.Read() && reader.TokenType == JsonTokenType.StartObject
                && reader.Read() && reader.ValueTextEquals("op"u8)
                && reader.Read() && reader.TokenType == JsonTokenType.String
                && OperationId.TryParse(reader.GetString(), out operation);
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            return false;
        }
    }
}
