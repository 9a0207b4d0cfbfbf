using System.Collections.Immutable;
using Postern.Core.Masking.Detection;

namespace Postern.Core.Masking;

/// <summary>
/// The last name in each of several paths. A document in which none of them stands holds nothing that the paths lead to, and
/// searching it for a few names is many times quicker than following paths through it.
/// </summary>
internal sealed class PathAnchors
{
    // Each is one search of the whole document.
    private const int Most = 8;

    // From this many places on, they must be this many bytes from each other on average.
    private const int Few = 8;
    private const int Sparse = 512;

    // The same where all that lies between is left out; it bounds the list of places to a twelfth of the document.
    private const int SparseToSkip = 48;

    private readonly byte[][] _names;

    private PathAnchors(byte[][] names) => _names = names;

    /// <summary>Null when some path has no name, or one with several spellings, or when there are too many.</summary>
    public static PathAnchors? Of(IEnumerable<ImmutableArray<PathStep>> paths)
    {
        var names = new List<byte[]>();
        foreach (var path in paths)
        {
            var name = path.Select(step => step.Utf8Name).LastOrDefault(each => each is not null);
            if (name is null or { Length: 0 } || MayBeEscaped(name)) return null;
            if (!names.Exists(known => known.AsSpan().SequenceEqual(name))) names.Add(name);
            if (names.Count > Most) return null;
        }
        return names.Count == 0 ? null : new PathAnchors([.. names]);
    }

    /// <summary>
    /// Adds, in order, where one of the names stands as a text of its own, be it a name or a value, in the document or in a document
    /// inside one of its texts (whose quotes are escaped), and where an escape by number (<c>\u0065</c>) stands, which may spell any.
    /// False, with places missing, when there are so many that following the paths is quicker.
    /// </summary>
    public bool TryFind(ReadOnlySpan<byte> utf8, bool canSkip, PlaceList places)
    {
        var found = 0;
        var sparse = canSkip ? SparseToSkip : Sparse;
        Span<int> next = stackalloc int[Most + 1];
        for (var i = 0; i <= _names.Length; i++) next[i] = Next(utf8, i, 0);
        while (true)
        {
            var first = 0;
            for (var i = 1; i <= _names.Length; i++)
            {
                if (next[i] < next[first]) first = i;
            }
            if (next[first] == int.MaxValue) return true;
            if (++found >= Few && next[first] / found < sparse) return false;
            places.Add(next[first]);
            next[first] = Next(utf8, first, next[first] + 1);
        }
    }

    /// <summary>True when there is such a place.</summary>
    public bool StandIn(ReadOnlySpan<byte> utf8)
    {
        for (var i = 0; i <= _names.Length; i++)
        {
            if (Next(utf8, i, 0) != int.MaxValue) return true;
        }
        return false;
    }

    /// <summary>Where this name, or behind the last the escape, stands next; the highest number for nowhere.</summary>
    private int Next(ReadOnlySpan<byte> utf8, int index, int from)
    {
        var isName = index < _names.Length;
        var wanted = isName ? _names[index] : "\\u"u8;
        while (true)
        {
            var found = utf8[from..].IndexOf(wanted);
            if (found < 0) return int.MaxValue;
            var at = from + found;
            var end = at + wanted.Length;
            if (!isName || (at > 0 && utf8[at - 1] == '"' && end < utf8.Length && utf8[end] is (byte)'"' or (byte)'\\')) return at;
            from = at + 1;
        }
    }

    // RFC 8259 section 7: these can be written by a backslash and a character other than `u`.
    private static bool MayBeEscaped(ReadOnlySpan<byte> name) => name.ContainsAnyInRange((byte)0, (byte)0x1f) || name.ContainsAny((byte)'"', (byte)'\\', (byte)'/');
}
