using System.Buffers;

namespace Postern.Gateway.Recordings.Search;

/// <summary>Terms with the places in a chunk at which they occur, in any order.</summary>
internal sealed class TermPairs : IDisposable
{
    private const int First = 4 * 1024;

    private ulong[] _terms;
    private ushort[] _slots;

    /// <param name="expected">Room for so many at once.</param>
    public TermPairs(int expected = First)
    {
        _terms = ArrayPool<ulong>.Shared.Rent(expected);
        _slots = ArrayPool<ushort>.Shared.Rent(expected);
    }

    /// <summary>How many there are.</summary>
    public int Count { get; private set; }

    public ReadOnlySpan<ulong> Terms => _terms.AsSpan(0, Count);

    /// <summary>The place of each of <see cref="Terms"/>.</summary>
    public ReadOnlySpan<ushort> Slots => _slots.AsSpan(0, Count);

    /// <summary>A term occurs at a place.</summary>
    public void Add(ulong term, int slot)
    {
        if (Count == Math.Min(_terms.Length, _slots.Length)) Reserve(1);
        _terms[Count] = term;
        _slots[Count++] = (ushort)slot;
    }

    /// <summary>Terms occur at a place.</summary>
    public void Add(ReadOnlySpan<long> terms, int slot)
    {
        Reserve(terms.Length);
        for (var at = 0; at < terms.Length; at++) _terms[Count + at] = (ulong)terms[at];
        _slots.AsSpan(Count, terms.Length).Fill((ushort)slot);
        Count += terms.Length;
    }

    /// <summary>Makes it empty.</summary>
    public void Clear() => Count = 0;

    /// <summary>Takes out what is at these places; true when there was any.</summary>
    public bool Remove(SlotSet slots)
    {
        var kept = 0;
        for (var at = 0; at < Count; at++)
        {
            if (slots.Contains(_slots[at])) continue;
            (_terms[kept], _slots[kept]) = (_terms[at], _slots[at]);
            kept++;
        }
        var isChanged = kept != Count;
        Count = kept;
        return isChanged;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // What is returned twice would be lent twice.
        if (_terms.Length == 0) return;
        ArrayPool<ulong>.Shared.Return(_terms);
        ArrayPool<ushort>.Shared.Return(_slots);
        (_terms, _slots, Count) = ([], [], 0);
    }

    private void Reserve(int more)
    {
        if (Count + more > _terms.Length) Grow(ref _terms, more);
        if (Count + more > _slots.Length) Grow(ref _slots, more);
    }

    private void Grow<T>(ref T[] array, int more)
    {
        var grown = ArrayPool<T>.Shared.Rent(Math.Max(Count + more, array.Length * 2));
        array.AsSpan(0, Count).CopyTo(grown);
        ArrayPool<T>.Shared.Return(array);
        array = grown;
    }
}
