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
            if (sql.QueryFirstOrDefault<SessionRow>("select id as Id, connection as Connection, last as Last from sessions where id = @session", new { session }, transaction) is not { } row) return null;
            var operations = sql.Query<string>("select id from operations where session = @session", new { session }, transaction).ToImmutableArray();
            var open = sql.ExecuteScalar<int>("select count(*) from operations where session = @session and outcome is null", new { session }, transaction);
            return new ErasableSession(row.Connection, IndexRows.Time(row.Last), operations, open);
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
        var rows = await _file.InTransactionAsync((sql, transaction) => sql.Query<ErasedRow>(
            "select number as Number, id as Id, outcome as Outcome, code as Code, segment as Segment, position as Position, sequence as Sequence from operations where session = @session order by sequence",
            new { session }, transaction).ToDictionary(row => row.Id, StringComparer.Ordinal), cancellationToken).ConfigureAwait(false);
        var left = await Task.Run(() => Left(rows), cancellationToken).ConfigureAwait(false);
        await _file.InTransactionAsync((sql, transaction) =>
        {
            Find(sql, rows, left);
            sql.Execute("update operations set summary = action where session = @session", new { session }, transaction);
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

    /// <summary>By what each operation is found that is erased: what its record says without its key, as an index made anew would read it.</summary>
    private Dictionary<long, HashSet<long>> Left(Dictionary<string, ErasedRow> rows)
    {
        var left = new Dictionary<long, HashSet<long>>(rows.Count);
        if (rows.Count == 0) return left;
        var first = rows.Values.MinBy(row => row.Sequence)!;
        foreach (var record in _journal.ReadQuestions(new JournalPosition((int)first.Segment, first.Position), rows.Values.Max(row => row.Sequence)))
        {
            if (record.Payload is not RecordedIntent intent || !rows.TryGetValue(intent.Op, out var row)) continue;
            var terms = left[row.Number] = [];
            IndexTerms.Add(terms, intent, intent.Identity.Key, row.Outcome, row.Code);
            IndexTerms.Add(terms, intent.Parts);
        }
        return left;
    }

    /// <summary>Takes every term from these operations, words and values among them, and gives them those that are left.</summary>
    private static void Find(SqliteConnection sql, Dictionary<string, ErasedRow> rows, Dictionary<long, HashSet<long>> left)
    {
        using var postings = new Postings(sql);
        foreach (var chunk in rows.Values.GroupBy(row => row.Number >> SlotSet.Bits))
        {
            var slots = new SlotSet();
            foreach (var row in chunk) slots.Add((int)(row.Number & (SlotSet.Size - 1)));
            postings.Forget(chunk.Key, slots);
        }
        foreach (var (number, terms) in left)
        {
            foreach (var term in terms) postings.Add(number, term);
        }
        postings.Write();
    }

    private sealed record ErasedRow(long Number, string Id, string? Outcome, string? Code, long Segment, long Position, long Sequence);
}
