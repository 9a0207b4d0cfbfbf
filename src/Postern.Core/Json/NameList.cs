using System.Buffers;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

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
internal ref struct NameList(ReadOnlySpan<byte> utf8, Span<NameList.Entry> entries, Span<ulong> marks, Span<byte> scratch)
{
    // Up to here comparing with every name before is cheaper than sorting.
    private const int Small = 24;

    /// <summary>Marks are compared so many at a time, and read beyond the last that counts: there is room for so many more of them than of entries.</summary>
    public const int Stride = 8;

    private readonly ReadOnlySpan<byte> _utf8 = utf8;
    private Span<Entry> _entries = entries;
    private Span<ulong> _marks = marks;
    private Span<byte> _scratch = scratch;
    private Entry[]? _rented;
    private ulong[]? _rentedMarks;
    private byte[]? _rentedScratch;

    /// <summary>One name as it stands in the document, without its quotes.</summary>
    [StructLayout(LayoutKind.Auto)]
    internal readonly record struct Entry(int Start, int Length, bool IsEscaped);

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
        var entry = new Entry(start, length, isEscaped);
        var mark = MarkOf(name);
        if (Count - level <= Small && IsThere(level, mark, entry)) return NameVerdict.Twice;
        if (Count == _entries.Length) Grow();
        _entries[Count] = entry;
        _marks[Count++] = mark;
        return NameVerdict.New;
    }

    private bool IsThere(int level, ulong mark, Entry entry)
    {
        ref var known = ref MemoryMarshal.GetReference(_marks);
        for (var from = level; from < Count; from += Stride)
        {
            var same = Vector512.Equals(Vector512.LoadUnsafe(ref known, (nuint)from), Vector512.Create(mark)).ExtractMostSignificantBits();
            // What stands behind the last is of objects that are closed.
            if (Count - from < Stride) same &= (1UL << (Count - from)) - 1;
            for (; same != 0; same &= same - 1)
            {
                if (AreSame(_entries[from + BitOperations.TrailingZeroCount(same)], entry)) return true;
            }
        }
        return false;
    }

    /// <summary>Ends the object whose first name is at <paramref name="level"/>; false when a name stands in it twice.</summary>
    public bool Close(int level, out int twice)
    {
        twice = 0;
        var own = _entries[level..Count];
        Count = level;
        if (own.Length <= Small) return true;
        var hashes = _marks[level..(level + own.Length)];
        for (var i = 0; i < own.Length; i++)
        {
            var name = _utf8.Slice(own[i].Start, own[i].Length);
            hashes[i] = HashOf(own[i].IsEscaped ? Unescape(name) : name);
        }
        hashes.Sort(own);
        for (var i = 1; i < own.Length; i++)
        {
            // Equal names have equal hashes and so stand in one run; unequal ones almost never share it.
            for (var j = i - 1; j >= 0 && hashes[j] == hashes[i]; j--)
            {
                if (!AreSame(own[j], own[i])) continue;
                // The later one is reported.
                twice = Math.Max(own[i].Start, own[j].Start);
                return false;
            }
        }
        return true;
    }

    public void Dispose()
    {
        if (_rented is not null) ArrayPool<Entry>.Shared.Return(_rented);
        if (_rentedMarks is not null) ArrayPool<ulong>.Shared.Return(_rentedMarks);
        if (_rentedScratch is not null) ArrayPool<byte>.Shared.Return(_rentedScratch);
        _rented = null;
        _rentedMarks = null;
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
        var largerMarks = ArrayPool<ulong>.Shared.Rent(_entries.Length + Stride);
        _marks.CopyTo(largerMarks);
        if (_rentedMarks is not null) ArrayPool<ulong>.Shared.Return(_rentedMarks);
        _marks = _rentedMarks = largerMarks;
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
