using System.Buffers;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Postern.Core.Json;

internal enum NameVerdict
{
    New,
    Twice,
    Nul,
}

/// <summary>
/// The names of all objects that are open, innermost last. Names of small objects are compared as they come, by a mark that is cheap to make: few names of one object
/// can share it, whoever chose them. Those of large ones are compared once, sorted by hash, when the object closes. The hash is keyed per process, so that nobody can
/// choose names that collide (guarantees D07).
/// </summary>
internal ref struct NameList(ReadOnlySpan<byte> utf8, Span<NameList.Entry> entries, Span<byte> scratch)
{
    // Up to here comparing with every name before is cheaper than sorting.
    private const int Small = 24;

    private readonly ReadOnlySpan<byte> _utf8 = utf8;
    private Span<Entry> _entries = entries;
    private Span<byte> _scratch = scratch;
    private Entry[]? _rented;
    private byte[]? _rentedScratch;

    /// <summary>One name as it stands in the document, without its quotes.</summary>
    [StructLayout(LayoutKind.Auto)]
    internal readonly record struct Entry(ulong Mark, int Start, int Length, bool IsEscaped);

    public int Count { get; private set; }

    /// <summary>Adds a name to the object whose first name is at <paramref name="level"/>.</summary>
    public NameVerdict Add(int level, int start, int length, bool isEscaped)
    {
        var name = _utf8.Slice(start, length);
        if (isEscaped)
        {
            name = Unescape(name);
            if (name.Contains((byte)0)) return NameVerdict.Nul;
        }
        var entry = new Entry(MarkOf(name), start, length, isEscaped);
        if (Count - level <= Small)
        {
            foreach (ref readonly var other in _entries[level..Count])
            {
                if (other.Mark == entry.Mark && AreSame(other, entry)) return NameVerdict.Twice;
            }
        }
        if (Count == _entries.Length) Grow();
        _entries[Count++] = entry;
        return NameVerdict.New;
    }

    /// <summary>Ends the object whose first name is at <paramref name="level"/>; false when a name stands in it twice.</summary>
    public bool Close(int level, out int twice)
    {
        twice = 0;
        var own = _entries[level..Count];
        Count = level;
        if (own.Length <= Small) return true;
        foreach (ref var entry in own)
        {
            var name = _utf8.Slice(entry.Start, entry.Length);
            entry = entry with { Mark = HashOf(entry.IsEscaped ? Unescape(name) : name) };
        }
        // By place within one hash, so that the name reported is the later one.
        own.Sort(static (one, other) => one.Mark != other.Mark ? one.Mark.CompareTo(other.Mark) : one.Start.CompareTo(other.Start));
        for (var i = 1; i < own.Length; i++)
        {
            // Equal names have equal hashes and so stand in one run; unequal ones almost never share it.
            for (var j = i - 1; j >= 0 && own[j].Mark == own[i].Mark; j--)
            {
                if (!AreSame(own[j], own[i])) continue;
                twice = own[i].Start;
                return false;
            }
        }
        return true;
    }

    public void Dispose()
    {
        if (_rented is not null) ArrayPool<Entry>.Shared.Return(_rented);
        if (_rentedScratch is not null) ArrayPool<byte>.Shared.Return(_rentedScratch);
        _rented = null;
        _rentedScratch = null;
    }

    private bool AreSame(Entry one, Entry other)
    {
        var left = _utf8.Slice(one.Start, one.Length);
        var right = _utf8.Slice(other.Start, other.Length);
        if (!one.IsEscaped && !other.IsEscaped) return left.SequenceEqual(right);
        // Rare: two names with equal hashes, at least one of them escaped; almost surely the same.
        var unescaped = ArrayPool<byte>.Shared.Rent(one.Length);
        try
        {
            var length = JsonText.Unescape(left, unescaped);
            return unescaped.AsSpan(0, length).SequenceEqual(other.IsEscaped ? Unescape(right) : right);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(unescaped);
        }
    }

    private ReadOnlySpan<byte> Unescape(ReadOnlySpan<byte> name)
    {
        if (name.Length > _scratch.Length)
        {
            if (_rentedScratch is not null) ArrayPool<byte>.Shared.Return(_rentedScratch);
            _scratch = _rentedScratch = ArrayPool<byte>.Shared.Rent(name.Length);
        }
        return _scratch[..JsonText.Unescape(name, _scratch)];
    }

    private void Grow()
    {
        var larger = ArrayPool<Entry>.Shared.Rent(_entries.Length * 2);
        _entries.CopyTo(larger);
        if (_rented is not null) ArrayPool<Entry>.Shared.Return(_rented);
        _entries = _rented = larger;
    }

    /// <summary>Equal for equal names; mostly unequal for others: their first and last bytes, and the length.</summary>
    private static ulong MarkOf(ReadOnlySpan<byte> name)
    {
        ref var first = ref MemoryMarshal.GetReference(name);
        if (name.Length >= sizeof(ulong))
        {
            var begin = Unsafe.ReadUnaligned<ulong>(ref first);
            var end = Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref first, name.Length - sizeof(ulong)));
            return begin ^ BitOperations.RotateLeft(end, 23) ^ (ulong)name.Length;
        }
        if (name.Length >= sizeof(uint))
        {
            ulong begin = Unsafe.ReadUnaligned<uint>(ref first);
            ulong end = Unsafe.ReadUnaligned<uint>(ref Unsafe.Add(ref first, name.Length - sizeof(uint)));
            return begin ^ (end << 32) ^ (ulong)name.Length;
        }
        return name.Length == 0 ? 0 : first | ((ulong)Unsafe.Add(ref first, name.Length / 2) << 8) | ((ulong)name[^1] << 16) | ((ulong)name.Length << 24);
    }

    private static ulong HashOf(ReadOnlySpan<byte> name)
    {
        // string's own hash is keyed at process start; an odd last byte and the length complete it.
        var hash = (uint)string.GetHashCode(MemoryMarshal.Cast<byte, char>(name), StringComparison.Ordinal);
        var last = name.IsEmpty ? 0u : name[^1];
        return ((ulong)hash << 32) | ((uint)name.Length << 8) | last;
    }
}
