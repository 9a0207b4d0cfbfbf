using System.Numerics;
using Microsoft.Data.Sqlite;

namespace Postern.Gateway.Recordings.Search;

/// <summary>
/// Keeps where terms occur, within one transaction. What comes is written behind what is there, a block for each transaction; a chunk that is
/// full is brought in order once, and then stands as blocks of which a search reads one for each term.
/// </summary>
internal sealed class ChunkWriter : IDisposable
{
    /// <summary>Terms and places in one block of a closed chunk: about a kilobyte, several to a page.</summary>
    private const int PairsInBlock = 320;

    private const int MostBits = 16;

    private readonly SqliteConnection _sql;
    private readonly IndexLimits _limits;
    private readonly TermGroups _groups = new();
    private readonly TermPairs _pairs = new();
    private readonly TermBlock _block = new();
    private readonly ChunkTimes _times = new();
    private readonly SortedDictionary<long, TermPairs> _late = [];
    private readonly IndexStatement _writeFresh;
    private readonly IndexStatement _writeWords;
    private readonly IndexStatement _readLate;
    private readonly IndexStatement _writeLate;
    private readonly IndexStatement _writeTimes;
    private readonly IndexStatement _writeChunk;
    private List<Chunk> _closed;
    private Chunk _open;
    private long _fresh;

    /// <param name="sql">The file.</param>
    /// <param name="limits">When a chunk is full.</param>
    /// <param name="next">The number of the next operation.</param>
    public ChunkWriter(SqliteConnection sql, IndexLimits limits, long next)
    {
        (_sql, _limits) = (sql, limits);
        _writeFresh = new(sql, "insert into fresh (id, block) values (?1, ?2)");
        _writeWords = new(sql, "insert into words (key, block) values (?1, ?2)");
        _readLate = new(sql, "select block from late where chunk = ?1");
        _writeLate = new(sql, "insert into late (chunk, block) values (?1, ?2) on conflict (chunk) do update set block = excluded.block");
        _writeTimes = new(sql, "insert into times (chunk, times) values (?1, ?2) on conflict (chunk) do update set times = excluded.times");
        _writeChunk = new(sql,
            """
            insert into chunks (chunk, first, count, pairs, bits, from_at, to_at) values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
            on conflict (chunk) do update set count = excluded.count, pairs = excluded.pairs, bits = excluded.bits, from_at = excluded.from_at, to_at = excluded.to_at
            """);
        _closed = Chunk.UpTo(sql, long.MaxValue);
        if (_closed.Count > 0 && _closed[0].Bits is null)
        {
            _open = _closed[0];
            _closed.RemoveAt(0);
            Read("select times from times where chunk = ?1", _open.Id, row => _times.Read(row.Bytes(0)));
            Read("select max(id) from fresh where id > ?1", 0, row => _fresh = row.OptionalNumber(0) ?? 0);
        }
        else
        {
            _open = Empty(_closed.Count == 0 ? 0 : _closed[0].Id + 1, next);
        }
    }

    /// <summary>The next operation and its terms; numbers follow each other.</summary>
    public void Add(long at, ReadOnlySpan<long> terms)
    {
        _pairs.Add(terms, _open.Count);
        _times.Add(_open.Count, at);
        _open = _open with { Count = _open.Count + 1, Pairs = _open.Pairs + terms.Length, From = Math.Min(_open.From, at), To = Math.Max(_open.To, at) };
        if (_open.Count >= _limits.ChunkOperations || _open.Pairs >= _limits.ChunkPairs) Close();
    }

    /// <summary>What became known of an operation that was taken before.</summary>
    public void AddLate(long number, long term)
    {
        if (number >= _open.First)
        {
            _pairs.Add((ulong)term, (int)(number - _open.First));
            return;
        }
        if (ChunkOf(number) is not { } chunk) return;
        if (!_late.TryGetValue(chunk.Id, out var pairs)) _late.Add(chunk.Id, pairs = new TermPairs());
        pairs.Add((ulong)term, (int)(number - chunk.First));
    }

    /// <summary>Writes what was gathered.</summary>
    public void Finish()
    {
        WriteFresh();
        if (_open.Count > 0) Write(_open);
        foreach (var (chunk, pairs) in _late)
        {
            if (_readLate.Begin(chunk)) TermBlock.ReadAll(_readLate.Bytes(0), 0, pairs);
            _readLate.End();
            WriteLate(chunk, pairs);
            pairs.Dispose();
        }
        _late.Clear();
    }

    /// <summary>Takes every term from operations, and gives them what is left. Every block of their chunks is looked at; what they were in is written anew.</summary>
    /// <param name="left">The operations by number, each with its terms.</param>
    public void Replace(IReadOnlyDictionary<long, long[]> left)
    {
        foreach (var of in left.GroupBy(one => one.Key >= _open.First ? _open : ChunkOf(one.Key) ?? throw Varint.Damaged()))
        {
            var (chunk, slots) = (of.Key, new SlotSet());
            foreach (var (number, _) in of) slots.Add((int)(number - chunk.First));
            using var added = new TermPairs();
            foreach (var (number, terms) in of) added.Add(terms, (int)(number - chunk.First));
            if (chunk.Bits is { } bits) Replace(chunk, bits, slots, added);
            else ReplaceFresh(slots, added);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var pairs in _late.Values) pairs.Dispose();
        _pairs.Dispose();
        _groups.Dispose();
        _block.Dispose();
        foreach (var statement in (ReadOnlySpan<IndexStatement>)[_writeFresh, _writeWords, _readLate, _writeLate, _writeTimes, _writeChunk]) statement.Dispose();
    }

    private static Chunk Empty(long id, long first) => new(id, first, Count: 0, Pairs: 0, Bits: null, From: long.MaxValue, To: long.MinValue);

