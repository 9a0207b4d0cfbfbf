using System.Collections.Immutable;

namespace Postern.Core.Recording;

/// <summary>A signed point of a journal: note it elsewhere, and a later verification proves that nothing up to it was cut off.</summary>
/// <param name="Journal">The journal's id.</param>
/// <param name="Sequence">The last sequence that it covers.</param>
/// <param name="Chain">Chain value after that record, in hex.</param>
public sealed record JournalAnchor(string Journal, long Sequence, string Chain);

/// <summary>The first thing that is wrong with a journal.</summary>
/// <param name="File">Path of the segment file.</param>
/// <param name="Offset">Bytes from its begin.</param>
/// <param name="Sequence">The sequence of the record that is, or should be, there.</param>
/// <param name="Problem">What is wrong.</param>
/// <param name="SuspectFrom">The first sequence that may have been changed; less than <see cref="Sequence"/> where only a signature over several records does not match.</param>
public sealed record BadRecord(string File, long Offset, long Sequence, string Problem, long SuspectFrom);

/// <summary>What verification says of one journal.</summary>
public sealed record JournalVerdict
{
    /// <summary>The folder it was read from.</summary>
    public required string Folder { get; init; }

    /// <summary>Its id; empty when no header could be read.</summary>
    public required string Journal { get; init; }

    /// <summary>How many segment files are good, the one with the bad record included.</summary>
    public required int Segments { get; init; }

    /// <summary>How many records are good, headers and checkpoints included.</summary>
    public required long Records { get; init; }

    /// <summary>How many checkpoints are good.</summary>
    public required long Checkpoints { get; init; }

    /// <summary>The last signed point, or null when nothing is signed.</summary>
    public required JournalAnchor? LastCheckpoint { get; init; }

    /// <summary>When it was signed.</summary>
    public required DateTimeOffset? LastCheckpointAt { get; init; }

    /// <summary>
    /// Records behind the last checkpoint: in order and whole, but under no signature yet. A running gateway has some for up to
    /// a second; a stopped one has none.
    /// </summary>
    public required int Unanchored { get; init; }

    /// <summary>Good records whose content was taken out because their session was erased; a signed tombstone of each stands in the journal.</summary>
    public long Folded { get; init; }

    /// <summary>Operations without an ending: in flight, if the gateway runs; else its next start ends them as unknown.</summary>
    public required ImmutableArray<string> OpenIntents { get; init; }

    /// <summary>The first thing that is wrong, or null.</summary>
    public required BadRecord? Bad { get; init; }

    /// <summary>True when everything that is there is as it was written.</summary>
    public bool IsGood => Bad is null;
}

/// <summary>What verification says of everything it was given.</summary>
/// <param name="Journals">One verdict per journal.</param>
/// <param name="Problems">What is wrong beyond single journals: nothing found, an unreadable path, one journal twice, an anchor not met.</param>
public sealed record VerifyReport(ImmutableArray<JournalVerdict> Journals, ImmutableArray<string> Problems)
{
    /// <summary>True when at least one journal was found and nothing at all is wrong.</summary>
    public bool IsGood => Problems.IsEmpty && !Journals.IsEmpty && Journals.All(journal => journal.IsGood);
}
