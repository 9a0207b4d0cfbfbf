using System.Collections.Immutable;
using Postern.Core.Operations;
using Postern.Protocols.Postgres.Masking;

namespace Postern.Protocols.Postgres.Sql;

/// <summary>What a statement does to the transaction that it runs in.</summary>
internal enum TransactionEffect
{
    None,
    Begin,
    Commit,
    Rollback,
    Savepoint,
    RollbackTo,
    Release,
}

/// <summary>
/// One statement as policy and masks see it. Immutable and shared by everybody who sends the same text; beside it is kept what was
/// last made of it, because most texts come again and again.
/// </summary>
internal sealed class SqlStatement
{
    /// <summary><c>select</c>, <c>insert</c>, <c>create_table</c>, <c>set</c>, <c>begin</c>, …; shown and recorded. Policy reads the facts of the parts.</summary>
    public required string Kind { get; init; }

    /// <summary>At least one, whose <c>params</c> are unknown until values are bound (<see cref="PostgresOperations"/> replaces them).</summary>
    public required ImmutableArray<Part> Parts { get; init; }

    /// <summary>Columns of tables that are read through views; what the parts name of them is the views' own (<see cref="ViewReads"/>).</summary>
    public ImmutableArray<string> BeneathViews { get; init; } = [];

    public TransactionEffect Effect { get; init; }

    /// <summary>
    /// Before the names of cursors, which share <see cref="Prepares"/>, <see cref="Executes"/> and <see cref="Deallocates"/> with prepared
    /// statements. No name that comes over the wire has a NUL in it.
    /// </summary>
    public const string CursorPrefix = "\0cursor ";

    /// <summary><c>PREPARE name AS …</c> and <c>DECLARE name CURSOR FOR …</c>: the name; <see cref="Parts"/> are those of the statement inside.</summary>
    public string? Prepares { get; init; }

    /// <summary>
    /// The statement inside. <c>EXECUTE name</c> and <c>FETCH … FROM name</c> are judged by it: whoever keeps the names of a session finds it there.
    /// </summary>
    public SqlStatement? Prepared { get; init; }

    /// <summary><c>DEALLOCATE name</c>, <c>CLOSE name</c>: the name; empty text for all of them (also <c>DISCARD ALL</c>).</summary>
    public string? Deallocates { get; init; }

    /// <summary><c>EXECUTE name (…)</c>, <c>FETCH</c> and <c>MOVE</c>: the name. Its own parts hold what its arguments do; those of what was prepared come on top.</summary>
    public string? Executes { get; init; }

    /// <summary>The highest <c>$n</c>; 0 when there is none.</summary>
    public int ParameterCount { get; init; }

    /// <summary>DDL: names may mean something else afterwards, so the catalogue is read again.</summary>
    public bool WritesCatalogue { get; init; }

    /// <summary>CREATE OR REPLACE VIEW: what other views show may change with it.</summary>
    public bool ReplacesView { get; init; }

    /// <summary>
    /// The <c>search_path</c> goes back to what the session began with (<c>RESET ALL</c>, <c>DISCARD ALL</c>). What the gateway pinned by a
    /// later SET is gone, and must be pinned again before anything else is asked.
    /// </summary>
    public bool ResetsSettings { get; init; }

    /// <summary>
    /// What later statements mean may depend on it, in a way that the server does not report: a role, a setting that row security reads, whatever
    /// an opaque statement does.
    /// </summary>
    public bool ChangesSession { get; init; }

    /// <summary>False when the server never answers it with DataRows.</summary>
    public bool MayReturnRows { get; init; }

    /// <summary>
    /// One for each column of the rows, in order; default when the rows cannot be told (an opaque statement, <c>EXECUTE</c>), which
    /// column masks must refuse unless nothing of theirs is in reach.
    /// </summary>
    public ImmutableArray<OutputColumn> Output { get; init; }

    /// <summary>How its rows were last described, and are read; a race makes it twice, to the same.</summary>
    public RowPlan? Rows
    {
        get => Volatile.Read(ref _rows);
        set => Volatile.Write(ref _rows, value);
    }

    /// <summary>The text that it stands in as it was last shown; a race makes it twice, to the same.</summary>
    public ShownText? Shown
    {
        get => Volatile.Read(ref _shown);
        set => Volatile.Write(ref _shown, value);
    }

    private RowPlan? _rows;
    private ShownText? _shown;

    /// <summary>Where it stands in its text: bytes from, and how many.</summary>
    public int Start { get; init; }

    public int Length { get; init; }
}
