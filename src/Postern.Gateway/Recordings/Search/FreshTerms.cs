namespace Postern.Gateway.Recordings.Search;

/// <summary>
/// The terms of the open chunk in memory, as the searches before this one left them: only what was written since is read. Compared one by one,
/// many at a time by the processor.
/// </summary>
internal sealed class FreshTerms : IDisposable
{
    /// <summary>What was written since.</summary>
    public const string Since = "select id, block from fresh where id > ?1 order by id";

    private TermPairs? _pairs;
    private long _edition = -1;
    private long _chunk = -1;
    private long _last;

    /// <summary>Terms that are held; 10 bytes each.</summary>
    public int Count => _pairs?.Count ?? 0;

    /// <summary>Reads what is new of a chunk.</summary>
    public TermPairs Read(IndexStatement edition, IndexStatement since, long chunk)
    {
        var isThere = edition.Begin();
        var current = isThere ? edition.Number(0) : 0;
        edition.End();
        _pairs ??= new TermPairs();
        if (current != _edition || chunk != _chunk)
        {
            _pairs.Clear();
            (_edition, _chunk, _last) = (current, chunk, 0);
        }
        try
        {
            for (var more = since.Begin(_last); more; more = since.Next())
            {
                TermBlock.ReadAll(since.Bytes(1), 0, _pairs);
                _last = since.Number(0);
            }
        }
        catch
        {
            _edition = -1;
            throw;
        }
        finally
        {
            since.End();
        }
        return _pairs;
    }

    /// <summary>Adds to a set where a term occurs.</summary>
    public static void Find(TermPairs pairs, ulong term, SlotSet to)
    {
        var terms = pairs.Terms;
        var slots = pairs.Slots;
        for (var at = 0; at < terms.Length; at++)
        {
            var next = terms[at..].IndexOf(term);
            if (next < 0) return;
            at += next;
            to.Add(slots[at]);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _pairs?.Dispose();
        _pairs = null;
        _edition = -1;
    }
}
