using System.Collections.Immutable;
using Microsoft.Data.Sqlite;

namespace Postern.Gateway.Recordings.Search;

/// <summary>
/// Finds operations, the latest first. Each chunk is asked for the places of every term; what all of them hold is read row by row until
/// the page is full. So the work is bounded by chunks times terms, whatever was asked, and not by how many rows one condition alone has.
/// </summary>
internal static class OperationSearch
{
    private const string Chunks = "select chunk, from_at, to_at from chunks where chunk <= ?1 order by chunk desc";
    private const string Slots = "select slots from postings where chunk = ?1 and term = ?2";

    private const string Times = "select number from operations indexed by operations_by_at where at >= ?1 and at < ?2 and number >= ?3 and number < ?4";

    /// <summary>The statements that a search runs, for whoever looks at their plans.</summary>
    internal static ImmutableArray<string> Statements => [Chunks, Slots, Times, IndexRows.Found];

    /// <summary>One page.</summary>
    public static FoundPage Find(SqliteConnection sql, OperationFilter filter)
    {
        var terms = filter.Terms();
        var (since, until) = (filter.Since?.UtcTicks ?? long.MinValue, filter.Until?.UtcTicks ?? long.MaxValue);
        var before = filter.Before ?? long.MaxValue;
        var limit = Math.Clamp(filter.Limit, 1, OperationFilter.MaxLimit);
        var found = ImmutableArray.CreateBuilder<FoundOperation>();
        var numbers = new List<long>();
        using var chunks = new IndexStatement(sql, Chunks);
        using var postings = new IndexStatement(sql, Slots);
        using var times = new IndexStatement(sql, Times);
        using var rows = new IndexStatement(sql, IndexRows.Found);
        var (set, other) = (new SlotSet(), new SlotSet());
        for (var more = chunks.Begin(before == long.MaxValue ? long.MaxValue : (before - 1) >> SlotSet.Bits); more; more = chunks.Next())
        {
            if (chunks.Number(1) >= until || chunks.Number(2) < since) continue;
            var chunk = chunks.Number(0);
            if (!Intersect(postings, chunk, terms, set, other)) continue;
            // Of a chunk that lies in the time with a part of it, that part.
            if ((chunks.Number(1) < since || chunks.Number(2) >= until) && !Intersect(times, chunk, Math.Max(since, chunks.Number(1)), Math.Min(until, chunks.Number(2) + 1), set, other)) continue;
            for (var slot = set.Below(SlotSet.Size); slot >= 0; slot = set.Below(slot))
            {
                var number = (chunk << SlotSet.Bits) + slot;
                if (number >= before) continue;
                if (Read(rows, number, filter, since, until) is not { } operation) continue;
                if (found.Count == limit)
                {
                    chunks.End();
                    return new FoundPage(found.ToImmutable(), numbers[^1], IsComplete: true);
                }
                found.Add(operation);
                numbers.Add(number);
            }
        }
        chunks.End();
        return new FoundPage(found.ToImmutable(), Next: null, IsComplete: true);
    }

    private static bool Intersect(IndexStatement postings, long chunk, ImmutableArray<long> terms, SlotSet set, SlotSet other)
    {
        set.Fill();
        foreach (var term in terms)
        {
            other.Clear();
            var isFound = postings.Begin(chunk, term);
            if (isFound) other.Read(postings.Bytes(0));
            postings.End();
            if (!isFound) return false;
            set.And(other);
            if (set.IsEmpty) return false;
        }
        return true;
    }

    private static bool Intersect(IndexStatement times, long chunk, long since, long until, SlotSet set, SlotSet other)
    {
        other.Clear();
        for (var more = times.Begin(since, until, chunk << SlotSet.Bits, (chunk + 1) << SlotSet.Bits); more; more = times.Next()) other.Add((int)(times.Number(0) & (SlotSet.Size - 1)));
        times.End();
        set.And(other);
        return !set.IsEmpty;
    }

    private static FoundOperation? Read(IndexStatement rows, long number, OperationFilter filter, long since, long until)
    {
        try
        {
            if (!rows.Begin(number)) return null;
            var (at, identity, outcome) = (rows.Number(2), rows.Text(15)!, rows.Text(8));
            if (at < since || at >= until) return null;
            // Whose it is, to the letter: a term is only a number.
            if (filter.Owner is { } owner && !string.Equals(owner, identity, StringComparison.Ordinal)) return null;
            if (filter.Outcome is { } asked && !string.Equals(asked, outcome ?? IndexTerms.Open, StringComparison.OrdinalIgnoreCase)) return null;
            var operation = new OperationSummary(
                rows.Text(0)!, rows.Text(1)!, IndexRows.Time(at), rows.Text(3)!, rows.Text(4)!, rows.Text(5)!, rows.Text(6), rows.Text(7)!, outcome, rows.Text(9), rows.Text(10),
                rows.OptionalNumber(11) is { } ended ? IndexRows.Time(ended) : null, rows.Number(12), rows.Number(13), rows.Number(14));
            return new FoundOperation(operation, identity, rows.Text(16), rows.Text(17), rows.Text(18), rows.Text(19)!, rows.Text(20)!);
        }
        finally
        {
            rows.End();
        }
    }
}
