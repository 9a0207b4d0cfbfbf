using Microsoft.Data.Sqlite;
using Postern.Gateway.Recordings.Search;

namespace Postern.Gateway.Recordings;

/// <summary>Writes rows of operations: new ones behind each other, in blocks; what changes in old ones, once for each block.</summary>
internal sealed class RowWriter(SqliteConnection sql) : IDisposable
{
    private readonly IndexStatement _write = new(sql, "insert into operations (first, rows) values (?1, ?2) on conflict (first) do update set rows = excluded.rows");
    private readonly IndexStatement _find = new(sql, OperationRows.Block);
    private readonly SortedList<long, List<IndexedOperation>> _changed = [];
    private readonly RowBlock _block = new();
    private long _first;

    /// <summary>The next row; numbers follow each other.</summary>
    public void Append(long number, IndexedOperation row)
    {
        if (_block.IsFull) Flush();
        if (_block.Count == 0) _first = number;
        _block.Add(row);
    }

    /// <summary>A row that is in the file already, to be changed. Null when there is none.</summary>
    public IndexedOperation? Change(long number)
    {
        if (Known(number) is { } known) return known;
        var found = _find.Begin(number);
        var begin = found ? _find.Number(0) : 0;
        var rows = found ? RowBlock.ReadAll(_find.Bytes(1)) : [];
        _find.End();
        if (number - begin >= rows.Count) return null;
        _changed.Add(begin, rows);
        return rows[(int)(number - begin)];
    }

    /// <summary>Writes what was not written yet.</summary>
    public void Finish()
    {
        Flush();
        foreach (var (first, rows) in _changed)
        {
            _block.Clear();
            foreach (var row in rows) _block.Add(row);
            _first = first;
            Flush();
        }
        _changed.Clear();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _write.Dispose();
        _find.Dispose();
    }

    private IndexedOperation? Known(long number)
    {
        // The last block that begins at the number or before it.
        var (from, end) = (0, _changed.Count);
        while (from < end)
        {
            var middle = (from + end) / 2;
            if (_changed.GetKeyAtIndex(middle) <= number) from = middle + 1;
            else end = middle;
        }
        if (from == 0) return null;
        var (place, rows) = (number - _changed.GetKeyAtIndex(from - 1), _changed.GetValueAtIndex(from - 1));
        return place < rows.Count ? rows[(int)place] : null;
    }

    private void Flush()
    {
        if (_block.Count > 0) _write.Run(_first, _block.Bytes());
        _block.Clear();
    }
}
