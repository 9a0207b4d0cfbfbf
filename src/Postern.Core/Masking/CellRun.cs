using System.Text.Unicode;

namespace Postern.Core.Masking;

/// <summary>
/// Masks at work on one frame of cells. A question about a value (<see cref="Text"/>, <see cref="Document"/>, <see cref="Number"/>,
/// <see cref="Bytes"/>, <see cref="Value"/>) is true when it must not go on as it is; the protocol then writes something else in its
/// place. A frame in which nothing is replaced is not copied.
/// </summary>
public ref struct CellRun
{
    private readonly ReadOnlySpan<byte> _frame;
    private readonly MaskRun _run;
    private readonly ReadOnlySpan<int> _ranks;
    private readonly int _rootRank;
    private readonly ref MaskBuffer _output;
    private readonly ref MaskBuffer _cell;
    private int _copied;

    internal CellRun(ReadOnlySpan<byte> frame, MaskRun run, ReadOnlySpan<int> ranks, ref MaskBuffer output, ref MaskBuffer cell)
    {
        _frame = frame;
        _run = run;
        _ranks = ranks;
        _rootRank = run.BeginCells();
        _output = ref output;
        _cell = ref cell;
        ReadsNumbers = run.ReadsNumbers;
        ReadsTexts = run.ReadsTexts;
        MasksColumns = run.MasksColumns;
    }

    /// <summary>What no position shows: for values that are taken from no column.</summary>
    public const int NoColumn = -1;

    /// <summary>False when only columns are masked, so that no other value need be asked about.</summary>
    public bool ReadsTexts { get; }

    /// <summary>True when a number by itself may be masked.</summary>
    public bool ReadsNumbers { get; }

    /// <summary>True when some column is masked, of this frame or not: texts that may quote any value must then say nothing.</summary>
    public bool MasksColumns { get; }

    /// <summary>True when nothing at all need be asked of the values in the frame: no column of it is masked, and nothing is looked for.</summary>
    public readonly bool IsIdle => !ReadsTexts && _rootRank == 0 && !_ranks.ContainsAnyExcept(0);

    /// <summary>After <see cref="Text"/>, <see cref="Document"/> or <see cref="Bytes"/> said so: what stands in the value's place.</summary>
    public readonly ReadOnlySpan<byte> Replacement => _cell.Written;

    /// <summary>True when the value at this position is masked whatever it is.</summary>
    public readonly bool IsMasked(int column) => RankOf(column) > 0;

    /// <summary>Asks about a text in UTF-8.</summary>
    /// <param name="text">The value as it reads, without any escaping.</param>
    /// <param name="column">Its position, or <see cref="NoColumn"/>.</param>
    /// <param name="maxCharacters">The most characters that the value's type holds.</param>
    public readonly bool Text(scoped ReadOnlySpan<byte> text, int column, int maxCharacters = int.MaxValue)
    {
        var rank = RankOf(column);
        if (rank == 0 && !ReadsTexts) return false;
        if (!Utf8.IsValid(text)) throw new MaskingException("a text under a mask is not UTF-8; blocked");
        _cell.Clear();
        if (!_run.TextCell(text, rank, ref _cell)) return false;
        _cell.KeepCharacters(maxCharacters);
        return true;
    }

    /// <summary>Asks about a JSON document: paths and detectors inside it; of a masked column all of it.</summary>
    /// <exception cref="System.Text.Json.JsonException">It is not JSON.</exception>
    public readonly bool Document(scoped ReadOnlySpan<byte> json, int column)
    {
        var rank = RankOf(column);
        if (rank == 0 && !ReadsTexts) return false;
        if (!Utf8.IsValid(json)) throw new MaskingException("a document under a mask is not UTF-8; blocked");
        _cell.Clear();
        return _run.DocumentCell(json, rank, ref _cell);
    }

    /// <summary>Asks about bytes that may hold text.</summary>
    public readonly bool Bytes(scoped ReadOnlySpan<byte> bytes, int column)
    {
        var rank = RankOf(column);
        if (rank == 0 && !ReadsTexts) return false;
        _cell.Clear();
        return _run.BytesCell(bytes, rank, ref _cell);
    }

    /// <summary>Asks about a number as it is written in JSON. What is masked becomes zero, in the value's own type.</summary>
    public readonly bool Number(scoped ReadOnlySpan<byte> digits, int column) => _run.NumberCell(digits, RankOf(column));

    /// <summary>Asks about a value in which nothing can be looked for: masked with its column, or not at all.</summary>
    public readonly bool Value(int column)
    {
        if (RankOf(column) == 0) return false;
        _run.CountCell();
        return true;
    }

    /// <summary>One more value is masked, for a reason of the protocol's.</summary>
    public readonly void Count() => _run.CountCell();

    /// <summary>Puts other bytes in the place of some of the frame's. Places are given in the frame's order.</summary>
    public void Replace(int start, int end, scoped ReadOnlySpan<byte> with)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(start, _copied);
        _output.Write(_frame[_copied..start]);
        _output.Write(with);
        _copied = end;
    }

    /// <summary>The same, with the bytes in two parts: a length and what it speaks of, say.</summary>
    public void Replace(int start, int end, scoped ReadOnlySpan<byte> first, scoped ReadOnlySpan<byte> second)
    {
        Replace(start, end, first);
        _output.Write(second);
    }

    /// <summary>
    /// Where a byte of the frame, from the last replaced place on, stands in what is written. Taken before something behind it is
    /// replaced, it is where <see cref="Patch"/> writes a length anew.
    /// </summary>
    public readonly int PlaceOf(int offset)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(offset, _copied);
        return _output.Length + (offset - _copied);
    }

    /// <summary>Writes over what is already written.</summary>
    public readonly void Patch(int place, scoped ReadOnlySpan<byte> with) => _output.Patch(place, with);

    /// <summary>True when something was replaced from this byte of the frame on.</summary>
    public readonly bool HasReplacedSince(int offset) => _copied > offset;

    internal readonly void End()
    {
        if (_copied > 0) _output.Write(_frame[_copied..]);
    }

    private readonly int RankOf(int column) => (uint)column < (uint)_ranks.Length ? Math.Max(_ranks[column], _rootRank) : _rootRank;
}
