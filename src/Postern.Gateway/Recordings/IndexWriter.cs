using Dapper;
using Microsoft.Data.Sqlite;
using Postern.Core.Recording;

namespace Postern.Gateway.Recordings;

/// <summary>Takes records into the index. Taking one twice changes nothing.</summary>
internal static class IndexWriter
{
    public static void Take(SqliteConnection sql, SqliteTransaction transaction, JournalRecord record)
    {
        switch (record.Payload)
        {
            case RecordedIntent intent:
                Take(sql, transaction, record, intent);
                break;
            case RecordedClearing clearing:
                sql.Execute("update operations set hold = @Hold where id = @Op", new { clearing.Hold, clearing.Op }, transaction);
                break;
            case RecordedEnding ending:
                Take(sql, transaction, record, ending);
                break;
            case RecordedDenials denials:
                sql.Execute(
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
                    }, transaction);
                break;
            default:
                // Headers, checkpoints, frames and occurrences are read from the journal itself.
                break;
        }
    }

    /// <summary>Notes where to go on.</summary>
    public static void MoveCursor(SqliteConnection sql, SqliteTransaction transaction, string journal, JournalRecord last)
    {
        sql.Execute("delete from cursor", transaction: transaction);
        sql.Execute(
            "insert into cursor (journal, sequence, segment, position) values (@journal, @sequence, @segment, @position)",
            new { journal, sequence = last.Sequence, segment = last.Next.Segment, position = last.Next.Offset }, transaction);
    }

    private static void Take(SqliteConnection sql, SqliteTransaction transaction, JournalRecord record, RecordedIntent intent)
    {
        sql.Execute(
            """
            insert into sessions (id, identity, name, agent, client, connection, protocol, started, last)
            values (@session, @identity, @name, @agent, @client, @connection, @protocol, @at, @at)
            on conflict (id) do update set last = max(last, excluded.last), client = coalesce(client, excluded.client)
            """,
            new
            {
                session = intent.Session,
                identity = intent.Identity.Key,
                name = intent.Identity.Name,
                agent = intent.Identity.Agent,
                client = intent.Client,
                connection = intent.Connection.Name,
                protocol = intent.Connection.Protocol,
                at = intent.At.UtcTicks,
            }, transaction);
        sql.Execute(
            """
            insert into operations (id, session, identity, at, action, summary, decision, rule, reason, code, segment, position, sequence)
            values (@op, @session, @identity, @at, @action, @summary, @decision, @rule, @reason, @code, @segment, @position, @sequence)
            on conflict (id) do nothing
            """,
            new
            {
                op = intent.Op,
                session = intent.Session,
                identity = intent.Identity.Key,
                at = intent.At.UtcTicks,
                action = intent.Parts.IsDefaultOrEmpty ? "" : intent.Parts[0].Action,
                summary = IndexRows.Summarise(intent.Parts),
                decision = intent.Decision.Kind,
                rule = intent.Decision.RuleLabel,
                reason = intent.Decision.Reason,
                code = intent.Decision.Code,
                segment = record.Position.Segment,
                position = record.Position.Offset,
                sequence = record.Sequence,
            }, transaction);
    }

    private static void Take(SqliteConnection sql, SqliteTransaction transaction, JournalRecord record, RecordedEnding ending)
    {
        sql.Execute(
            """
            update operations set outcome = @outcome, code = coalesce(@code, code), hold = coalesce(@hold, hold), ended_at = @at, reply_bytes = @bytes, masked = @masked,
                last_sequence = @sequence where id = @op
            """,
            new
            {
                op = ending.Op,
                outcome = ending.Outcome,
                code = ending.Code,
                hold = ending.Hold,
                at = ending.At.UtcTicks,
                bytes = ending.Reply?.Bytes ?? 0,
                masked = ending.Reply?.Masked ?? 0,
                sequence = record.Sequence,
            }, transaction);
        sql.Execute(
            "update sessions set last = max(last, @at) where id = (select session from operations where id = @op)",
            new { op = ending.Op, at = ending.At.UtcTicks }, transaction);
    }
}
