using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Dapper;
using Microsoft.Data.Sqlite;
using Postern.Core.Recording;
using Postern.Gateway.Recordings.Search;

namespace Postern.Gateway.Recordings;

/// <summary>
/// Takes records into the index, in one transaction. Taking one twice changes nothing. An operation whose intent and ending come in one
/// transaction is one row written once, and a session is touched once: every call of every caller passes here.
/// </summary>
internal sealed class IndexWriter(SqliteConnection sql, SqliteTransaction transaction) : IDisposable
{
    private readonly IndexStatement _session = new(sql,
        """
        insert into sessions (id, identity, name, agent, client, connection, protocol, started, last, operations, done, denied, pending, failed, open, masked)
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
        on conflict (id) do update set last = max(last, excluded.last), client = coalesce(client, excluded.client), operations = operations + excluded.operations,
            done = done + excluded.done, denied = denied + excluded.denied, pending = pending + excluded.pending, failed = failed + excluded.failed,
            open = open + excluded.open, masked = masked + excluded.masked
        """);

    private readonly IndexStatement _operation = new(sql,
        """
        insert into operations (number, id, session, identity, at, action, summary, decision, rule, reason, segment, position, sequence,
            code, outcome, hold, ended_at, reply_bytes, masked, last_sequence)
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)
        on conflict (id) do nothing
        """);

    private readonly IndexStatement _find = new(sql, "select number, session, outcome from operations where id = ?1");

    private readonly IndexStatement _ending = new(sql,
        """
        update operations set outcome = ?2, code = coalesce(?3, code), hold = coalesce(?4, hold), ended_at = ?5, reply_bytes = ?6, masked = ?7,
            last_sequence = ?8 where id = ?1
        """);

    private readonly IndexStatement _late = new(sql,
        """
        update sessions set last = max(last, ?2), open = open - 1, done = done + ?3, denied = denied + ?4, pending = pending + ?5, failed = failed + ?6,
            masked = masked + ?7 where id = ?1
        """);

    private readonly Postings _postings = new(sql);
    private readonly HashSet<long> _terms = [];

    // What stands in many records is written out once.
    private readonly Dictionary<RecordedPart[], string> _summaries = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<RecordedDecision, string?> _rules = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<RecordedIdentity, string> _keys = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<RecordedPart[], long[]> _asked = new(ReferenceEqualityComparer.Instance);

    private readonly Dictionary<string, (JournalRecord Record, RecordedIntent Intent, long Number)> _open = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Touched> _sessions = new(StringComparer.Ordinal);
    private long _last = sql.ExecuteScalar<long?>("select max(number) from operations", transaction: transaction) ?? -1;

    /// <summary>The types of records that the index is made of; headers, checkpoints, frames and occurrences are read from the journal itself.</summary>
    public static bool Takes(RecordType type) => type is RecordType.Intent or RecordType.Clearing or RecordType.Ending or RecordType.Denials;

