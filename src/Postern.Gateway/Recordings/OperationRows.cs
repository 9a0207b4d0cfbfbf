using Microsoft.Data.Sqlite;

namespace Postern.Gateway.Recordings;

/// <summary>Reads rows of operations by their numbers, a block at a time: neighbours are read once.</summary>
internal sealed class OperationRows(SqliteConnection sql) : IDisposable
{
    /// <summary>The block that holds a number, or ends before it.</summary>
    public const string Block = "select first, rows from operations where first <= ?1 order by first desc limit 1";

    private readonly IndexStatement _block = new(sql, Block);
    private byte[] _kept = [];
    private int _length;
    private long _first = long.MaxValue;
    private long _count;

    /// <summary>One row; null when there is none of this number.</summary>
    public IndexedOperation? Find(long number)
    {
        if (number < _first || number >= _first + _count) Load(number);
        return number < _first ? null : RowBlock.Read(_kept.AsSpan(0, _length), (int)Math.Min(number - _first, int.MaxValue));
    }

    /// <summary>The first number in a range whose record comes behind a sequence; numbers ascend as sequences do.</summary>
    public long FirstBehind(long sequence, long from, long end)
    {
        while (from < end)
        {
            var middle = from + ((end - from) / 2);
            if (Find(middle) is { } row && row.Sequence <= sequence) from = middle + 1;
            else end = middle;
        }
        return from;
    }

    /// <inheritdoc/>
    public void Dispose() => _block.Dispose();

    private void Load(long number)
    {
        (_first, _count) = (long.MaxValue, 0);
        if (_block.Begin(number))
        {
            _first = _block.Number(0);
            var bytes = _block.Bytes(1);
            if (_kept.Length < bytes.Length) _kept = new byte[Math.Max(bytes.Length, 8 * 1024)];
            bytes.CopyTo(_kept);
            _length = bytes.Length;
            var at = 0;
            _count = (long)Search.Varint.Read(bytes, ref at);
        }
        _block.End();
    }
}
