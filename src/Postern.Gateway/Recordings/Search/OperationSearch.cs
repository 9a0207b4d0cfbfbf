using System.Collections.Immutable;
using Microsoft.Data.Sqlite;

namespace Postern.Gateway.Recordings.Search;

/// <summary>
/// Finds operations, the latest first. Each chunk is asked for the places of every term; what all of them hold is read row by row until
/// the page is full. So the work is bounded by chunks times terms, whatever was asked, and not by how many rows one condition alone has.
/// </summary>
internal sealed class OperationSearch : IDisposable
{
    private readonly ChunkReading _chunks;
    private readonly OperationRows _rows;
    private readonly IndexStatement _sessions;
    private readonly SqliteConnection _sql;
    private readonly Dictionary<long, Owner> _owners = [];
    private readonly SlotSet _set = new();

    /// <param name="sql">In a transaction.</param>
    /// <param name="fresh">What earlier searches left.</param>
    public OperationSearch(SqliteConnection sql, FreshTerms fresh)
    {
        _sql = sql;
        _chunks = new ChunkReading(sql, fresh);
        _rows = new OperationRows(sql);
        _sessions = new IndexStatement(sql, IndexRows.SessionOf);
    }

    /// <summary>The statements that it runs, for whoever looks at their plans.</summary>
    internal static ImmutableArray<string> Statements => [.. ChunkReading.Statements, OperationRows.Block, IndexRows.SessionOf];

    /// <summary>One page.</summary>
    public FoundPage Find(OperationFilter filter)
    {
        var terms = filter.Terms();
        var (since, until) = (filter.Since?.UtcTicks ?? long.MinValue, filter.Until?.UtcTicks ?? long.MaxValue);
        var before = filter.Before ?? long.MaxValue;
        var limit = Math.Clamp(filter.Limit, 1, OperationFilter.MaxLimit);
        var found = ImmutableArray.CreateBuilder<FoundOperation>();
        var last = 0L;
        foreach (var chunk in Chunk.UpTo(_sql, before == long.MaxValue ? long.MaxValue : before - 1))
        {
            if (chunk.From >= until || chunk.To < since || !Fill(chunk, terms)) continue;
            if (filter.IsOpen && !_chunks.KeepOpen(chunk, _set)) continue;
            if (!_chunks.KeepTime(chunk, since, until, _set)) continue;
            for (var slot = _set.Below(chunk.Count); slot >= 0; slot = _set.Below(slot))
            {
                var number = chunk.First + slot;
                if (number >= before) continue;
                if (Read(number, filter, since, until) is not { } operation) continue;
                if (found.Count == limit) return new FoundPage(found.ToImmutable(), last, IsComplete: true);
                found.Add(operation);
                last = number;
            }
        }
        return new FoundPage(found.ToImmutable(), Next: null, IsComplete: true);
    }

    /// <summary>The row of an operation; null when there is none.</summary>
    public IndexedOperation? Find(string id)
    {
        ImmutableArray<(ulong, bool)> terms = [((ulong)Term.Of(TermKind.Operation, id), false)];
        foreach (var chunk in Chunk.UpTo(_sql, long.MaxValue))
        {
            if (!Fill(chunk, terms)) continue;
            for (var slot = _set.Below(chunk.Count); slot >= 0; slot = _set.Below(slot))
            {
                if (_rows.Find(chunk.First + slot) is { } row && string.Equals(row.Id, id, StringComparison.Ordinal)) return row;
            }
        }
        return null;
    }

    /// <summary>The rows of a session in order, with their numbers.</summary>
    /// <param name="session">The session's number, first and newest operation, and id.</param>
    /// <param name="after">Only those whose records come behind this sequence.</param>
    public IEnumerable<(long Number, IndexedOperation Row)> Of(SessionRow session, long after = 0)
    {
        ImmutableArray<(ulong, bool)> terms = [((ulong)Term.Of(TermKind.Session, session.Id), false)];
        var from = after <= 0 ? session.First : _rows.FirstBehind(after, session.First, session.Newest + 1);
        var chunks = Chunk.UpTo(_sql, session.Newest);
        chunks.Reverse();
        foreach (var chunk in chunks)
        {
            if (chunk.End <= from || !Fill(chunk, terms)) continue;
            for (var slot = _set.From((int)Math.Max(0, from - chunk.First)); slot >= 0; slot = _set.From(slot + 1))
            {
                if (_rows.Find(chunk.First + slot) is { } row && row.Session == session.Number) yield return (chunk.First + slot, row);
            }
        }
    }

    /// <summary>The first operation that was asked at an instant or later; null when there is none.</summary>
    public IndexedOperation? FirstAt(long from)
    {
        var chunks = Chunk.UpTo(_sql, long.MaxValue);
        chunks.Reverse();
        foreach (var chunk in chunks)
        {
            if (chunk.To < from) continue;
            _set.Fill(chunk.Count);
            _chunks.KeepTime(chunk, from, long.MaxValue, _set);
            for (var slot = _set.From(0); slot >= 0; slot = _set.From(slot + 1))
            {
                if (_rows.Find(chunk.First + slot) is { } row && row.At >= from) return row;
            }
        }
        return null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _chunks.Dispose();
        _rows.Dispose();
        _sessions.Dispose();
    }

    /// <summary>Makes the set hold where all terms occur; false when that is nowhere.</summary>
    private bool Fill(in Chunk chunk, ImmutableArray<(ulong Term, bool IsLate)> terms)
    {
        _set.Fill(chunk.Count);
        foreach (var (term, isLate) in terms)
        {
            if (!_chunks.Keep(chunk, term, isLate, _set)) return false;
        }
        return true;
    }

    private FoundOperation? Read(long number, OperationFilter filter, long since, long until)
    {
        if (_rows.Find(number) is not { } row) return null;
        if (row.At < since || row.At >= until) return null;
        // Whose it is, to the letter: a term is only a number.
        if (filter.Owner is { } owner && !string.Equals(owner, row.Identity, StringComparison.Ordinal)) return null;
        if (filter.Outcome is { } asked && !string.Equals(asked, row.Outcome ?? IndexTerms.Open, StringComparison.OrdinalIgnoreCase)) return null;
        var session = OwnerOf(row.Session);
        return new FoundOperation(row.ToSummary(session.Id), row.Identity, session.Name, session.Agent, session.Client, session.Connection, session.Protocol);
    }

    private Owner OwnerOf(long session)
    {
        if (_owners.TryGetValue(session, out var known)) return known;
        try
        {
            if (!_sessions.Begin(session)) throw Varint.Damaged();
            known = new Owner(_sessions.Text(0)!, _sessions.Text(1), _sessions.Text(2), _sessions.Text(3), _sessions.Text(4)!, _sessions.Text(5)!);
        }
        finally
        {
            _sessions.End();
        }
        _owners.Add(session, known);
        return known;
    }

    private sealed record Owner(string Id, string? Name, string? Agent, string? Client, string Connection, string Protocol);
}
