using System.Runtime.InteropServices;
using Postern.Protocols.Postgres.Sql;

namespace Postern.Protocols.Postgres;

/// <summary>What the server must answer next.</summary>
internal enum ReplyKind
{
    /// <summary>ParseComplete.</summary>
    Parsed,

    /// <summary>BindComplete.</summary>
    Bound,

    /// <summary>CloseComplete.</summary>
    Closed,

    /// <summary>ParameterDescription, then RowDescription or NoData.</summary>
    StatementDescribed,

    /// <summary>RowDescription or NoData.</summary>
    PortalDescribed,

    /// <summary>Rows, then CommandComplete or EmptyQueryResponse.</summary>
    Executed,

    /// <summary>The results of all statements of a text.</summary>
    Queried,

    /// <summary>ReadyForQuery.</summary>
    Ready,
}

/// <summary>One expected answer, and what becomes true with it.</summary>
/// <param name="Kind">Which.</param>
/// <param name="Name">Parsed: the statement's name.</param>
/// <param name="Prepared">Parsed, StatementDescribed: the statement.</param>
/// <param name="Portal">PortalDescribed, Executed: the portal.</param>
/// <param name="IsOwn">True when the gateway asked for it and the client did not: it is not passed on.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct Reply(ReplyKind Kind, string? Name = null, Prepared? Prepared = null, Portal? Portal = null, bool IsOwn = false);

/// <summary>A unit as it was understood: what is asked, what the server must answer, and what names stand for afterwards.</summary>
internal sealed class UnitPlan
{
    /// <summary>Everything that runs, in order.</summary>
    public List<UnitStatement> Statements { get; } = [];

    /// <summary>What is only prepared here, and runs later.</summary>
    public List<UnitStatement> OnlyPrepared { get; } = [];

    /// <summary>The answers that must come, in order.</summary>
    public List<Reply> Replies { get; } = [];

    /// <summary>
    /// For each Execute how its rows look, where that was told in an earlier unit; null where this one tells it, or nobody knows. The record of
    /// the unit then says it, so that rows can be read without what came before.
    /// </summary>
    public List<RowPlan?> Results { get; } = [];

    /// <summary>The statements of a Query, for their rows; for an EXECUTE what was prepared.</summary>
    public List<SqlStatement> Queried { get; } = [];

    /// <summary>Names that statements of SQL prepare or forget: what they stand for when all goes well; null for nothing.</summary>
    public List<(string Name, Prepared? Prepared)> Names { get; } = [];

    /// <summary>True when the server says ReadyForQuery at its end.</summary>
    public bool EndsWithReady { get; set; }

    /// <summary>True when names may mean something else afterwards.</summary>
    public bool WritesCatalogue { get; set; }

    /// <summary>Names that mean something else afterwards, or nothing.</summary>
    public MovedNames Moved { get; } = new();

    /// <summary>Places of the unit at which the gateway asks how the rows of the portal look, before it is executed.</summary>
    public List<(int At, byte[] Message)> Additions { get; } = [];

    /// <summary>What is wrong with it; nothing of it is then forwarded.</summary>
    public Wire.Report? Complaint { get; set; }

    /// <summary>Why it is refused, for the record; null where it is the client's own mistake.</summary>
    public string? Noted { get; set; }

    public void Clear()
    {
        Statements.Clear();
        OnlyPrepared.Clear();
        Replies.Clear();
        Results.Clear();
        Queried.Clear();
        Names.Clear();
        Additions.Clear();
        Moved.Clear();
        EndsWithReady = WritesCatalogue = false;
        Complaint = null;
        Noted = null;
    }
}
