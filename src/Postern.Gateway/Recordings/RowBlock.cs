using System.Runtime.InteropServices;
using System.Text;
using Postern.Gateway.Recordings.Search;

namespace Postern.Gateway.Recordings;

/// <summary>
/// Rows of operations that follow each other, as bytes that fit one page of the file: how many texts and rows, each text once, then the rows,
/// each as what is different from the one before. A row at a time costs the file a row and each of its indexes an entry; a block costs one.
/// </summary>
internal sealed class RowBlock
{
    /// <summary>A row in the file with its key and a page's own needs: what is longer takes a second page.</summary>
    private const int FullBytes = 3_900;

    private const int MostRows = 128;

    [Flags]
    private enum Marks
    {
        None = 0,
        Ended = 1,
        Last = 2,
        Reply = 4,
    }

    private readonly Dictionary<string, int> _places = new(StringComparer.Ordinal);
    private byte[] _texts = new byte[4 * 1024];
    private byte[] _rows = new byte[4 * 1024];
    private byte[] _whole = [];
    private int _textsLength;
    private int _rowsLength;
    private IndexedOperation _before = new();

    /// <summary>Rows in it.</summary>
    public int Count { get; private set; }

    /// <summary>True when the next row belongs to the next block.</summary>
    public bool IsFull => Count == MostRows || _textsLength + _rowsLength > FullBytes - (Count == 0 ? 0 : (_textsLength + _rowsLength) / Count);

    /// <summary>Makes it empty.</summary>
    public void Clear()
    {
        _places.Clear();
        (_textsLength, _rowsLength, Count, _before) = (0, 0, 0, new IndexedOperation());
    }

    /// <summary>Adds a row. It may not change while the block is written.</summary>
    public void Add(IndexedOperation row)
    {
        var longest = (24 * Varint.MaxBytes) + Encoding.UTF8.GetMaxByteCount(row.Id.Length);
        if (_rows.Length - _rowsLength < longest) Array.Resize(ref _rows, (_rows.Length * 2) + longest);
        var marks = (row.EndedAt is null ? Marks.None : Marks.Ended) | (row.LastSequence is null ? Marks.None : Marks.Last) | (row.ReplyBytes == 0 && row.MaskedValues == 0 ? Marks.None : Marks.Reply);
        _rows[_rowsLength++] = (byte)marks;
        // Ids of one time begin with the same letters.
        var same = row.Id.AsSpan().CommonPrefixLength(_before.Id);
        Number((ulong)same);
        Number((ulong)Encoding.UTF8.GetByteCount(row.Id.AsSpan(same)));
        _rowsLength += Encoding.UTF8.GetBytes(row.Id.AsSpan(same), _rows.AsSpan(_rowsLength));
        Number((ulong)row.Session);
        Text(row.Identity);
        Text(row.Action);
        Text(row.Summary);
        Text(row.Decision);
        Text(row.Rule);
        Text(row.Reason);
        Text(row.Outcome);
        Text(row.Code);
        Text(row.Hold);
        Step(row.At, _before.At);
        Step(row.Segment, _before.Segment);
        Step(row.Position, _before.Position);
        Step(row.Sequence, _before.Sequence);
        if (row.EndedAt is { } ended) Step(ended, row.At);
        if (row.LastSequence is { } last) Step(last, row.Sequence);
        if ((marks & Marks.Reply) != Marks.None)
        {
            Number((ulong)row.ReplyBytes);
            Number((ulong)row.MaskedValues);
        }
        _before = row;
        Count++;
    }

    /// <summary>All of it; valid until it is written to again.</summary>
    public ReadOnlySpan<byte> Bytes()
    {
        var most = (3 * Varint.MaxBytes) + _textsLength + _rowsLength;
        if (_whole.Length < most) _whole = new byte[most];
        var at = Varint.Write(_whole, (ulong)Count);
        at += Varint.Write(_whole.AsSpan(at), (ulong)_textsLength);
        _texts.AsSpan(0, _textsLength).CopyTo(_whole.AsSpan(at));
        at += _textsLength;
        _rows.AsSpan(0, _rowsLength).CopyTo(_whole.AsSpan(at));
        return _whole.AsSpan(0, at + _rowsLength);
    }

    /// <summary>Reads one row of a block; null when the block does not reach so far.</summary>
    /// <param name="block">The block.</param>
    /// <param name="index">The row's place in it.</param>
    /// <exception cref="InvalidDataException">The bytes are no block.</exception>
    public static IndexedOperation? Read(ReadOnlySpan<byte> block, int index)
    {
        var at = 0;
        if (index < 0 || index >= (int)Varint.Read(block, ref at)) return null;
        var reader = new RowReader(block, at);
        for (var row = 0; row < index; row++) reader.Skip();
        return reader.Read();
    }

