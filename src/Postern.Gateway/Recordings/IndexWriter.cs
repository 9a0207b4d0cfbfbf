using Dapper;
using Microsoft.Data.Sqlite;
using Postern.Core.Recording;

namespace Postern.Gateway.Recordings;

/// <summary>Takes records into the index, in one transaction. Taking one twice changes nothing.</summary>
internal sealed class IndexWriter(SqliteConnection sql, SqliteTransaction transaction) : IDisposable
{
    private readonly IndexStatement _session = new(sql, transaction,
        """
        insert into sessions (id, identity, name, agent, client, connection, protocol, started, last)
        values (@p0, @p1, @p2, @p3, @p4, @p5, @p6, @p7, @p7)
        on conflict (id) do update set last = max(last, excluded.last), client = coalesce(client, excluded.client)
        """, parameters: 8);

    private readonly IndexStatement _operation = new(sql, transaction,
        """
        insert into operations (id, session, identity, at, action, summary, decision, rule, reason, code, segment, position, sequence)
        values (@p0, @p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8, @p9, @p10, @p11, @p12)
        on conflict (id) do nothing
        """, parameters: 13);

    private readonly IndexStatement _ending = new(sql, transaction,
        """
        update operations set outcome = @p1, code = coalesce(@p2, code), hold = coalesce(@p3, hold), ended_at = @p4, reply_bytes = @p5, masked = @p6,
            last_sequence = @p7 where id = @p0
        """, parameters: 8);

    private readonly IndexStatement _sessionEnd = new(sql, transaction,
        "update sessions set last = max(last, @p1) where id = (select session from operations where id = @p0)", parameters: 2);

    /// <summary>Takes one record.</summary>
    public void Take(JournalRecord record)
    {
        switch (record.Payload)
        {
            case RecordedIntent intent:
                Take(record, intent);
                break;
            case RecordedClearing clearing:
                sql.Execute("update operations set hold = @Hold where id = @Op", new { clearing.Hold, clearing.Op }, transaction);
                break;
            case RecordedEnding ending:
                _ending.Run(ending.Op, ending.Outcome, ending.Code, ending.Hold, ending.At.UtcTicks, ending.Reply?.Bytes ?? 0, ending.Reply?.Masked ?? 0, record.Sequence);
                _sessionEnd.Run(ending.Op, ending.At.UtcTicks);
                break;
            case RecordedDenials denials:
                Take(record, denials);
                break;
            default:
                // Headers, checkpoints, frames and occurrences are read from the journal itself.
                break;
        }
    }

    /// <summary>Notes where to go on.</summary>
    public void MoveCursor(string journal, JournalRecord last)
    {
        sql.Execute("delete from cursor", transaction: transaction);
        sql.Execute(
            "insert into cursor (journal, sequence, segment, position) values (@journal, @sequence, @segment, @position)",
            new { journal, sequence = last.Sequence, segment = last.Next.Segment, position = last.Next.Offset }, transaction);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _session.Dispose();
        _operation.Dispose();
        _ending.Dispose();
        _sessionEnd.Dispose();
    }

    private void Take(JournalRecord record, RecordedIntent intent)
    {
        var at = intent.At.UtcTicks;
        _session.Run(intent.Session, intent.Identity.Key, intent.Identity.Name, intent.Identity.Agent, intent.Client, intent.Connection.Name, intent.Connection.Protocol, at);
        _operation.Run(
            intent.Op, intent.Session, intent.Identity.Key, at, intent.Parts.IsDefaultOrEmpty ? "" : intent.Parts[0].Action, IndexRows.Summarise(intent.Parts), intent.Decision.Kind,
            intent.Decision.RuleLabel, intent.Decision.Reason, intent.Decision.Code, record.Position.Segment, record.Position.Offset, record.Sequence);
    }

    private void Take(JournalRecord record, RecordedDenials denials) => sql.Execute(
        """
        insert into denials (sequence, identity, connection, started, ended, count, summary, code)
        values (@sequence, @identity, @connection, @started, @ended, @count, @summary, @code) on conflict (sequence) do nothing
        """,
        new
        {
            sequence = record.Sequence,
            identity = denials.Identity.Key,
            connection = denials.Connection.Name,
            started = denials.From.UtcTicks,
            ended = denials.To.UtcTicks,
            count = denials.Count,
            summary = IndexRows.Summarise(denials.Parts),
            code = denials.Decision.Code,
        },
        transaction);
}
