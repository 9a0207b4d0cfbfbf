using System.Collections.Immutable;
using Microsoft.Data.Sqlite;

namespace Postern.Gateway.Recordings.Search;

/// <summary>Asks chunks where terms occur, open ones and closed ones alike. For one reading of one state of the file.</summary>
internal sealed class ChunkReading(SqliteConnection sql, FreshTerms fresh) : IDisposable
{
    private const string Edition = "select number from edition";
    private const string Words = "select block from words where key = ?1";
    private const string Late = "select block from late where chunk = ?1";
    private const string Open = "select number from open where number >= ?1 and number < ?2";
    private const string Times = "select times from times where chunk = ?1";

    private readonly IndexStatement _edition = new(sql, Edition);
    private readonly IndexStatement _since = new(sql, FreshTerms.Since);
    private readonly IndexStatement _words = new(sql, Words);
    private readonly IndexStatement _late = new(sql, Late);
    private readonly IndexStatement _open = new(sql, Open);
    private readonly IndexStatement _times = new(sql, Times);
    private readonly SlotSet _other = new();
    private readonly ChunkTimes _instants = new();

    /// <summary>Its statements, for whoever looks at their plans.</summary>
    public static ImmutableArray<string> Statements => [Words, Late, Open, Times, FreshTerms.Since, Chunk.Newest];

    /// <summary>Keeps of a set the places at which a term occurs; false when none is left.</summary>
    /// <param name="chunk">The chunk.</param>
    /// <param name="term">The term.</param>
    /// <param name="isLate">It may have become known after the chunk was closed.</param>
    /// <param name="set">What was left by the terms before.</param>
    public bool Keep(in Chunk chunk, ulong term, bool isLate, SlotSet set)
    {
        _other.Clear();
        if (chunk.Bits is { } bits)
        {
            var (key, least) = Chunk.BlockOf(chunk.Id, bits, term);
            Find(_words, key, least, term);
            if (isLate) Find(_late, chunk.Id, 0, term);
        }
        else
        {
            FreshTerms.Find(fresh.Read(_edition, _since, chunk.Id), term, _other);
        }
        set.And(_other);
        return !set.IsEmpty;
    }

    /// <summary>Keeps of a set what has no ending yet; false when none is left.</summary>
    public bool KeepOpen(in Chunk chunk, SlotSet set)
    {
        _other.Clear();
        for (var more = _open.Begin(chunk.First, chunk.End); more; more = _open.Next()) _other.Add((int)(_open.Number(0) - chunk.First));
        _open.End();
        set.And(_other);
        return !set.IsEmpty;
    }

    /// <summary>Keeps of a set what may have an instant in [since, until); false when none is left.</summary>
    public bool KeepTime(in Chunk chunk, long since, long until, SlotSet set)
    {
        if (chunk.From >= since && chunk.To < until) return true;
        _other.Clear();
        if (_times.Begin(chunk.Id)) _instants.Read(_times.Bytes(0));
        else _instants.Read([]);
        _times.End();
        _instants.Find(since, until, _other);
        set.And(_other);
        return !set.IsEmpty;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _edition.Dispose();
        _since.Dispose();
        _words.Dispose();
        _late.Dispose();
        _open.Dispose();
        _times.Dispose();
    }

    private void Find(IndexStatement blocks, long key, ulong least, ulong term)
    {
        try
        {
            if (blocks.Begin(key)) TermBlock.TryFind(blocks.Bytes(0), least, term, _other);
        }
        finally
        {
            blocks.End();
        }
    }
}
