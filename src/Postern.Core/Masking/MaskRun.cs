using System.Buffers;
using Postern.Core.Json;
using Postern.Core.Masking.Detection;

namespace Postern.Core.Masking;

/// <summary>One application of a masker to one frame: what it counts, and the scratch space that texts share.</summary>
internal sealed partial class MaskRun
{
    private const int MaxDepth = StrictJson.DefaultMaxDepth;

    [ThreadStatic]
    private static MaskRun? s_idle;

    private readonly HitList _hits = new();
    private readonly HitList _hidden = new();
    private Masker _masker = Masker.None;
    private byte[] _scratch = [];
    private DetectorSet _detectors;

    /// <summary>Values replaced so far.</summary>
    public int Count { get; private set; }

    /// <summary>Names replaced so far, which <see cref="Count"/> includes.</summary>
    public int MaskedNames { get; private set; }

    /// <summary>Masks plain text: what detectors find, or all of it where a path leads to the root.</summary>
    public void Text(ReadOnlySpan<byte> content, ref MaskBuffer output)
    {
        // One search is as quick as to ask first whether it could find anything.
        _detectors = _masker.Detectors;
        var hidden = Find(content);
        var rank = RootRank();
        if (Math.Max(rank, hidden) > 0 && !content.IsEmpty) Replace(content, Math.Max(Math.Max(rank, hidden), _hits.Best), isEscaped: false, ref output);
        else if (!_hits.Hits.IsEmpty) Splice(content, ref output, isEscaped: false);
    }

    /// <summary>True when a detector finds something in the text.</summary>
    public bool Hides(ReadOnlySpan<byte> text)
    {
        _detectors = _masker.Detectors;
        return Find(text) > 0 || !_hits.Hits.IsEmpty;
    }

    /// <summary>A run for this masker; one is kept per thread, so that a frame costs no new scratch space.</summary>
    public static MaskRun Begin(Masker masker)
    {
        var run = s_idle ?? new MaskRun();
        s_idle = null;
        run._masker = masker;
        run.Count = run.MaskedNames = 0;
        return run;
    }

    /// <summary>Gives the scratch space back.</summary>
    public void End()
    {
        Dispose(ref _scratch);
        _hits.Trim();
        _hidden.Trim();
        _masker = Masker.None;
        s_idle = this;
    }

    /// <summary>Two names that were different must not become one, whatever the target put there to make it so.</summary>
    public void ThrowIfNamesMet(ReadOnlySpan<byte> masked, int namesBefore)
    {
        if (MaskedNames == namesBefore) return;
        // A string may hold several documents in a row: each is checked.
        while (StrictJson.Check(masked, maxNames: int.MaxValue) is { } fault)
        {
            if (fault.Kind != JsonFaultKind.TrailingBytes) throw new MaskingException("names cannot be told apart after masks; blocked");
            masked = masked[fault.Offset..];
        }
    }

    private static void Dispose(ref byte[] scratch)
    {
        if (scratch.Length > 0) ArrayPool<byte>.Shared.Return(scratch);
        scratch = [];
    }

    /// <summary>
    /// Searches the text, and once more as it reads with escapes that are still in it undone (a document inside a string inside
    /// a document). What only that reading shows has no place of its own, so the whole text gets the treatment returned; 0 for none.
    /// </summary>
    private int Find(ReadOnlySpan<byte> text)
    {
        if (!_detectors.Any && _masker.Views.IsEmpty)
        {
            _hits.Clear();
            return 0;
        }
        FindIn(text);
        if (!_detectors.Any || text.IndexOf("\\u"u8) < 0) return 0;
        var undone = ArrayPool<byte>.Shared.Rent(text.Length);
        try
        {
            var length = EscapedText.Undo(text, undone);
            if (length == text.Length) return 0;
            _detectors.Find(undone.AsSpan(0, length), _hidden);
            return _hidden.Hits.Length > _hits.Hits.Length ? _hidden.Best : 0;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(undone);
        }
    }

    /// <summary>Searches the text as it stands, and with the spellings undone that masks decode.</summary>
    private void FindIn(ReadOnlySpan<byte> text)
    {
        _detectors.Find(text, _hits);
        foreach (var view in _masker.Views) view.Find(text, _hits);
    }

    /// <summary>Writes what stands for the whole text.</summary>
    private void Replace(ReadOnlySpan<byte> text, int rank, bool isEscaped, ref MaskBuffer output)
    {
        var treatment = _masker.TreatmentOf(rank);
        Span<byte> replacement = stackalloc byte[Treatment.MaxLength];
        // A field that holds nothing but a card keeps what a card may keep.
        var isCard = _hits.Hits is [{ IsCard: true, Start: 0 } only] && only.End == text.Length;
        Put(replacement[..treatment.Write(text, isCard, replacement)], isEscaped && !treatment.IsPlain, ref output);
        Count++;
    }

    /// <summary>Writes the text with each hit replaced. Hits are offsets in <paramref name="text"/>.</summary>
    private void Splice(ReadOnlySpan<byte> text, ref MaskBuffer output, bool isEscaped)
    {
        var copied = 0;
        foreach (var hit in _hits.Hits)
        {
            Put(text[copied..hit.Start], isEscaped, ref output);
            WriteHit(text[hit.Start..hit.End], hit, isEscaped, ref output);
            copied = hit.End;
            Count++;
        }
        Put(text[copied..], isEscaped, ref output);
    }

    /// <summary>Writes the name with each hit replaced, so that different names stay different.</summary>
    private void SpliceName(ReadOnlySpan<byte> name, ref MaskBuffer output)
    {
        Span<byte> replacement = stackalloc byte[Treatment.MaxLength];
        var copied = 0;
        foreach (var hit in _hits.Hits)
        {
            output.WriteEscaped(name[copied..hit.Start]);
            var length = _masker.TreatmentOf(hit.Rank).WriteName(name[hit.Start..hit.End], hit.IsCard, ++MaskedNames, replacement);
            output.WriteEscaped(replacement[..length]);
            copied = hit.End;
            Count++;
        }
        output.WriteEscaped(name[copied..]);
    }

    private void WriteHit(ReadOnlySpan<byte> text, Hit hit, bool isEscaped, ref MaskBuffer output)
    {
        var treatment = _masker.TreatmentOf(hit.Rank);
        Span<byte> replacement = stackalloc byte[Treatment.MaxLength];
        Put(replacement[..treatment.Write(text, hit.IsCard, replacement)], isEscaped && !treatment.IsPlain, ref output);
    }

    private static void Put(scoped ReadOnlySpan<byte> text, bool isEscaped, ref MaskBuffer output)
    {
        if (isEscaped) output.WriteEscaped(text);
        else output.Write(text);
    }

    /// <summary>The text between the quotes as it reads; in scratch space where it holds escapes.</summary>
    private ReadOnlySpan<byte> Unescape(ReadOnlySpan<byte> escaped)
    {
        if (_scratch.Length < escaped.Length)
        {
            Dispose(ref _scratch);
            _scratch = ArrayPool<byte>.Shared.Rent(escaped.Length);
        }
        var length = JsonText.Unescape(escaped, _scratch);
        return length >= 0 ? _scratch.AsSpan(0, length) : throw new MaskingException("content under a mask holds half of a surrogate pair; blocked");
    }
}
