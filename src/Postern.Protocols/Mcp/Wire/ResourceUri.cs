using System.Globalization;
using System.Text;

namespace Postern.Protocols.Mcp.Wire;

/// <summary>
/// Policy judges a resource's URI as it is written, so it must have one reading: what a target could resolve, decode or
/// fold into another resource is refused (attack P19). Nothing is rewritten; the target gets what was judged.
/// </summary>
internal static class ResourceUri
{
    // RFC 3986 section 3.2 gives these schemes hosts, whose case does not count, and a place for a user's name.
    private static readonly string[] HostSchemes = ["http", "https", "ws", "wss", "ftp", "file"];

    // Encoded, these become separators, dots or the end of a text when something decodes once more than the judge.
    private static readonly string[] Hidden = ["%2e", "%2f", "%5c", "%00", "%25", "%3a", "%40", "%0a", "%0d"];

    /// <summary>Why a URI has more than one reading, or null. Holds nothing of it.</summary>
    public static string? FaultOf(string uri)
    {
        foreach (var rune in uri.EnumerateRunes())
        {
            if (rune == Rune.ReplacementChar || Rune.IsWhiteSpace(rune) || Rune.IsControl(rune) || Rune.GetUnicodeCategory(rune) == UnicodeCategory.Format) return "characters that cannot be seen";
        }
        if (uri.Contains('\\', StringComparison.Ordinal)) return "a backslash";
        foreach (var encoded in Hidden)
        {
            if (uri.Contains(encoded, StringComparison.OrdinalIgnoreCase)) return "an encoded separator, dot or percent sign";
        }
        var scheme = SchemeOf(uri);
        if (scheme.ContainsAnyInRange('A', 'Z')) return "a scheme in capitals";
        var rest = uri.AsSpan(scheme.IsEmpty ? 0 : scheme.Length + 1);
        var path = rest;
        if (rest.StartsWith("//"))
        {
            var end = rest[2..].IndexOfAny('/', '?', '#');
            var authority = end < 0 ? rest[2..] : rest[2..(end + 2)];
            path = end < 0 ? default : rest[(end + 2)..];
            if (IsOfHost(scheme) && (authority.Contains('@') || authority.ContainsAnyInRange('A', 'Z'))) return "a host in capitals, or a name before it";
            if (IsDots(authority)) return "a dot segment";
        }
        var tail = path.IndexOfAny('?', '#');
        return PathFault(tail < 0 ? path : path[..tail]);
    }

    private static string? PathFault(ReadOnlySpan<char> path)
    {
        for (var start = 0; start <= path.Length;)
        {
            var end = path[start..].IndexOf('/');
            var segment = end < 0 ? path[start..] : path[start..(start + end)];
            if (IsDots(segment)) return "a dot segment";
            // An address within an address (`via:https://…`) has its own two; elsewhere some readers fold them.
            if (segment.IsEmpty && start > 0 && end >= 0 && !(start > 1 && path[start - 2] == ':')) return "an empty segment";
            if (end < 0) break;
            start += end + 1;
        }
        return null;
    }

    // Parameters of a segment (RFC 3986 section 3.3) are cut off by some readers before they resolve dots.
    private static bool IsDots(ReadOnlySpan<char> segment)
    {
        var semicolon = segment.IndexOf(';');
        if (semicolon >= 0) segment = segment[..semicolon];
        return segment is "." or "..";
    }

    private static ReadOnlySpan<char> SchemeOf(string uri)
    {
        var end = uri.AsSpan().IndexOfAny(':', '/');
        return end > 0 && uri[end] == ':' ? uri.AsSpan(0, end) : default;
    }

    private static bool IsOfHost(ReadOnlySpan<char> scheme)
    {
        foreach (var known in HostSchemes)
        {
            if (scheme.SequenceEqual(known)) return true;
        }
        return false;
    }
}
