using System.Text;
using Microsoft.Extensions.Primitives;

namespace Postern.Protocols.HttpData;

/// <summary>
/// Cookies between a caller and a target behind a gateway that has cookies of its own: neither side ever sees or sets the
/// other's, and a cookie of one target goes to no other.
/// </summary>
internal static class Cookies
{
    // The gateway's own names, with every prefix that browsers know.
    private const string Own = "postern";

    /// <summary>The caller's cookies without the gateway's own; null when none is left.</summary>
    public static string? GoingOn(StringValues header)
    {
        if (header.Count == 0) return null;
        StringBuilder? text = null;
        foreach (var value in header)
        {
            foreach (var range in (value ?? "").AsSpan().Split(';'))
            {
                var cookie = value.AsSpan()[range].Trim();
                if (cookie.IsEmpty || IsOwn(cookie) || cookie.ContainsAnyExceptInRange(' ', '~')) continue;
                text ??= new StringBuilder();
                if (text.Length > 0) text.Append("; ");
                text.Append(cookie);
            }
        }
        return text?.ToString();
    }

    /// <summary>A target's <c>Set-Cookie</c> as the caller gets it: for this host alone, and below the connection's path; null when it must not be set.</summary>
    /// <param name="value">As the target wrote it.</param>
    /// <param name="basePath">Where the connection begins at the gateway; empty when it has a host of its own.</param>
    public static string? ComingBack(string value, string basePath)
    {
        var text = new StringBuilder(value.Length + basePath.Length);
        var path = "/";
        var isFirst = true;
        foreach (var range in value.AsSpan().Split(';'))
        {
            var attribute = value.AsSpan()[range].Trim();
            if (isFirst)
            {
                isFirst = false;
                // `__Host-` promises the path `/`, which below a path of ours cannot be kept.
                if (attribute.IndexOf('=') <= 0 || IsOwn(attribute) || (basePath.Length > 0 && attribute.StartsWith("__Host-", StringComparison.OrdinalIgnoreCase))) return null;
                text.Append(attribute);
                continue;
            }
            var equals = attribute.IndexOf('=');
            var name = (equals < 0 ? attribute : attribute[..equals]).Trim();
            if (name.Equals("domain", StringComparison.OrdinalIgnoreCase)) continue;
            if (name.Equals("path", StringComparison.OrdinalIgnoreCase))
            {
                if (equals >= 0 && attribute[(equals + 1)..].Trim() is ['/', ..] given) path = given.ToString();
                continue;
            }
            if (!attribute.IsEmpty) text.Append("; ").Append(attribute);
        }
        return text.Append("; Path=").Append(basePath).Append(path).ToString();
    }

    private static bool IsOwn(ReadOnlySpan<char> cookie)
    {
        foreach (var prefix in (ReadOnlySpan<string>)["__Host-", "__Secure-", ""])
        {
            if (cookie.StartsWith(prefix, StringComparison.OrdinalIgnoreCase) && cookie[prefix.Length..].StartsWith(Own, StringComparison.OrdinalIgnoreCase)) return true;
        }
        return false;
    }
}
