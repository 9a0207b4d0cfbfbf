using System.Collections.Immutable;

namespace Postern.Core.Masking;

/// <summary>
/// The last name in each of several paths. A document in which none of them stands holds nothing that the paths lead to, and
/// searching it for a few names is many times quicker than following paths through it.
/// </summary>
internal sealed class PathAnchors
{
    // Each is one search of the whole document.
    private const int Most = 8;

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
    /// True when one of the names stands anywhere in the bytes, in whatever place, or an escape by number (<c>\u0065</c>), which may
    /// spell any. A document inside a string is told by the same bytes: its letters stand there too.
    /// </summary>
    public bool StandIn(ReadOnlySpan<byte> utf8)
    {
        foreach (var name in _names)
        {
            if (utf8.IndexOf(name) >= 0) return true;
        }
        return utf8.IndexOf("\\u"u8) >= 0;
    }

    // RFC 8259 section 7: these can be written by a backslash and a character other than `u`.
    private static bool MayBeEscaped(ReadOnlySpan<byte> name) => name.ContainsAnyInRange((byte)0, (byte)0x1f) || name.ContainsAny((byte)'"', (byte)'\\', (byte)'/');
}
