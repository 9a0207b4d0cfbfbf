using System.Collections.Immutable;
using System.Globalization;
using Postern.Core.Operations;

namespace Postern.Core.Recording;

/// <summary>One frame and what is kept of it.</summary>
/// <param name="Sequence">Its place among all records.</param>
/// <param name="Frame">What the record says of it.</param>
/// <param name="Content">What is kept, after masks.</param>
/// <param name="Closed">Why none of it can be read; null when it can.</param>
/// <param name="IsInPieces">True when digests of long content are over its pieces (docs/journal-format.md).</param>
public sealed record RecordedContent(long Sequence, RecordedFrame Frame, ReadOnlyMemory<byte> Content, ClosedContent? Closed = null, bool IsInPieces = false)
{
    /// <summary>What a replay shows in place of bytes that were not kept, or null when all were.</summary>
    public string? NotKept => Closed is { } why ? why.ToString() : Frame.Bytes == Content.Length ? null
        : string.Create(CultureInfo.InvariantCulture, $"not kept: {Frame.Bytes - Content.Length} bytes, sha256 {Frame.Sha256}");
}

/// <summary>Everything the journal says of one operation: the whole story of who, what, why, by whose leave and what came back (G20).</summary>
public sealed record RecordedOperation
{
    /// <summary>Who asked for what, and what policy said.</summary>
    public required RecordedIntent Intent { get; init; }

    /// <summary>The request after masks, whole.</summary>
    public required ReadOnlyMemory<byte> Request { get; init; }

    /// <summary>The use of people's agreement, if it took any.</summary>
    public RecordedClearing? Clearing { get; init; }

    /// <summary>What went either way, in the order of the record.</summary>
    public ImmutableArray<RecordedContent> Frames { get; init; } = [];

    /// <summary>The ending, or null while it is open.</summary>
    public RecordedEnding? Ending { get; init; }

    /// <summary>Why what was said cannot be read: it was erased, or its key is not here. Null when the operation is whole.</summary>
    public ClosedContent? Closed { get; init; }

    /// <summary>The intent's sequence.</summary>
    public required long FirstSequence { get; init; }

    /// <summary>The sequence of the last record about it.</summary>
    public required long LastSequence { get; init; }

    /// <summary>
    /// True when the frames are those that the ending's running digests were made over: what is kept is what was released, and
    /// nothing is left out. Where what was said cannot be read there is nothing to compare.
    /// </summary>
    public bool MatchesDigests => Ending is null || Closed is not null || (Matches("reply", Ending.Reply) && Matches("input", Ending.Input));

    /// <summary>Puts an operation together from records in order; null when they do not hold its intent.</summary>
    public static RecordedOperation? Assemble(OperationId operation, IEnumerable<JournalRecord> records)
    {
        var id = operation.ToString();
        RecordedOperation? assembled = null;
        var frames = ImmutableArray.CreateBuilder<RecordedContent>();
        foreach (var record in records)
        {
            switch (record.Payload)
            {
                case RecordedIntent intent when string.Equals(intent.Op, id, StringComparison.Ordinal):
                    assembled = new RecordedOperation { Intent = intent, Request = record.Content, Closed = record.Closed, FirstSequence = record.Sequence, LastSequence = record.Sequence };
                    break;
                case RecordedClearing clearing when assembled is not null && string.Equals(clearing.Op, id, StringComparison.Ordinal):
                    assembled = assembled with { Clearing = clearing, LastSequence = record.Sequence };
                    break;
                case RecordedFrame frame when assembled is not null && string.Equals(frame.Op, id, StringComparison.Ordinal):
                    frames.Add(new RecordedContent(record.Sequence, frame, record.Content, record.Closed, record.IsInPieces));
                    assembled = assembled with { Closed = assembled.Closed ?? record.Closed, LastSequence = record.Sequence };
                    break;
                case RecordedEnding ending when assembled is not null && string.Equals(ending.Op, id, StringComparison.Ordinal):
                    return assembled with { Closed = assembled.Closed ?? record.Closed, Ending = ending, Frames = frames.ToImmutable(), LastSequence = record.Sequence };
            }
        }
        return assembled is null ? null : assembled with { Frames = frames.ToImmutable() };
    }

    private bool Matches(string direction, RecordedFlow? sums)
    {
        // Endings that recovery wrote have no sums: nobody was left to know them.
        if (sums is null) return true;
        Digest? running = null;
        foreach (var frame in Frames)
        {
            if (!string.Equals(frame.Frame.Dir, direction, StringComparison.Ordinal)) continue;
            Digest own;
            if (frame.NotKept is null) own = frame.IsInPieces ? ContentDigest.ByLibrary(frame.Content.Span) : Digest.Of(frame.Content.Span);
            else if (!Digest.TryParse(frame.Frame.Sha256, out own)) return false;
            running = running is { } before ? AccountFlow.Next(before, own) : own;
        }
        return running is { } all && string.Equals(all.ToString(), sums.Sha256, StringComparison.Ordinal);
    }
}
