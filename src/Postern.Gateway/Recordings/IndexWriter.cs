using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Dapper;
using Microsoft.Data.Sqlite;
using Postern.Core.Recording;
using Postern.Gateway.Recordings.Search;

namespace Postern.Gateway.Recordings;

/// <summary>
/// Takes records into the index, in one transaction. An operation whose intent and ending come in one transaction is written once, and a session
/// is touched once: every call of every caller passes here.
/// </summary>
internal sealed class IndexWriter : IDisposable
{
    private readonly SqliteConnection _sql;
    private readonly SqliteTransaction _transaction;
    private readonly IndexStatement _begin;
    private readonly IndexStatement _find;
    private readonly IndexStatement _end;
    private readonly RowWriter _rows;
    private readonly ChunkWriter _chunks;
    private readonly TouchedSessions _sessions;
    private readonly TermSet _terms = new();

    // What stands in many records is written out once.
    private readonly Dictionary<RecordedPart[], (string Summary, long[] Terms)> _parts = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<RecordedDecision, string?> _rules = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<RecordedIdentity, (string Key, long[] Terms)> _identities = new(ReferenceEqualityComparer.Instance);

    // In the order of the record, which is that of their numbers.
    private readonly Queue<Taken> _taken = [];
    private readonly Dictionary<string, Taken> _open = new(StringComparer.Ordinal);
    private long _next;

    /// <param name="sql">The file.</param>
    /// <param name="transaction">Its transaction.</param>
    /// <param name="limits">How much it takes at once.</param>
    /// <param name="next">The number of the next operation.</param>
    public IndexWriter(SqliteConnection sql, SqliteTransaction transaction, IndexLimits limits, long next)
    {
        (_sql, _transaction, _next) = (sql, transaction, next);
        _begin = new(sql, "insert into open (number, id, session) values (?1, ?2, ?3) on conflict do nothing");
        _find = new(sql, "select number, session from open where id = ?1");
        _end = new(sql, "delete from open where number = ?1");
        _rows = new(sql);
        _chunks = new(sql, limits, next);
        _sessions = new(sql);
    }

    /// <summary>The types of records that the index is made of; headers, checkpoints, frames and occurrences are read from the journal itself.</summary>
    public static bool Takes(RecordType type) => type is RecordType.Intent or RecordType.Clearing or RecordType.Ending or RecordType.Denials;

    /// <summary>Takes one record.</summary>
    public void Take(JournalRecord record)
    {
        switch (record.Payload)
        {
            case RecordedIntent intent:
                var taken = new Taken(record.Position, record.Sequence, intent, record.Content, _sessions.Begins(intent, _next++));
                _taken.Enqueue(taken);
                _open[intent.Op] = taken;
                break;
            case RecordedClearing clearing:
                if (_open.TryGetValue(clearing.Op, out var cleared)) cleared.Hold = clearing.Hold;
                else if (Find(clearing.Op) is { } waiting && _rows.Change(waiting.Number) is { } row) row.Hold = clearing.Hold;
                break;
            case RecordedEnding ending:
                Take(record.Sequence, ending);
                break;
            case RecordedDenials denials:
                Take(record.Sequence, denials);
                break;
            default:
                break;
        }
    }

    /// <summary>Writes what was taken, and notes where to go on. Nothing may be taken afterwards.</summary>
    public void Finish(string journal, JournalRecord last)
    {
        while (_taken.TryDequeue(out var taken)) Write(taken);
        _rows.Finish();
        _chunks.Finish();
        _sessions.Finish();
        _sql.Execute("delete from cursor", transaction: _transaction);
        _sql.Execute(
            "insert into cursor (journal, sequence, segment, position, next) values (@journal, @sequence, @segment, @position, @next)",
            new { journal, sequence = last.Sequence, segment = last.Next.Segment, position = last.Next.Offset, next = _next }, _transaction);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _begin.Dispose();
        _find.Dispose();
        _end.Dispose();
        _rows.Dispose();
        _chunks.Dispose();
        _sessions.Dispose();
    }

    private void Take(long sequence, RecordedEnding ending)
    {
        if (_open.Remove(ending.Op, out var begun))
        {
            begun.Ending = ending;
            begun.EndedBy = sequence;
            begun.Session.Ended(ending);
            // What is known whole is not held any longer than what came before it.
            while (_taken.TryPeek(out var first) && first.Ending is not null) Write(_taken.Dequeue());
            return;
        }
        // Its intent is in the file already; if it is not among what is open there, it was ended before.
        if (Find(ending.Op) is not { } waiting || _rows.Change(waiting.Number) is not { } row) return;
        row.Outcome = ending.Outcome;
        row.Code = ending.Code ?? row.Code;
        row.Hold = ending.Hold ?? row.Hold;
        row.EndedAt = ending.At.UtcTicks;
        row.ReplyBytes = ending.Reply?.Bytes ?? 0;
        row.MaskedValues = ending.Reply?.Masked ?? 0;
        row.LastSequence = sequence;
        _sessions.Of(waiting.Session).Ended(ending);
        _end.Run(waiting.Number);
        _chunks.AddLate(waiting.Number, Term.Of(TermKind.Outcome, ending.Outcome));
        if (ending.Code is { } code) _chunks.AddLate(waiting.Number, Term.Of(TermKind.Code, code));
    }

