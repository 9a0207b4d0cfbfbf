using System.Collections.Immutable;
using Dapper;
using Microsoft.Data.Sqlite;
using Postern.Core.Recording;
using Postern.Gateway.Recordings.Search;

namespace Postern.Gateway.Recordings;

/// <summary>What the index knows of a session that is to be erased.</summary>
/// <param name="Connection">Its connection's name.</param>
/// <param name="Last">Its latest operation or ending.</param>
/// <param name="Operations">The ids of its operations.</param>
/// <param name="Open">How many of them are under way.</param>
internal sealed record ErasableSession(string Connection, DateTimeOffset Last, ImmutableArray<string> Operations, int Open);

/// <summary>What an erasure takes out of the index: all that was said. Read again from the journal, it would not be there either.</summary>
public sealed partial class RecordingIndex
{
    /// <summary>How a session was erased; null when it was not. Set once, by whoever has the keys.</summary>
    internal Func<string, Erasure?> ErasureOf { get; set; } = static _ => null;

    /// <summary>A session as it is by now; null when there is none.</summary>
    internal async ValueTask<ErasableSession?> FindErasableAsync(string session, CancellationToken cancellationToken)
    {
        await CatchUpAsync(cancellationToken).ConfigureAwait(false);
        return await _file.InTransactionAsync((sql, transaction) =>
        {
            if (Find(sql, transaction, session) is not { } row) return null;
            using var fresh = new FreshTerms();
            using var search = new OperationSearch(sql, fresh);
            return new ErasableSession(row.Connection, IndexRows.Time(row.Last), [.. search.Of(row).Select(one => one.Row.Id)], row.Open);
        }, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Takes what was said in a session out of the index, and out of its log. Counted denials of the same identity and connection in that time
    /// lose their summaries too: which of them are the session's is not said of them.
    /// </summary>
    internal async ValueTask EraseAsync(string session, CancellationToken cancellationToken)
    {
        // First: what is taken in later is read with the keys gone.
        await CatchUpAsync(cancellationToken).ConfigureAwait(false);
        var rows = await _file.InTransactionAsync((sql, transaction) => RowsOf(sql, transaction, session), cancellationToken).ConfigureAwait(false);
        var left = await Task.Run(() => Left(rows), cancellationToken).ConfigureAwait(false);
        await _file.InTransactionAsync((sql, transaction) =>
        {
            Replace(sql, rows.Values, left);
            return sql.Execute(
                """
                update denials set summary = '' where exists (
                    select 1 from sessions s where s.id = @session and s.identity = denials.identity and s.connection = denials.connection
                        and denials.started >= s.started and denials.started <= s.last)
                """,
                new { session }, transaction);
        }, CancellationToken.None).ConfigureAwait(false);
        await _file.TruncateLogAsync().ConfigureAwait(false);
    }

    private static SessionRow? Find(SqliteConnection sql, SqliteTransaction transaction, string id) =>
        sql.QueryFirstOrDefault<SessionRow>(IndexRows.Sessions(byIdentity: false, byConnection: false, byId: true), new { id, limit = 1 }, transaction);

    private static Dictionary<string, (long Number, IndexedOperation Row)> RowsOf(SqliteConnection sql, SqliteTransaction transaction, string session)
    {
        var rows = new Dictionary<string, (long, IndexedOperation)>(StringComparer.Ordinal);
        if (Find(sql, transaction, session) is not { } row) return rows;
        using var fresh = new FreshTerms();
        using var search = new OperationSearch(sql, fresh);
        foreach (var (number, operation) in search.Of(row)) rows[operation.Id] = (number, operation);
        return rows;
    }

    /// <summary>What is left of each operation that is erased, by its number: what its record says without its key, as an index made anew would read it.</summary>
    private Dictionary<long, Remains> Left(Dictionary<string, (long Number, IndexedOperation Row)> rows)
    {
        var left = new Dictionary<long, Remains>(rows.Count);
        if (rows.Count == 0) return left;
        var first = rows.Values.MinBy(one => one.Row.Sequence).Row;
        var terms = new TermSet();
        foreach (var record in _journal.ReadQuestions(new JournalPosition(first.Segment, first.Position), rows.Values.Max(one => one.Row.Sequence)))
        {
            if (record.Payload is not RecordedIntent intent || !rows.TryGetValue(intent.Op, out var known)) continue;
            terms.Clear();
            IndexTerms.Add(terms, intent, intent.Identity.Key, known.Row.Outcome, known.Row.Code);
            IndexTerms.Add(terms, intent.Parts);
            left[known.Number] = new Remains(terms.Terms.ToArray(), IndexRows.Summarise(intent.Parts), intent.Decision.Reason);
        }
        return left;
    }

    /// <summary>Takes every term from these operations, words and values among them, and gives them those that are left; so with what their rows say.</summary>
    private void Replace(SqliteConnection sql, IReadOnlyCollection<(long Number, IndexedOperation Row)> rows, Dictionary<long, Remains> left)
    {
        var next = sql.ExecuteScalar<long>("select next from cursor");
        using var chunks = new ChunkWriter(sql, _limits, next);
        using var writer = new RowWriter(sql);
        chunks.Replace(rows.ToDictionary(one => one.Number, one => left.TryGetValue(one.Number, out var remains) ? remains.Terms : []));
        foreach (var (number, _) in rows)
        {
            if (writer.Change(number) is not { } row) continue;
            // What the journal has no record of any more is known by its action alone.
            var remains = left.GetValueOrDefault(number);
            row.Summary = remains?.Summary ?? row.Action;
            row.Reason = remains?.Reason ?? "";
        }
        writer.Finish();
    }

    private sealed record Remains(long[] Terms, string Summary, string Reason);
}
