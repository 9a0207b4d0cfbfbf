using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Postern.Demo.Issuer;

/// <summary>An OAuth error as RFC 6749 section 5.2 words it.</summary>
internal sealed record OAuthError(string Code, string Description);

/// <summary>The rules of reading OAuth requests.</summary>
internal static class Requests
{
    /// <summary>A parameter that is there at most once (RFC 6749 section 3.1).</summary>
    public static bool TryOne(StringValues values, out string? value)
    {
        value = values.Count == 1 ? values[0] : null;
        return values.Count <= 1;
    }

    /// <summary>A form, or null when the body is none.</summary>
    public static async Task<IFormCollection?> ReadFormAsync(HttpContext context)
    {
        try
        {
            return context.Request.HasFormContentType ? await context.Request.ReadFormAsync(context.RequestAborted) : null;
        }
        catch (Exception fault) when (fault is InvalidDataException or BadHttpRequestException or IOException)
        {
            return null;
        }
    }

    /// <summary>RFC 8252 section 7.3: loopback, any port; scheme, host, path and query exact.</summary>
    public static bool RedirectFits(DemoClient client, [NotNullWhen(true)] string? asked) =>
        asked is not null
        && Uri.TryCreate(asked, UriKind.Absolute, out var uri)
        && uri is { Scheme: "http", IsLoopback: true, UserInfo: "", Fragment: "" }
        && client.RedirectUris.Any(registered => Uri.TryCreate(registered, UriKind.Absolute, out var known)
            && string.Equals(known.Host, uri.Host, StringComparison.Ordinal)
            && string.Equals(known.PathAndQuery, uri.PathAndQuery, StringComparison.Ordinal));

    /// <summary>RFC 8707: one absolute URI without a fragment; here the audience itself or something below it.</summary>
    public static bool ResourceFits(string audience, string asked) =>
        string.Equals(asked, audience, StringComparison.Ordinal)
        || (asked.StartsWith(audience + "/", StringComparison.Ordinal)
            && Uri.TryCreate(asked, UriKind.Absolute, out var uri)
            && string.Equals(uri.AbsoluteUri, asked, StringComparison.Ordinal)
            && uri.Fragment.Length == 0);

    /// <summary>RFC 7636 section 4.6, S256 alone.</summary>
    public static bool VerifierFits(string challenge, string? verifier)
    {
        if (verifier is null || verifier.Length is < 43 or > 128 || !verifier.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' or '_' or '~'))
        {
            return false;
        }

        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.ASCII.GetBytes(verifier), hash);
        return Same(Base64Url.EncodeToString(hash), challenge);
    }

    /// <summary>In time that does not depend on where they differ.</summary>
    public static bool Same(string one, string other) =>
        CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(one), Encoding.UTF8.GetBytes(other));

    /// <summary>Both ends of the connection and the name asked for are this machine (the name stops DNS rebinding).</summary>
    public static bool IsLoopback(HttpContext context)
    {
        var host = context.Request.Host.Host;
        return context.Connection.RemoteIpAddress is { } remote && IPAddress.IsLoopback(remote)
            && context.Connection.LocalIpAddress is { } local && IPAddress.IsLoopback(local)
            && (string.Equals(host, "localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(host.Trim('[', ']'), out var literal) && IPAddress.IsLoopback(literal)));
    }

    /// <summary>A browser's form that another site sent is refused; programs send neither header.</summary>
    public static bool IsOwnForm(HttpContext context, string authority)
    {
        var origin = context.Request.Headers.Origin;
        var site = context.Request.Headers["Sec-Fetch-Site"];
        return (origin.Count == 0 || string.Equals(origin.ToString(), $"{context.Request.Scheme}://{context.Request.Host}", StringComparison.OrdinalIgnoreCase) || string.Equals(origin.ToString(), authority, StringComparison.Ordinal))
            && (site.Count == 0 || site.ToString() is "same-origin" or "none");
    }
}
