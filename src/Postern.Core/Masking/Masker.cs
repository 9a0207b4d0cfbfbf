using System.Buffers;
using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Unicode;
using Postern.Core.Masking.Detection;

namespace Postern.Core.Masking;

/// <summary>
/// A compiled set of masks. Immutable, safe for concurrent use. Untouched bytes are copied as they are.
/// <para>What stands in a value's place depends on nothing but the value, the mask and the key:</para>
/// <list type="bullet">
/// <item>a string: <c>[masked:ID]</c> (redact), <c>[hash:16 hex digits]</c> (hash), <c>****</c> and the last few characters (partial:
/// at most a quarter and at most four, of fewer than eight characters none; of a card its last four digits);</item>
/// <item>a number under any mask: <c>0</c>; a boolean: <c>false</c>; null stays null;</item>
/// <item>an array or object that a path leads to keeps its shape and names, and every value in it is masked.</item>
/// </list>
/// <para>
/// Detectors look at every string, at names and at numbers (cards), in the text as it reads after unescaping. What is already there
/// and looks like a mask gets no trust. Where several masks meet, the strongest takes the value: redact, then hash, then partial.
/// </para>
/// </summary>
public sealed class Masker
{
    /// <summary>Least length of the hash key, in bytes.</summary>
    public const int MinHashKeyBytes = 32;

    /// <summary>Masks nothing.</summary>
    public static readonly Masker None = new([], new PathSet([]), DetectorSet.None);

    private readonly ImmutableArray<Treatment> _treatments;
    private readonly ImmutableArray<(ColumnPattern Pattern, int Rank)> _columns;

    private Masker(
        ImmutableArray<Treatment> treatments, PathSet paths, DetectorSet detectors,
        ImmutableArray<DecodedView> views = default, ImmutableArray<(ColumnPattern Pattern, int Rank)> columns = default, bool isScreened = true)
    {
        _columns = columns.IsDefault ? [] : columns;
        Views = views.IsDefault ? [] : views;
        ReadsBase64 = Views.Any(view => view.ReadsBase64);
        _treatments = treatments;
        Paths = paths;
        Detectors = detectors;
        // Nobody can say from outside what a pattern matches, or what decodes to what.
        IsScreened = isScreened && Views.IsEmpty && detectors.Patterns is null;
    }

    /// <summary>True when nothing is ever changed.</summary>
    public bool IsEmpty => _treatments.IsEmpty;

    /// <summary>True when any column is masked.</summary>
    public bool MasksColumns => !_columns.IsEmpty;

    internal PathSet Paths { get; }

    internal DetectorSet Detectors { get; }

    /// <summary>What is asked of texts with spellings undone.</summary>
    internal ImmutableArray<DecodedView> Views { get; }

    /// <summary>Whether fields of base 64 are masked as what they decode to.</summary>
    internal bool ReadsBase64 { get; }

    /// <summary>True when whole frames are searched first for what rules detectors out. It decides what a frame costs, never what comes out.</summary>
    internal bool IsScreened { get; }

    /// <summary>Compiles masks. <paramref name="hashKey"/> keys <see cref="MaskKind.Hash"/>; at least 32 bytes where one is used.</summary>
    /// <exception cref="ArgumentException">The key is too short, or a detector is not one of <see cref="Masking.Detectors.Names"/>.</exception>
    public static Masker Compile(ImmutableArray<MaskRule> rules, ReadOnlySpan<byte> hashKey)
    {
        if (rules.IsDefaultOrEmpty) return None;
        var ranked = rules.OrderBy(rule => rule.Kind).ThenByDescending(rule => rule.Id, StringComparer.Ordinal).ToArray();
        if (ranked.Any(rule => rule.Kind == MaskKind.Hash) && hashKey.Length < MinHashKeyBytes)
        {
            throw new ArgumentException($"the hash key has {hashKey.Length} bytes; expected at least {MinHashKeyBytes}", nameof(hashKey));
        }
        var key = hashKey.ToArray();
        var paths = new List<(ImmutableArray<PathStep>, int)>();
        for (var i = 0; i < ranked.Length; i++)
        {
            if (!ranked[i].Fields.IsDefaultOrEmpty) paths.AddRange(ranked[i].Fields.Select(path => (path.Steps, i + 1)));
        }
        var numbered = ranked.Select((rule, i) => (Rule: rule, Rank: i + 1)).ToArray();
        var views = numbered.Where(each => each.Rule.Decode != Decodings.None).GroupBy(each => each.Rule.Decode).Select(alike => new DecodedView(alike.Key, DetectorsOf(alike)));
        return new Masker(
            [.. ranked.Select(rule => new Treatment(rule.Id, rule.Kind, key))], new PathSet(paths), DetectorsOf(numbered), [.. views],
            [.. numbered.SelectMany(each => each.Rule.Columns.Select(column => (column, each.Rank)))]);
    }