    /// <summary>Reads all rows of a block.</summary>
    /// <exception cref="InvalidDataException">The bytes are no block.</exception>
    public static List<IndexedOperation> ReadAll(ReadOnlySpan<byte> block)
    {
        var at = 0;
        var count = (int)Varint.Read(block, ref at);
        var reader = new RowReader(block, at);
        var rows = new List<IndexedOperation>();
        for (var row = 0; row < count; row++) rows.Add(reader.Read());
        return rows;
    }

    private void Text(string? text) => Number(text is null ? 0 : (ulong)Place(text) + 1);

    private int Place(string text)
    {
        ref var known = ref CollectionsMarshal.GetValueRefOrAddDefault(_places, text, out var isKnown);
        if (isKnown) return known;
        var place = known = _textsLength;
        var most = Encoding.UTF8.GetMaxByteCount(text.Length) + Varint.MaxBytes;
        if (_texts.Length - place < most) Array.Resize(ref _texts, Math.Max(_texts.Length * 2, place + most));
        var length = Encoding.UTF8.GetByteCount(text);
        var at = place + Varint.Write(_texts.AsSpan(place), (ulong)length);
        _textsLength = at + Encoding.UTF8.GetBytes(text, _texts.AsSpan(at));
        return place;
    }

    private void Number(ulong value) => _rowsLength += Varint.Write(_rows.AsSpan(_rowsLength), value);

    private void Step(long value, long before) => Number(Varint.Fold(value - before));

    /// <summary>Goes through the rows of a block.</summary>
    private ref struct RowReader
    {
        private readonly ReadOnlySpan<byte> _texts;
        private readonly ReadOnlySpan<byte> _rows;
        private char[] _id = new char[64];
        private int _idLength;
        private int _at;
        private (long At, long Segment, long Position, long Sequence) _before;

        public RowReader(ReadOnlySpan<byte> block, int at)
        {
            var length = (int)Varint.Read(block, ref at);
            if (length < 0 || length > block.Length - at) throw Varint.Damaged();
            _texts = block.Slice(at, length);
            _rows = block[(at + length)..];
        }

        public void Skip() => Go(null);

        public IndexedOperation Read()
        {
            var row = new IndexedOperation();
            Go(row);
            return row;
        }

        private void Go(IndexedOperation? row)
        {
            if (_at >= _rows.Length) throw Varint.Damaged();
            var marks = (Marks)_rows[_at++];
            var same = (int)Number();
            var length = (int)Number();
            if (same < 0 || same > _idLength || length < 0 || length > _rows.Length - _at) throw Varint.Damaged();
            if (same + length > _id.Length) Array.Resize(ref _id, same + length);
            var tail = _rows.Slice(_at, length);
            _at += length;
            _idLength = same + Encoding.UTF8.GetChars(tail, _id.AsSpan(same));
            var session = (long)Number();
            if (row is null)
            {
                for (var text = 0; text < 9; text++) Number();
            }
            else
            {
                row.Id = new string(_id, 0, _idLength);
                row.Session = session;
                row.Identity = Text() ?? "";
                row.Action = Text() ?? "";
                row.Summary = Text() ?? "";
                row.Decision = Text() ?? "";
                row.Rule = Text();
                row.Reason = Text() ?? "";
                row.Outcome = Text();
                row.Code = Text();
                row.Hold = Text();
            }
            _before = (Step(_before.At), Step(_before.Segment), Step(_before.Position), Step(_before.Sequence));
            long? ended = (marks & Marks.Ended) == Marks.None ? null : Step(_before.At);
            long? last = (marks & Marks.Last) == Marks.None ? null : Step(_before.Sequence);
            var (bytes, masked) = (marks & Marks.Reply) == Marks.None ? (0L, 0L) : ((long)Number(), (long)Number());
            if (row is null) return;
            (row.At, row.Segment, row.Position, row.Sequence) = (_before.At, (int)_before.Segment, _before.Position, _before.Sequence);
            (row.EndedAt, row.LastSequence, row.ReplyBytes, row.MaskedValues) = (ended, last, bytes, masked);
        }

        private ulong Number() => Varint.Read(_rows, ref _at);

        private long Step(long before) => before + Varint.Unfold(Number());

        private string? Text()
        {
            var place = (long)Number();
            return place == 0 ? null : Encoding.UTF8.GetString(Bytes((int)(place - 1)));
        }

        private readonly ReadOnlySpan<byte> Bytes(int place)
        {
            if ((uint)place >= (uint)_texts.Length) throw Varint.Damaged();
            var length = (int)Varint.Read(_texts, ref place);
            if (length < 0 || length > _texts.Length - place) throw Varint.Damaged();
            return _texts.Slice(place, length);
        }
    }
}