    /// <summary>Takes one record.</summary>
    public void Take(JournalRecord record)
    {
        switch (record.Payload)
        {
            case RecordedIntent intent:
                _open[intent.Op] = (record, intent, ++_last);
                Touch(intent);
                break;
            case RecordedClearing clearing:
                if (_open.Remove(clearing.Op, out var cleared)) Write(cleared.Record, cleared.Intent, cleared.Number, ending: null, endedBy: null);
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
        foreach (var (record, intent, number) in _open.Values) Write(record, intent, number, ending: null, endedBy: null);
        foreach (var (id, all) in _sessions)
        {
            var first = all.First;
            _session.Run(
                id, KeyOf(first.Identity), first.Identity.Name, first.Identity.Agent, all.Client, first.Connection.Name, first.Connection.Protocol, first.At.UtcTicks, all.Last,
                all.Operations, all.Done, all.Denied, all.Pending, all.Failed, all.Open, all.Masked);
        }
        _postings.Write();
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
        _find.Dispose();
        _late.Dispose();
        _postings.Dispose();
    }

    private void Take(JournalRecord record, RecordedEnding ending)
    {
        if (_open.Remove(ending.Op, out var begun))
        {
            Write(begun.Record, begun.Intent, begun.Number, ending, record);
            var session = _sessions[begun.Intent.Session];
            session.Last = Math.Max(session.Last, ending.At.UtcTicks);
            return;
        }
        // Its intent, or its clearing, is in the tables already.
        var isKnown = _find.Begin(ending.Op);
        var (number, of, outcome) = isKnown ? (_find.Number(0), _find.Text(1)!, _find.Text(2)) : (0, "", null);
        _find.End();
        if (!isKnown) return;
        var masked = ending.Reply?.Masked ?? 0;
        _ending.Run(ending.Op, ending.Outcome, ending.Code, ending.Hold, ending.At.UtcTicks, ending.Reply?.Bytes ?? 0, masked, record.Sequence);
        if (outcome is not null) return;
        if (_sessions.TryGetValue(of, out var touched))
        {
            touched.Open--;
            touched.Ended(ending.Outcome, masked);
            touched.Last = Math.Max(touched.Last, ending.At.UtcTicks);
        }
        else
        {
            var ended = new Touched(null!);
            ended.Ended(ending.Outcome, masked);
            _late.Run(of, ending.At.UtcTicks, ended.Done, ended.Denied, ended.Pending, ended.Failed, ended.Masked);
        }
        // It may still wait to be written as open, in which case it stays found under both, and is shown under what it is.
        _postings.Remove(number, Term.Of(TermKind.Outcome, IndexTerms.Open));
        _postings.Add(number, Term.Of(TermKind.Outcome, ending.Outcome));
        if (ending.Code is { } code) _postings.Add(number, Term.Of(TermKind.Code, code));
    }

    private void Touch(RecordedIntent intent)
    {
        ref var session = ref CollectionsMarshal.GetValueRefOrAddDefault(_sessions, intent.Session, out _);
        session ??= new Touched(intent);
        session.Client ??= intent.Client;
        session.Last = Math.Max(session.Last, intent.At.UtcTicks);
        session.Operations++;
    }

    private void Write(JournalRecord record, RecordedIntent intent, long number, RecordedEnding? ending, JournalRecord? endedBy)
    {
        var masked = ending?.Reply?.Masked ?? 0;
        _operation.Run(
            number, intent.Op, intent.Session, KeyOf(intent.Identity), intent.At.UtcTicks, intent.Parts.IsDefaultOrEmpty ? "" : intent.Parts[0].Action, SummaryOf(intent.Parts),
            intent.Decision.Kind, RuleOf(intent.Decision), intent.Decision.Reason, record.Position.Segment, record.Position.Offset, record.Sequence,
            ending?.Code ?? intent.Decision.Code, ending?.Outcome, ending?.Hold, ending?.At.UtcTicks, ending?.Reply?.Bytes ?? 0, masked, endedBy?.Sequence);
        var session = _sessions[intent.Session];
        if (ending is null) session.Open++;
        else session.Ended(ending.Outcome, masked);
        _terms.Clear();
        IndexTerms.Add(_terms, intent, KeyOf(intent.Identity), ending?.Outcome, ending?.Code);
        _terms.UnionWith(AskedOf(intent.Parts));
        RequestTerms.Add(_terms, record.Content.Span);
        _postings.Occurs(number, intent.At.UtcTicks);
        foreach (var term in _terms) _postings.Add(number, term);
    }

    private long[] AskedOf(ImmutableArray<RecordedPart> parts)
    {
        if (parts.IsDefaultOrEmpty) return [];
        ref var asked = ref CollectionsMarshal.GetValueRefOrAddDefault(_asked, ImmutableCollectionsMarshal.AsArray(parts)!, out var isKnown);
        if (isKnown) return asked!;
        var terms = new HashSet<long>();
        IndexTerms.Add(terms, parts);
        return asked = [.. terms];
    }

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

    /// <summary>What a batch does to one session.</summary>
    private sealed class Touched(RecordedIntent first)
    {
        public RecordedIntent First { get; } = first;

        public string? Client { get; set; }

        public long Last { get; set; }

        public long Operations { get; set; }

        public long Done { get; private set; }

        public long Denied { get; private set; }

        public long Pending { get; private set; }

        public long Failed { get; private set; }

        public long Open { get; set; }

        public long Masked { get; private set; }

        public void Ended(string outcome, long masked)
        {
            Masked += masked;
            if (outcome == "done") Done++;
            else if (outcome == "denied") Denied++;
            else if (outcome == "pending") Pending++;
            else Failed++;
        }
    }
}
