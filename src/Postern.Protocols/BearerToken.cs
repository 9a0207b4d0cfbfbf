using System.Buffers;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;

namespace Postern.Protocols;

/// <summary>The one bearer token of a request (RFC 6750 section 2.1); in one header, and nowhere else.</summary>
internal static class BearerToken
{
    private static readonly SearchValues<char> TokenCharacters = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=");

    /// <summary>The token, or null with the reason for the record and, where one was presented wrongly, the error code for the caller.</summary>
    public static string? Of(HttpContext http, out string reason, out string? error)
    {
        var header = http.Request.Headers.Authorization;
        reason = "no token";
        error = null;
        if ((http.Request.QueryString.HasValue && http.Request.Query.ContainsKey("access_token")) || header.Count > 1)
        {
            reason = "a token in the query, or more than one";
            error = "invalid_request";
            return null;
        }
        if (header.Count == 0) return null;
        if (Read(http, header[0]) is { } token) return token;
        reason = "no bearer token";
        error = "invalid_request";
        return null;
    }

    /// <summary>
    /// The token of an <c>Authorization</c> header, or null. The web server hands out one and the same text while the requests of a
    /// connection carry the same header; so does this, and whoever knows the text already need not look at it again.
    /// </summary>
    private static string? Read(HttpContext http, string? header)
    {
        // Only where one request at a time is served on a connection.
        var items = HttpProtocol.IsHttp11(http.Request.Protocol) ? http.Features.Get<IConnectionItemsFeature>()?.Items : null;
        if (items is not null && items.TryGetValue(typeof(Bearer), out var kept) && kept is Bearer known && ReferenceEquals(known.Header, header)) return known.Token;
        var token = Read(header);
        if (items is not null && token is not null) items[typeof(Bearer)] = new Bearer(header!, token);
        return token;
    }

    // Anything else in the header, be it two values that a proxy joined, is no token.
    private static string? Read(string? header)
    {
        const string Scheme = "Bearer ";
        if (header is null || !header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)) return null;
        var token = header.AsSpan(Scheme.Length);
        return token.IsEmpty || token.ContainsAnyExcept(TokenCharacters) ? null : token.ToString();
    }

    /// <summary>The token of the header that a connection sent last.</summary>
    private sealed record Bearer(string Header, string Token);
}
