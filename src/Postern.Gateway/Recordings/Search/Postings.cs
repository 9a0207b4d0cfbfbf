using Microsoft.Data.Sqlite;

namespace Postern.Gateway.Recordings.Search;

/// <summary>
/// Where each term occurs: for each chunk of operations and each term the places in it. What is added is gathered and written once for
/// each term of a chunk, in the order in which it is stored.
/// </summary>
internal sealed class Postings(SqliteConnection sql) : IDisposable
{
    private readonly IndexStatement _find = new(sql, "select slots from postings where chunk = ?1 and term = ?2");
    private readonly IndexStatement _write = new(sql, "insert into postings (chunk, term, slots) values (?1, ?2, ?3) on conflict (chunk, term) do update set slots = excluded.slots");
    private readonly IndexStatement _delete = new(sql, "delete from postings where chunk = ?1 and term = ?2");
    private readonly IndexStatement _chunk = new(sql,
        """
        insert into chunks (chunk, from_at, to_at) values (?1, ?2, ?3)
        on conflict (chunk) do update set from_at = min(from_at, excluded.from_at), to_at = max(to_at, excluded.to_at)
        """);

    private readonly SortedDictionary<long, Gathered> _chunks = [];
    private readonly SlotSet _set = new();
    private readonly byte[] _stored = new byte[SlotSet.BitmapBytes];

    /// <summary>An operation occurs, at an instant in ticks.</summary>
    public void Occurs(long number, long at)
    {
        var chunk = ChunkOf(number);
        (chunk.From, chunk.To) = (Math.Min(chunk.From, at), Math.Max(chunk.To, at));
        // The chunk is new when its first operation comes now: there is nothing to add to.
        chunk.IsNew |= (number & (SlotSet.Size - 1)) == 0;
    }

    /// <summary>A term is one of an operation's.</summary>
    public void Add(long number, long term)
    {
        var chunk = ChunkOf(number);
        if (chunk.Count == chunk.Terms.Length)
        {
            Array.Resize(ref chunk.Terms, chunk.Count * 2);
            Array.Resize(ref chunk.Slots, chunk.Count * 2);
        }
        chunk.Terms[chunk.Count] = term;
        chunk.Slots[chunk.Count++] = (ushort)(number & (SlotSet.Size - 1));
    }

    /// <summary>A term that is stored is one of the operation's no longer.</summary>
    public void Remove(long number, long term)
    {
        var chunk = number >> SlotSet.Bits;
        _set.Clear();
        if (!Read(chunk, term)) return;
        _set.Remove((int)(number & (SlotSet.Size - 1)));
        Store(chunk, term);
    }

    /// <summary>Takes every term from operations of one chunk: it looks at all that the chunk holds.</summary>
    public void Forget(long chunk, SlotSet slots)
    {
        using var all = new IndexStatement(sql, "select term, slots from postings where chunk = ?1");
        var changed = new List<long>();
        for (var more = all.Begin(chunk); more; more = all.Next())
        {
            _set.Clear();
            _set.Read(all.Bytes(1));
            if (_set.Remove(slots)) changed.Add(all.Number(0));
        }
        all.End();
        foreach (var term in changed)
        {
            _set.Clear();
            Read(chunk, term);
            _set.Remove(slots);
            Store(chunk, term);
        }
    }

    /// <summary>Writes what was gathered.</summary>
    public void Write()
    {
        foreach (var (chunk, gathered) in _chunks)
        {
            Array.Sort(gathered.Terms, gathered.Slots, 0, gathered.Count);
            for (var at = 0; at < gathered.Count;)
            {
                var term = gathered.Terms[at];
                _set.Clear();
                if (!gathered.IsNew) Read(chunk, term);
                for (; at < gathered.Count && gathered.Terms[at] == term; at++) _set.Add(gathered.Slots[at]);
                Store(chunk, term);
            }
            if (gathered.From <= gathered.To) _chunk.Run(chunk, gathered.From, gathered.To);
        }
        _chunks.Clear();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _find.Dispose();
        _write.Dispose();
        _delete.Dispose();
        _chunk.Dispose();
    }

    private bool Read(long chunk, long term)
    {
        var isFound = _find.Begin(chunk, term);
        if (isFound) _set.Read(_find.Bytes(0));
        _find.End();
        return isFound;
    }

    private void Store(long chunk, long term)
    {
        if (_set.IsEmpty) _delete.Run(chunk, term);
        else _write.Run(chunk, term, _set.Write(_stored));
    }

    private Gathered ChunkOf(long number)
    {
        if (!_chunks.TryGetValue(number >> SlotSet.Bits, out var chunk)) _chunks.Add(number >> SlotSet.Bits, chunk = new Gathered());
        return chunk;
    }

    private sealed class Gathered
    {
        public long[] Terms = new long[1024];

        public ushort[] Slots = new ushort[1024];

        public int Count { get; set; }

        public bool IsNew { get; set; }

        public long From { get; set; } = long.MaxValue;

        public long To { get; set; } = long.MinValue;
    }
}