    private (long Number, long Session)? Find(string operation)
    {
        (long, long)? found = _find.Begin(operation) ? (_find.Number(0), _find.Number(1)) : null;
        _find.End();
        return found;
    }

    private void Write(Taken taken)
    {
        var number = _next - _taken.Count - 1;
        var (intent, ending) = (taken.Intent, taken.Ending);
        var (key, ofIdentity) = IdentityOf(intent.Identity);
        var (summary, ofParts) = PartsOf(intent.Parts);
        _rows.Append(number, new IndexedOperation
        {
            Id = intent.Op,
            Session = taken.Session.Number,
            Identity = key,
            At = intent.At.UtcTicks,
            Action = intent.Parts.IsDefaultOrEmpty ? "" : intent.Parts[0].Action,
            Summary = summary,
            Decision = intent.Decision.Kind,
            Rule = RuleOf(intent.Decision),
            Reason = intent.Decision.Reason,
            Outcome = ending?.Outcome,
            Code = ending?.Code ?? intent.Decision.Code,
            Hold = ending?.Hold ?? taken.Hold,
            EndedAt = ending?.At.UtcTicks,
            ReplyBytes = ending?.Reply?.Bytes ?? 0,
            MaskedValues = ending?.Reply?.Masked ?? 0,
            Segment = taken.Position.Segment,
            Position = taken.Position.Offset,
            Sequence = taken.Sequence,
            LastSequence = taken.EndedBy,
        });
        if (ending is null) _begin.Run(number, intent.Op, taken.Session.Number);
        _terms.Clear();
        _terms.Add(ofIdentity);
        IndexTerms.AddOwn(_terms, intent, ending?.Outcome, ending?.Code);
        _terms.Add(ofParts);
        RequestTerms.Add(_terms, taken.Content.Span);
        _chunks.Add(intent.At.UtcTicks, _terms.Terms);
    }

    private (string Key, long[] Terms) IdentityOf(RecordedIdentity identity)
    {
        ref var known = ref CollectionsMarshal.GetValueRefOrAddDefault(_identities, identity, out var isKnown);
        if (isKnown) return known;
        var (key, terms) = (identity.Key, new TermSet());
        IndexTerms.Add(terms, identity, key);
        return known = (key, terms.Terms.ToArray());
    }

    private (string Summary, long[] Terms) PartsOf(ImmutableArray<RecordedPart> parts)
    {
        if (parts.IsDefaultOrEmpty) return ("", []);
        ref var known = ref CollectionsMarshal.GetValueRefOrAddDefault(_parts, ImmutableCollectionsMarshal.AsArray(parts)!, out var isKnown);
        if (isKnown) return known;
        var terms = new TermSet();
        IndexTerms.Add(terms, parts);
        return known = (IndexRows.Summarise(parts), terms.Terms.ToArray());
    }

    private string? RuleOf(RecordedDecision decision)
    {
        ref var rule = ref CollectionsMarshal.GetValueRefOrAddDefault(_rules, decision, out _);
        return rule ??= decision.RuleLabel;
    }

    private void Take(long sequence, RecordedDenials denials) => _sql.Execute(
        """
        insert into denials (sequence, identity, connection, started, ended, count, summary, code)
        values (@sequence, @identity, @connection, @started, @ended, @count, @summary, @code) on conflict (sequence) do nothing
        """,
        new
        {
            sequence,
            identity = denials.Identity.Key,
            connection = denials.Connection.Name,
            started = denials.From.UtcTicks,
            ended = denials.To.UtcTicks,
            count = denials.Count,
            summary = IndexRows.Summarise(denials.Parts),
            code = denials.Decision.Code,
        },
        _transaction);

    /// <summary>An operation that began in this transaction.</summary>
    private sealed class Taken(JournalPosition position, long sequence, RecordedIntent intent, ReadOnlyMemory<byte> content, Touched session)
    {
        public JournalPosition Position { get; } = position;

        public long Sequence { get; } = sequence;

        public RecordedIntent Intent { get; } = intent;

        public ReadOnlyMemory<byte> Content { get; } = content;

        public Touched Session { get; } = session;

        public string? Hold { get; set; }

        public RecordedEnding? Ending { get; set; }

        public long? EndedBy { get; set; }
    }
}
