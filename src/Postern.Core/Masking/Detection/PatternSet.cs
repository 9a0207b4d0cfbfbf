using System.Buffers;
using System.Collections.Immutable;
using System.Text;
using System.Text.RegularExpressions;

namespace Postern.Core.Masking.Detection;

/// <summary>
/// Operators' own patterns, all asked at once: one alternation without backtracking says in one pass whether any matches. Only
/// where one does is each asked for itself, so that a weak pattern never hides what a strong one finds.
/// </summary>
internal sealed class PatternSet
{
    private readonly (Regex Regex, int Rank)[] _patterns;
    private readonly Regex[] _any;

    public PatternSet(IEnumerable<(MaskPattern Pattern, int Rank)> patterns)
    {
        var all = patterns.ToArray();
        _patterns = [.. all.Select(each => (each.Pattern.Regex, each.Rank))];
        _any = [.. Together([.. all.Select(each => each.Pattern)])];
    }

    /// <summary>Adds what the patterns find in the text, which is UTF-8.</summary>
    public void Find(ReadOnlySpan<byte> text, HitList hits)
    {
        var characters = ArrayPool<char>.Shared.Rent(text.Length);
        try
        {
            ReadOnlySpan<char> read = characters.AsSpan(0, Encoding.UTF8.GetChars(text, characters));
            if (!IsAny(read)) return;
            foreach (var (regex, rank) in _patterns)
            {
                var (from, offset) = (0, 0);
                foreach (var match in regex.EnumerateMatches(read))
                {
                    if (match.Length == 0) continue;
                    var start = offset + Encoding.UTF8.GetByteCount(read[from..match.Index]);
                    offset = start + Encoding.UTF8.GetByteCount(read.Slice(match.Index, match.Length));
                    from = match.Index + match.Length;
                    hits.Add(new Hit(start, offset, rank, IsCard: false));
                }
            }
        }
        finally
        {
            ArrayPool<char>.Shared.Return(characters);
        }
    }

    /// <summary>The strongest rank among the patterns that match something in a number as it is written; 0 for none.</summary>
    public int RankOf(ReadOnlySpan<byte> number)
    {
        Span<char> read = stackalloc char[64];
        if (number.Length > read.Length) read = new char[number.Length];
        read = read[..Encoding.ASCII.GetChars(number, read)];
        var best = 0;
        foreach (var (regex, rank) in _patterns)
        {
            if (rank > best && regex.IsMatch(read)) best = rank;
        }
        return best;
    }

    private bool IsAny(ReadOnlySpan<char> text)
    {
        foreach (var any in _any)
        {
            if (any.IsMatch(text)) return true;
        }
        return false;
    }

    /// <summary>One alternation, or as few as the engine's limit on their size permits.</summary>
    private static IEnumerable<Regex> Together(ImmutableArray<MaskPattern> patterns)
    {
        if (patterns.Length == 1) return [patterns[0].Regex];
        try
        {
            return [new Regex(string.Join('|', patterns.Select(pattern => pattern.Branch)), MaskPattern.Options)];
        }
        catch (NotSupportedException)
        {
            var half = patterns.Length / 2;
            return [.. Together(patterns[..half]), .. Together(patterns[half..])];
        }
    }
}
