using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Dapper;
using Microsoft.Data.Sqlite;
using Postern.Core.Recording;

namespace Postern.Gateway.Recordings;

/// <summary>
/// Takes records into the index, in one transaction. Taking one twice changes nothing. An operation whose intent and ending come in one
/// transaction is one row written once, and a session is touched once: every call of every caller passes here.
/// </summary>
internal sealed class IndexWriter(SqliteConnection sql, SqliteTransaction transaction) : IDisposable
{
    private readonly IndexStatement _session = new(sql,
        """
        insert into sessions (id, identity, name, agent, client, connection, protocol, started, last)
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
        on conflict (id) do update set last = max(last, excluded.last), client = coalesce(client, excluded.client)
        """);

    private readonly IndexStatement _operation = new(sql,
        """
        insert into operations (id, session, identity, at, action, summary, decision, rule, reason, segment, position, sequence,
            code, outcome, hold, ended_at, reply_bytes, masked, last_sequence)
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)
        on conflict (id) do update set code = coalesce(excluded.code, code), outcome = coalesce(excluded.outcome, outcome), hold = coalesce(excluded.hold, hold),
            ended_at = coalesce(excluded.ended_at, ended_at), reply_bytes = max(excluded.reply_bytes, reply_bytes), masked = max(excluded.masked, masked),
            last_sequence = coalesce(excluded.last_sequence, last_sequence)
        """);

    private readonly IndexStatement _ending = new(sql,
        """
        update operations set outcome = ?2, code = coalesce(?3, code), hold = coalesce(?4, hold), ended_at = ?5, reply_bytes = ?6, masked = ?7,
            last_sequence = ?8 where id = ?1
        """);

    private readonly IndexStatement _sessionEnd = new(sql,
        "update sessions set last = max(last, ?2) where id = (select session from operations where id = ?1)");

    // What stands in many records is written out once.
    private readonly Dictionary<RecordedPart[], string> _summaries = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<RecordedDecision, string?> _rules = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<RecordedIdentity, string> _keys = new(ReferenceEqualityComparer.Instance);

    private readonly Dictionary<string, (JournalRecord Record, RecordedIntent Intent)> _open = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (RecordedIntent First, string? Client, long Last)> _sessions = new(StringComparer.Ordinal);

    /// <summary>The types of records that the index is made of; headers, checkpoints, frames and occurrences are read from the journal itself.</summary>
    public static bool Takes(RecordType type) => type is RecordType.Intent or RecordType.Clearing or RecordType.Ending or RecordType.Denials;

    /// <summary>Takes one record.</summary>
    public void Take(JournalRecord record)
    {
        switch (record.Payload)
        {
            case RecordedIntent intent:
                _open[intent.Op] = (record, intent);
                Touch(intent, intent.At.UtcTicks);
                break;
            case RecordedClearing clearing:
                if (_open.Remove(clearing.Op, out var cleared)) Write(cleared.Record, cleared.Intent, ending: null, endedBy: null);
                sql.Execute("update operations set hold = @Hold where id = @Op", new { clearing.Hold, clearing.Op }, transaction);
                break;
            case RecordedEnding ending:
                Take(record, ending);
                break;
            case RecordedDenials denials:
                Take(record, denials);
                break;
            default:
                break;
        }
    }

    /// <summary>Writes what waits for its ending, touches the sessions, and notes where to go on. Nothing may be taken afterwards.</summary>
    public void Finish(string journal, JournalRecord last)
    {
        foreach (var (record, intent) in _open.Values) Write(record, intent, ending: null, endedBy: null);
        foreach (var (id, (first, client, at)) in _sessions)
        {
            _session.Run(id, KeyOf(first.Identity), first.Identity.Name, first.Identity.Agent, client, first.Connection.Name, first.Connection.Protocol, first.At.UtcTicks, at);
        }
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

    private void Take(JournalRecord record, RecordedEnding ending)
    {
        if (_open.Remove(ending.Op, out var begun))
        {
            Write(begun.Record, begun.Intent, ending, record);
            Touch(begun.Intent, ending.At.UtcTicks);
            return;
        }
        // Its intent, or its clearing, is in the tables already.
        _ending.Run(ending.Op, ending.Outcome, ending.Code, ending.Hold, ending.At.UtcTicks, ending.Reply?.Bytes ?? 0, ending.Reply?.Masked ?? 0, record.Sequence);
        _sessionEnd.Run(ending.Op, ending.At.UtcTicks);
    }

    private void Touch(RecordedIntent intent, long at) =>
        _sessions[intent.Session] = _sessions.TryGetValue(intent.Session, out var known)
            ? (known.First, known.Client ?? intent.Client, Math.Max(known.Last, at))
            : (intent, intent.Client, at);

    private void Write(JournalRecord record, RecordedIntent intent, RecordedEnding? ending, JournalRecord? endedBy) => _operation.Run(
        intent.Op, intent.Session, KeyOf(intent.Identity), intent.At.UtcTicks, intent.Parts.IsDefaultOrEmpty ? "" : intent.Parts[0].Action, SummaryOf(intent.Parts),
        intent.Decision.Kind, RuleOf(intent.Decision), intent.Decision.Reason, record.Position.Segment, record.Position.Offset, record.Sequence,
        ending?.Code ?? intent.Decision.Code, ending?.Outcome, ending?.Hold, ending?.At.UtcTicks, ending?.Reply?.Bytes ?? 0, ending?.Reply?.Masked ?? 0, endedBy?.Sequence);

    private string SummaryOf(ImmutableArray<RecordedPart> parts)
    {
        if (parts.IsDefaultOrEmpty) return "";
        ref var summary = ref CollectionsMarshal.GetValueRefOrAddDefault(_summaries, ImmutableCollectionsMarshal.AsArray(parts)!, out _);
        return summary ??= IndexRows.Summarise(parts);
    }

    private string? RuleOf(RecordedDecision decision)
    {
        ref var rule = ref CollectionsMarshal.GetValueRefOrAddDefault(_rules, decision, out _);
        return rule ??= decision.RuleLabel;
    }

    private string KeyOf(RecordedIdentity identity)
    {
        ref var key = ref CollectionsMarshal.GetValueRefOrAddDefault(_keys, identity, out _);
        return key ??= identity.Key;
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
