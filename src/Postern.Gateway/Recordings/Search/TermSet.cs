using System.Numerics;

namespace Postern.Gateway.Recordings.Search;

/// <summary>The terms of one operation, each once, in the order in which they came. Emptied and filled again for the next.</summary>
internal sealed class TermSet
{
    private int[] _places = new int[1024];
    private long[] _terms = new long[256];

    /// <summary>How many there are.</summary>
    public int Count { get; private set; }

    /// <summary>All of them.</summary>
    public ReadOnlySpan<long> Terms => _terms.AsSpan(0, Count);

    /// <summary>Adds one, unless it is there.</summary>
    public void Add(long term)
    {
        if (Count == _terms.Length) Grow();
        ref var place = ref PlaceOf(term);
        if (place != 0) return;
        _terms[Count++] = term;
        place = Count;
    }

    /// <summary>Adds all of them.</summary>
    public void Add(ReadOnlySpan<long> terms)
    {
        foreach (var term in terms) Add(term);
    }

    /// <summary>Makes it empty.</summary>
    public void Clear()
    {
        Count = 0;
        Array.Clear(_places);
    }

    // Terms are spread over all 64 bits: any of them say where to look.
    private ref int PlaceOf(long term)
    {
        var mask = _places.Length - 1;
        for (var at = (int)term & mask; ; at = (at + 1) & mask)
        {
            ref var place = ref _places[at];
            if (place == 0 || _terms[place - 1] == term) return ref place;
        }
    }

    private void Grow()
    {
        Array.Resize(ref _terms, Count * 2);
        _places = new int[(int)BitOperations.RoundUpToPowerOf2((uint)_terms.Length * 4)];
        for (var at = 0; at < Count; at++) PlaceOf(_terms[at]) = at + 1;
    }
}
