namespace Postern.Gateway.Recordings;

/// <summary>What the index keeps of one operation, beside the terms by which it is found. Times are 100 ns ticks since year 1 in UTC.</summary>
internal sealed class IndexedOperation
{
    public string Id { get; set; } = "";

    /// <summary>The session's number in the index.</summary>
    public long Session { get; set; }

    public string Identity { get; set; } = "";

    public long At { get; set; }

    public string Action { get; set; } = "";

    public string Summary { get; set; } = "";

    public string Decision { get; set; } = "";

    public string? Rule { get; set; }

    public string Reason { get; set; } = "";

    public string? Outcome { get; set; }

    public string? Code { get; set; }

    public string? Hold { get; set; }

    public long? EndedAt { get; set; }

    public long ReplyBytes { get; set; }

    public long MaskedValues { get; set; }

    public int Segment { get; set; }

    public long Position { get; set; }

    public long Sequence { get; set; }

    public long? LastSequence { get; set; }

    public OperationSummary ToSummary(string session) => new(
        Id, session, IndexRows.Time(At), Action, Summary, Decision, Rule, Reason, Outcome, Code, Hold,
        EndedAt is { } ended ? IndexRows.Time(ended) : null, ReplyBytes, MaskedValues, Sequence);
}