    private Chunk? ChunkOf(long number)
    {
        foreach (var chunk in _closed)
        {
            if (number >= chunk.First) return number < chunk.End ? chunk : null;
        }
        return null;
    }

    private void WriteFresh()
    {
        if (_pairs.Count == 0) return;
        Fill(_pairs);
        _writeFresh.Run(++_fresh, _block.Bytes);
        _pairs.Clear();
    }

    /// <summary>Everything in one block.</summary>
    private void Fill(TermPairs pairs)
    {
        _block.Begin(0);
        _groups.Each(pairs, _block.Add);
    }

    private void Write(in Chunk chunk)
    {
        _writeTimes.Run(chunk.Id, _times.Bytes);
        _writeChunk.Run(chunk.Id, chunk.First, chunk.Count, chunk.Pairs, (long?)chunk.Bits, chunk.From, chunk.To);
    }

    /// <summary>The chunk is full: what was written of it transaction by transaction is brought in order.</summary>
    private void Close()
    {
        WriteFresh();
        var bits = Math.Min(BitOperations.Log2((uint)(_open.Pairs / PairsInBlock) + 1), MostBits);
        using (var all = new TermPairs((int)Math.Clamp(_open.Pairs, 1, _limits.ChunkPairs)))
        {
            Read("select block from fresh where id > ?1", 0, row => TermBlock.ReadAll(row.Bytes(0), 0, all));
            WriteWords(_open.Id, bits, all);
        }
        using (var clear = new IndexStatement(_sql, "delete from fresh")) clear.Run();
        _open = _open with { Bits = bits };
        Write(_open);
        _closed.Insert(0, _open);
        _open = Empty(_open.Id + 1, _open.End);
        _times.Read([]);
        _fresh = 0;
    }

    private void WriteWords(long chunk, int bits, TermPairs pairs)
    {
        var current = -1L;
        _groups.Each(pairs, (term, slots) =>
        {
            var (key, least) = Chunk.BlockOf(chunk, bits, term);
            if (key != current)
            {
                if (current >= 0) _writeWords.Run(current, _block.Bytes);
                _block.Begin(least);
                current = key;
            }
            _block.Add(term, slots);
        });
        if (current >= 0) _writeWords.Run(current, _block.Bytes);
    }

    private void WriteLate(long chunk, TermPairs pairs)
    {
        Fill(pairs);
        _writeLate.Run(chunk, _block.Bytes);
    }

    private void Replace(in Chunk chunk, int bits, SlotSet slots, TermPairs added)
    {
        // 1. What became known late is among what is left.
        using var late = new TermPairs();
        if (_readLate.Begin(chunk.Id)) TermBlock.ReadAll(_readLate.Bytes(0), 0, late);
        _readLate.End();
        if (late.Remove(slots)) WriteLate(chunk.Id, late);
        // 2. What is left, by block.
        var adding = new Dictionary<long, TermPairs>();
        for (var at = 0; at < added.Count; at++)
        {
            var key = Chunk.BlockOf(chunk.Id, bits, added.Terms[at]).Key;
            if (!adding.TryGetValue(key, out var of)) adding.Add(key, of = new TermPairs());
            of.Add(added.Terms[at], added.Slots[at]);
        }
        // 3. Every block that changes, written anew.
        using var read = new IndexStatement(_sql, "select key, block from words where key >= ?1 and key < ?2");
        using var delete = new IndexStatement(_sql, "delete from words where key = ?1");
        using var update = new IndexStatement(_sql, "insert into words (key, block) values (?1, ?2) on conflict (key) do update set block = excluded.block");
        var changed = new SortedDictionary<long, TermPairs>();
        var begin = chunk.Id << Chunk.KeyBits;
        for (var more = read.Begin(begin, begin + (1L << bits)); more; more = read.Next())
        {
            var key = read.Number(0);
            var pairs = new TermPairs();
            TermBlock.ReadAll(read.Bytes(1), LeastOf(key, bits), pairs);
            var isChanged = pairs.Remove(slots);
            if (adding.Remove(key, out var more2))
            {
                Append(pairs, more2);
                more2.Dispose();
                isChanged = true;
            }
            if (isChanged) changed.Add(key, pairs);
            else pairs.Dispose();
        }
        read.End();
        foreach (var (key, pairs) in adding) changed.Add(key, pairs);
        foreach (var (key, pairs) in changed)
        {
            _block.Begin(LeastOf(key, bits));
            _groups.Each(pairs, _block.Add);
            if (pairs.Count == 0) delete.Run(key);
            else update.Run(key, _block.Bytes);
            pairs.Dispose();
        }
    }

    private void ReplaceFresh(SlotSet slots, TermPairs added)
    {
        using var all = new TermPairs();
        Read("select block from fresh where id > ?1", 0, row => TermBlock.ReadAll(row.Bytes(0), 0, all));
        all.Remove(slots);
        Append(all, added);
        using (var clear = new IndexStatement(_sql, "delete from fresh")) clear.Run();
        using (var edition = new IndexStatement(_sql, "update edition set number = number + 1")) edition.Run();
        Fill(all);
        _writeFresh.Run(_fresh = 1, _block.Bytes);
    }

    private static ulong LeastOf(long key, int bits) => bits == 0 ? 0 : (ulong)(key & ((1L << Chunk.KeyBits) - 1)) << (64 - bits);

    private static void Append(TermPairs to, TermPairs from)
    {
        for (var at = 0; at < from.Count; at++) to.Add(from.Terms[at], from.Slots[at]);
    }

    private void Read(string query, long value, Action<IndexStatement> row)
    {
        using var statement = new IndexStatement(_sql, query);
        for (var more = statement.Begin(value); more; more = statement.Next()) row(statement);
        statement.End();
    }
}