    private static DetectorSet DetectorsOf(IEnumerable<(MaskRule Rule, int Rank)> rules)
    {
        var detectors = DetectorSet.None;
        var patterns = new List<(MaskPattern, int)>();
        foreach (var (rule, rank) in rules)
        {
            if (!rule.Detectors.IsDefaultOrEmpty) detectors = rule.Detectors.Aggregate(detectors, (set, name) => set.With(name, rank));
            patterns.AddRange(rule.Patterns.Select(pattern => (pattern, rank)));
        }
        return patterns.Count == 0 ? detectors : detectors with { Patterns = new PatternSet(patterns) };
    }

    /// <summary>Writes the content after masks and returns how many values were replaced. On an exception nothing is written.</summary>
    /// <exception cref="MaskingException">The content cannot be parsed in the shape's form.</exception>
    public int Apply(ReadOnlySpan<byte> content, FrameShape shape, IBufferWriter<byte> output) => Apply(content, shape, output, mustWrite: true);

    /// <summary>The same; without <paramref name="mustWrite"/>, nothing is written when nothing is replaced: the content can go on as it is.</summary>
    internal int Apply(ReadOnlySpan<byte> content, FrameShape shape, IBufferWriter<byte> output, bool mustWrite)
    {
        if (IsEmpty)
        {
            if (mustWrite) output.Write(content);
            return 0;
        }
        if (shape.Form == FrameForm.Cells) return ApplyToCells(content, shape.Reader!, output, mustWrite);
        if (shape.Form == FrameForm.Bytes) throw new MaskingException("content that no mask can read stands under a mask; blocked");
        if (!Utf8.IsValid(content)) throw new MaskingException("content under a mask is not UTF-8; blocked");
        var buffer = new MaskBuffer(content.Length);
        var run = MaskRun.Begin(this);
        try
        {
            if (shape.Form == FrameForm.Json) run.Document(content, shape, ref buffer);
            else run.Text(content, ref buffer);
            if (shape.Form == FrameForm.Json) run.ThrowIfNamesMet(buffer.Written, namesBefore: 0);
            if (run.Count > 0) output.Write(buffer.Written);
            else if (mustWrite) output.Write(content);
            return run.Count;
        }
        catch (JsonException)
        {
            // The reader's own message may quote the content; it goes no further.
            throw new MaskingException("content under a mask is not JSON; blocked");
        }
        finally
        {
            run.End();
            buffer.Dispose();
        }
    }

    private int ApplyToCells(ReadOnlySpan<byte> content, CellReader reader, IBufferWriter<byte> output, bool mustWrite)
    {
        var buffer = new MaskBuffer(content.Length);
        var cell = new MaskBuffer(Treatment.MaxLength);
        var run = MaskRun.Begin(this);
        try
        {
            var cells = new CellRun(content, run, reader.Columns.RanksUnder(this), ref buffer, ref cell);
            reader.Read(content, ref cells);
            cells.End();
            if (run.Count > 0) output.Write(buffer.Written);
            else if (mustWrite) output.Write(content);
            return run.Count;
        }
        catch (JsonException)
        {
            throw new MaskingException("a document under a mask is not JSON; blocked");
        }
        finally
        {
            run.End();
            buffer.Dispose();
            cell.Dispose();
        }
    }

    /// <summary>True when the column, by its whole name, is masked.</summary>
    public bool MasksColumn(string column) => RankOfColumn(column) > 0;

    /// <summary>The rank of the strongest treatment of the column; 0 for none.</summary>
    internal int RankOfColumn(string column)
    {
        var best = 0;
        foreach (var (pattern, rank) in _columns)
        {
            if (rank > best && pattern.Matches(column)) best = rank;
        }
        return best;
    }

    /// <summary>The rank of the strongest treatment of any column; 0 for none.</summary>
    internal int StrongestOfColumns() => _columns.IsEmpty ? 0 : _columns.Max(column => column.Rank);

    /// <summary>True when a detector finds something in this text, which then must not be shown.</summary>
    public bool Hides(string text)
    {
        if (!Detectors.Any) return false;
        var run = MaskRun.Begin(this);
        try
        {
            return run.Hides(System.Text.Encoding.UTF8.GetBytes(text));
        }
        finally
        {
            run.End();
        }
    }

    /// <summary>The same masks without their paths.</summary>
    internal Masker DetectorsOnly() => new(_treatments, new PathSet([]), Detectors, Views, _columns, IsScreened);

    /// <summary>The same masks, asked of every text one by one: what screens are checked against.</summary>
    internal Masker Unscreened() => new(_treatments, Paths, Detectors, Views, _columns, isScreened: false);

    /// <summary>The treatment of this rank, from 1.</summary>
    internal Treatment TreatmentOf(int rank) => _treatments[rank - 1];
}
