using System.Buffers;
using System.Numerics;
using System.Security.Cryptography;

namespace Postern.Gateway.Recordings.Search;

/// <summary>
/// Brings terms and places in order: each term once, ascending, with its places. Terms are spread evenly over 64 bits, so they are dealt out
/// by their first bits, and what is left in each heap is little enough to stay in the processor's nearest memory.
/// </summary>
internal sealed class TermGroups : IDisposable
{
    private const int PairsInHeap = 256;
    private const int MostHeapBits = 14;

    // Whoever makes requests chooses their terms, and could choose many that look for one place; where that is, only this process knows (attack D07).
    private static readonly ulong Secret = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong))) | 1;

    private ulong[] _terms = [];
    private ushort[] _slots = [];
    private int[] _table = [];
    private int[] _group = [];
    private ulong[] _keys = [];
    private int[] _order = [];
    private int[] _counts = [];
    private ushort[] _out = [];

    /// <summary>Told of each term.</summary>
    public delegate void Taker(ulong term, ReadOnlySpan<ushort> slots);

    /// <summary>Goes through all that there is: terms ascending, the places of each ascending and once.</summary>
    public void Each(TermPairs pairs, Taker take)
    {
        var count = pairs.Count;
        if (count == 0) return;
        var bits = Math.Clamp(BitOperations.Log2((uint)(count / PairsInHeap) + 1), 0, MostHeapBits);
        if (bits == 0)
        {
            EachOfHeap(pairs.Terms, pairs.Slots, take);
            return;
        }
        var terms = pairs.Terms;
        var slots = pairs.Slots;
        var shift = 64 - bits;
        Rent(ref _terms, count);
        Rent(ref _slots, count);
        var begins = new int[(1 << bits) + 1];
        foreach (var term in terms) begins[(int)(term >> shift) + 1]++;
        for (var heap = 1; heap < begins.Length; heap++) begins[heap] += begins[heap - 1];
        for (var at = 0; at < count; at++)
        {
            var to = begins[(int)(terms[at] >> shift)]++;
            _terms[to] = terms[at];
            _slots[to] = slots[at];
        }
        // Dealing moved each begin to where the next one was.
        for (var (heap, from) = (0, 0); heap < begins.Length - 1; from = begins[heap++])
        {
            EachOfHeap(_terms.AsSpan(from, begins[heap] - from), _slots.AsSpan(from, begins[heap] - from), take);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Return(ref _terms);
        Return(ref _slots);
        Return(ref _table);
        Return(ref _group);
        Return(ref _keys);
        Return(ref _order);
        Return(ref _counts);
        Return(ref _out);
    }

    private void EachOfHeap(ReadOnlySpan<ulong> terms, ReadOnlySpan<ushort> slots, Taker take)
    {
        if (terms.IsEmpty) return;
        var size = (int)BitOperations.RoundUpToPowerOf2((uint)terms.Length * 2);
        var towards = 64 - BitOperations.Log2((uint)size);
        Rent(ref _table, size);
        Rent(ref _group, terms.Length);
        Rent(ref _keys, terms.Length);
        Rent(ref _order, terms.Length);
        Rent(ref _counts, terms.Length + 1);
        Rent(ref _out, terms.Length);
        var table = _table.AsSpan(0, size);
        var (group, keys, counts) = (_group, _keys, _counts);
        table.Clear();
        // 1. Which are the same.
        var groups = 0;
        for (var at = 0; at < terms.Length; at++)
        {
            var term = terms[at];
            for (var place = (int)((term * Secret) >> towards); ; place = (place + 1) & (size - 1))
            {
                var known = table[place] - 1;
                if (known < 0)
                {
                    table[place] = ++groups;
                    keys[groups - 1] = term;
                    counts[groups - 1] = 1;
                    group[at] = groups - 1;
                    break;
                }
                if (keys[known] != term) continue;
                counts[known]++;
                group[at] = known;
                break;
            }
        }
        // 2. In order.
        var order = _order.AsSpan(0, groups);
        for (var i = 0; i < groups; i++) order[i] = i;
        keys.AsSpan(0, groups).Sort(order);
        for (var (i, next) = (0, 0); i < groups; i++)
        {
            var length = counts[order[i]];
            counts[order[i]] = next;
            next += length;
        }
        // 3. The places of each behind each other; afterwards each count is where its places end.
        var to = _out.AsSpan(0, terms.Length);
        for (var at = 0; at < terms.Length; at++) to[counts[group[at]]++] = slots[at];
        for (var (i, from) = (0, 0); i < groups; from = counts[order[i++]]) take(keys[i], Once(to[from..counts[order[i]]]));
    }

    /// <summary>Ascending, each once. Nearly always they came so.</summary>
    private static Span<ushort> Once(Span<ushort> slots)
    {
        var isOrdered = true;
        for (var at = 1; at < slots.Length && isOrdered; at++) isOrdered = slots[at - 1] < slots[at];
        if (isOrdered) return slots;
        slots.Sort();
        var kept = 1;
        for (var at = 1; at < slots.Length; at++)
        {
            if (slots[at] != slots[kept - 1]) slots[kept++] = slots[at];
        }
        return slots[..kept];
    }

    private static void Rent<T>(ref T[] array, int length)
    {
        if (array.Length >= length) return;
        Return(ref array);
        array = ArrayPool<T>.Shared.Rent(length);
    }

    private static void Return<T>(ref T[] array)
    {
        if (array.Length > 0) ArrayPool<T>.Shared.Return(array);
        array = [];
    }
}
