using System.Runtime.InteropServices;

namespace Postern.Core.Masking.Detection;

/// <summary>What a detector found.</summary>
/// <param name="Start">Its first byte.</param>
/// <param name="End">The byte after its last.</param>
/// <param name="Rank">The treatment it gets.</param>
/// <param name="IsCard">True for a card number, of which the last four digits may be kept.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct Hit(int Start, int End, int Rank, bool IsCard);

/// <summary>Hits in one text. Reused from text to text.</summary>
internal sealed class HitList
{
    private const int MaxIdle = 1024;

    private Hit[] _hits = new Hit[16];
    private int _count;

    public ReadOnlySpan<Hit> Hits => _hits.AsSpan(0, _count);

    public int Best
    {
        get
        {
            var best = 0;
            foreach (var hit in Hits) best = Math.Max(best, hit.Rank);
            return best;
        }
    }

    public void Add(Hit hit)
    {
        if (_count == _hits.Length) Array.Resize(ref _hits, _count * 2);
        _hits[_count++] = hit;
    }

    public void Clear() => _count = 0;

    /// <summary>Gives back what an unusual text made it grow to.</summary>
    public void Trim()
    {
        _count = 0;
        if (_hits.Length > MaxIdle) _hits = new Hit[16];
    }

    /// <summary>Orders the hits and joins those that overlap: the strongest treatment takes them all.</summary>
    public void Settle()
    {
        if (_count < 2) return;
        var hits = _hits.AsSpan(0, _count);
        hits.Sort(static (one, other) => one.Start != other.Start ? one.Start.CompareTo(other.Start) : other.End.CompareTo(one.End));
        var last = 0;
        for (var i = 1; i < hits.Length; i++)
        {
            if (hits[i].Start >= hits[last].End)
            {
                hits[++last] = hits[i];
                continue;
            }
            var isInside = hits[i].End <= hits[last].End;
            hits[last] = new Hit(
                hits[last].Start,
                Math.Max(hits[last].End, hits[i].End),
                Math.Max(hits[last].Rank, hits[i].Rank),
                hits[last].IsCard && (isInside || hits[i].IsCard));
        }
        _count = last + 1;
    }
}
