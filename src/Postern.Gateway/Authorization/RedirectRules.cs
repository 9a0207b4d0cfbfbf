using System.Buffers;
using System.Globalization;

namespace Postern.Gateway.Authorization;

/// <summary>
/// Where answers may go. A redirect URI is text: it is compared as such (RFC 9700 section 4.1.3), because every way of reading two
/// spellings as one has been used to steal codes. The one freedom is the port of a program on the person's own machine (RFC 8252
/// section 7.3).
/// </summary>
internal static class RedirectRules
{
    /// <summary>The longest that is looked at, in characters.</summary>
    public const int MaxLength = 600;

    // Not of a URI at all (RFC 3986 section 2), and read by some as if they were.
    private static readonly SearchValues<char> _unsafe = SearchValues.Create(" \"<>\\^`{|}");

    private static readonly string[] _loopback = ["http://127.0.0.1", "http://[::1]", "http://localhost"];

    // Schemes that a browser or the system acts on by itself.
    private static readonly string[] _acting = ["http", "https", "javascript", "data", "vbscript", "file", "blob", "about", "view-source", "ftp", "ws", "wss", "mailto", "filesystem", "intent", "chrome", "resource", "jar"];

    /// <summary>Null when a client may have this redirect URI; otherwise what was expected.</summary>
    /// <param name="redirect">As it was given.</param>
    /// <param name="allowsPrivateSchemes">True where an operator wrote it: which program answers to a scheme is the machine's say.</param>
    public static string? Complaint(string redirect, bool allowsPrivateSchemes)
    {
        const string expected = "expected `https://host/path`, or `http://127.0.0.1/path` for a program on the person's own machine";
        if (redirect.Length is 0 or > MaxLength || !OAuthText.IsVisible(redirect) || redirect.AsSpan().ContainsAny(_unsafe)) return $"{expected}, in ASCII without spaces";
        if (!Uri.TryCreate(redirect, UriKind.Absolute, out var uri)) return expected;
        if (redirect.Contains('#', StringComparison.Ordinal)) return "a redirect URI has no fragment (RFC 6749 section 3.1.2)";
        if (uri.UserInfo.Length > 0 || Authority(redirect).Contains('@', StringComparison.Ordinal)) return "a redirect URI has no user name";
        if (IsLoopback(redirect)) return HasDotSegment(redirect) ? "expected no `.` or `..` segments" : null;
        if (uri.Scheme == Uri.UriSchemeHttps)
        {
            // Already in the one spelling that a browser would bring it into: no upper case, no default port, no `..`.
            return uri.AbsoluteUri == redirect || uri.AbsoluteUri == redirect + "/" ? null : $"expected the canonical spelling `{uri.AbsoluteUri}`";
        }
        if (!allowsPrivateSchemes || _acting.Contains(uri.Scheme, StringComparer.OrdinalIgnoreCase)) return expected;
        return redirect.StartsWith(uri.Scheme + ":/", StringComparison.Ordinal) ? null : $"expected a scheme in lower case and `:/` after it";
    }

    /// <summary>True when the asked one is one of the registered: the same text, but for the port of this machine's programs.</summary>
    public static bool Fits(IEnumerable<string> registered, string asked)
    {
        if (asked.Length is 0 or > MaxLength) return false;
        foreach (var one in registered)
        {
            if (string.Equals(one, asked, StringComparison.Ordinal) || FitsBesidesPort(one, asked)) return true;
        }
        return false;
    }

    /// <summary>True for an address of the person's own machine.</summary>
    public static bool IsLoopback(string redirect) => Split(redirect) is not null;

    private static bool FitsBesidesPort(string registered, string asked) =>
        Split(registered) is var (host, rest) && Split(asked) is var (askedHost, askedRest)
        && string.Equals(host, askedHost, StringComparison.Ordinal) && string.Equals(rest, askedRest, StringComparison.Ordinal);

    /// <summary>Scheme with host, and all behind the port; null for what is not exactly <c>http://loopback[:port][/…]</c>.</summary>
    private static (string Host, string Path)? Split(string redirect)
    {
        foreach (var host in _loopback)
        {
            if (!redirect.StartsWith(host, StringComparison.Ordinal)) continue;
            var rest = redirect[host.Length..];
            if (rest.StartsWith(':'))
            {
                var end = rest.AsSpan(1).IndexOfAnyExceptInRange('0', '9');
                var digits = end < 0 ? rest[1..] : rest.Substring(1, end);
                if (!ushort.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var port) || port == 0 || digits[0] == '0') return null;
                rest = rest[(1 + digits.Length)..];
            }
            return rest.Length == 0 || rest[0] is '/' or '?' ? (host, rest) : null;
        }
        return null;
    }

    private static bool HasDotSegment(string redirect) => redirect.Split('/', '?').Any(segment => segment is "." or ".." || segment.Contains("%2e", StringComparison.OrdinalIgnoreCase));

    private static string Authority(string redirect)
    {
        var start = redirect.IndexOf("//", StringComparison.Ordinal);
        if (start < 0) return "";
        var end = redirect.AsSpan(start + 2).IndexOfAny('/', '?', '#');
        return end < 0 ? redirect[(start + 2)..] : redirect.Substring(start + 2, end);
    }
}
