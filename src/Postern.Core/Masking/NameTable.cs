namespace Postern.Core.Masking;

/// <summary>Finds names by their UTF-8 bytes. A filter over lengths and first bytes answers most misses at once.</summary>
internal sealed class NameTable
{
    private readonly byte[][] _names;
    private readonly int[][] _buckets;
    private readonly ulong _lengths;

    public NameTable(IEnumerable<byte[]> names)
    {
        _names = [.. names.DistinctBy(Convert.ToHexString)];
        var size = 1;
        while (size < _names.Length * 2) size *= 2;
        _buckets = new int[size][];
        for (var i = 0; i < _names.Length; i++)
        {
            ref var bucket = ref _buckets[Bucket(_names[i])];
            bucket = [.. bucket ?? [], i];
            _lengths |= 1UL << (_names[i].Length & 63);
        }
    }

    public int Count => _names.Length;

    /// <summary>The name's index, or -1.</summary>
    public int IndexOf(ReadOnlySpan<byte> name)
    {
        if ((_lengths & (1UL << (name.Length & 63))) == 0) return -1;
        if (_buckets[Bucket(name)] is not { } bucket) return -1;
        foreach (var index in bucket)
        {
            if (name.SequenceEqual(_names[index])) return index;
        }
        return -1;
    }

    private int Bucket(ReadOnlySpan<byte> name)
    {
        // Names come from the policy, so nobody outside chooses the collisions.
        var hash = name.IsEmpty ? 0 : (name.Length * 31) + (name[0] * 7) + (name[^1] * 131) + (name[name.Length / 2] * 13);
        return hash & (_buckets.Length - 1);
    }
}
