using System.Text.Json;
using System.Text.Unicode;

namespace Postern.Core.Masking;

// Cells: values that a protocol takes out of its frames one by one.
internal sealed partial class MaskRun
{
    // Nothing that detectors look for is shorter.
    private const int MinRun = 4;

    // What a path or column gives the whole of the next document.
    private int _topRank;

    /// <summary>Whether a number may be masked for what it is.</summary>
    public bool ReadsNumbers => _detectors.Card > 0 || _detectors.Patterns is not null;

    /// <summary>Whether texts and documents may be masked for what they hold.</summary>
    public bool ReadsTexts => _detectors.Any || _masker.Paths.Words > 0 || !_masker.Views.IsEmpty;

    public bool MasksColumns => _masker.MasksColumns;

    /// <summary>Prepares for cells; returns the treatment that a path gives every one of them, 0 for none.</summary>
    public int BeginCells()
    {
        _detectors = _masker.Detectors;
        return RootRank();
    }

    public void CountCell() => Count++;

    public bool NumberCell(ReadOnlySpan<byte> number, int rank)
    {
        if (rank == 0 && (!ReadsNumbers || _detectors.RankOf(number) == 0)) return false;
        Count++;
        return true;
    }

    public bool TextCell(ReadOnlySpan<byte> text, int rank, ref MaskBuffer cell)
    {
        if (rank == 0 && Embedded.MayBeDocument(text))
        {
            var before = Count;
            if (TryDocumentIn(text, ref cell, out var isChanged, mustRead: _masker.Paths.Words > 0)) return isChanged && Count > before;
        }
        return PlainCell(text, rank, ref cell);
    }

    public bool DocumentCell(ReadOnlySpan<byte> json, int rank, ref MaskBuffer cell)
    {
        var (before, names) = (Count, MaskedNames);
        _topRank = rank;
        try
        {
            Documents(json, ShapePlaces.Whole.Paths, areMany: false, isRead: false, ref cell);
        }
        finally
        {
            _topRank = 0;
        }
        if (Count == before) return false;
        ThrowIfNamesMet(cell.Written, names);
        return true;
    }

    public bool BytesCell(ReadOnlySpan<byte> bytes, int rank, ref MaskBuffer cell)
    {
        if (Utf8.IsValid(bytes) && !bytes.Contains((byte)0)) return PlainCell(bytes, rank, ref cell);
        rank = Math.Max(rank, Math.Max(RankWithin(bytes), RankOfRuns(bytes)));
        if (rank == 0) return false;
        _hits.Clear();
        Replace(bytes, rank, isEscaped: false, ref cell);
        return true;
    }

    /// <summary>The strongest rank among the runs of plain characters that stand between other bytes: fields of a value of an unknown form, say.</summary>
    private int RankOfRuns(ReadOnlySpan<byte> bytes)
    {
        var best = 0;
        while (bytes.IndexOfAnyInRange((byte)' ', (byte)'~') is >= 0 and var start)
        {
            bytes = bytes[start..];
            var length = bytes.IndexOfAnyExceptInRange((byte)' ', (byte)'~');
            if (length < 0) length = bytes.Length;
            if (length >= MinRun) best = Math.Max(best, Math.Max(Find(bytes[..length]), _hits.Best));
            bytes = bytes[length..];
        }
        return best;
    }

    private bool PlainCell(ReadOnlySpan<byte> text, int rank, ref MaskBuffer cell)
    {
        rank = Math.Max(rank, Find(text));
        if (rank > 0) Replace(text, Math.Max(rank, _hits.Best), isEscaped: false, ref cell);
        else if (!_hits.Hits.IsEmpty) Splice(text, ref cell, isEscaped: false);
        else return false;
        return true;
    }

    /// <summary>Masks the document, or documents, that a text stands for. False when it stands for none.</summary>
    private bool TryDocumentIn(ReadOnlySpan<byte> text, ref MaskBuffer cell, out bool isChanged, bool mustRead)
    {
        var (count, names) = (Count, MaskedNames);
        var skipped = Embedded.Start(text);
        var document = new MaskBuffer(text.Length);
        _isEmbedded = true;
        isChanged = false;
        try
        {
            Documents(text[skipped..], ShapePlaces.Whole.Paths, areMany: true, isRead: false, ref document);
            isChanged = Count > count;
            if (!isChanged) return true;
            ThrowIfNamesMet(document.Written, names);
            cell.Write(text[..skipped]);
            cell.Write(document.Written);
            return true;
        }
        catch (JsonException)
        {
            if (mustRead && Embedded.IsMeantAsDocument(text) && _masker.Paths.MayLeadInto(text)) throw new MaskingException("text under a mask begins as JSON but is none; blocked");
            Count = count;
            MaskedNames = names;
            return false;
        }
        finally
        {
            _isEmbedded = false;
            document.Dispose();
        }
    }

    /// <summary>The treatment of a path that leads to the root itself.</summary>
    private int RootRank()
    {
        if (_masker.Paths.Words == 0) return 0;
        Span<ulong> state = new ulong[_masker.Paths.Words];
        _masker.Paths.Start(state);
        return _masker.Paths.Best(state);
    }
}
