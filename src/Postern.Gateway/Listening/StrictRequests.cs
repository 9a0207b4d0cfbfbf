using System.Collections.Frozen;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace Postern.Gateway.Listening;

/// <summary>
/// Refuses what two readers of one request could read differently, before anything else looks at it. Kestrel tolerates each of
/// these; a proxy or a target beside us may not agree with it about what they mean.
/// </summary>
internal static class StrictRequests
{
    private static readonly FrozenSet<string> _methods = FrozenSet.Create(StringComparer.Ordinal, "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS");

    private static readonly FrozenSet<string> _ofConnections = FrozenSet.Create(StringComparer.OrdinalIgnoreCase, "Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "Upgrade", "HTTP2-Settings");

    /// <summary>Null when the request can be read in one way only; otherwise what is wrong, without any value of it.</summary>
    /// <param name="context">The request.</param>
    /// <param name="isTargetsOwn">True when its host is a connection's: then its path is the target's, which the protocol reads.</param>
    public static string? Complaint(HttpContext context, bool isTargetsOwn)
    {
        var request = context.Request;
        var headers = request.Headers;
        if (context.Features.Get<FramedReader>()?.Fault is { } framing) return framing;
        // Exact case: `get` is another method, which some targets take for GET.
        if (!_methods.Contains(request.Method) && !SwitchesToWebSocket(context, isTargetsOwn)) return "the method is none that is served here";
        if (HttpProtocol.IsHttp2(request.Protocol) && Later(headers) is { } later) return later;
        // Two credentials, or one header that a list-joining reader would take for two.
        if (headers.Authorization.Count > 1 || (headers.Authorization.Count == 1 && headers.Authorization[0]!.Contains(','))) return "more than one credential";
        if (Transfer(context, headers.TransferEncoding) is { } transfer) return transfer;
        if (headers.Host.Count != 1) return "expected one Host header";
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        if (isTargetsOwn) return target.StartsWith('/') ? null : "expected a path as the request target";
        return Target(target);
    }

    /// <summary>The one <c>CONNECT</c> there is: a WebSocket over HTTP/2 (RFC 8441), to a target that could have one.</summary>
    private static bool SwitchesToWebSocket(HttpContext context, bool isTargetsOwn) =>
        context.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true, Protocol: "websocket" }
        && (isTargetsOwn || context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget.StartsWith("/http/", StringComparison.Ordinal));

    /// <summary>
    /// What RFC 9113 section 8.2 calls malformed and the server passes on. A header of another version's connections would be obeyed by a
    /// target to which the request goes on over that version.
    /// </summary>
    private static string? Later(IHeaderDictionary headers)
    {
        foreach (var (name, values) in headers)
        {
            if (_ofConnections.Contains(name)) return "a header that is of HTTP/1.1 connections only";
            if (name.AsSpan().ContainsAnyExcept(NameTokens)) return "a header has no name, or one that is not a token";
            foreach (var value in values)
            {
                if (value.AsSpan().ContainsAny(Controls)) return "a header holds control characters";
            }
        }
        return null;
    }

    private static string? Transfer(HttpContext context, StringValues transferEncoding)
    {
        if (transferEncoding.Count == 0) return null;
        if (transferEncoding.Count > 1 || !string.Equals(transferEncoding[0], "chunked", StringComparison.Ordinal)) return "the only transfer encoding that is read is `chunked`, once";
        if (context.Request.Protocol != HttpProtocol.Http11) return "a transfer encoding needs HTTP/1.1";
        // Where both framings stand, Kestrel goes by the encoding and moves the length to this header.
        if (context.Request.Headers.ContainsKey("X-Content-Length") || context.Request.ContentLength is not null) return "both a length and a transfer encoding";
        return null;
    }

    /// <summary>
    /// Every path that is served is made of plain segments. An escape, a dot segment, a doubled slash or a backslash is read in
    /// different ways by different servers, so that a rule on one reading would be passed by another.
    /// </summary>
    private static string? Target(string target)
    {
        if (target.Length == 0 || target[0] != '/') return "expected a path as the request target";
        // What lies below is a target's own path, which its protocol reads strictly and in full: here only that it stays there.
        if (target.StartsWith("/http/", StringComparison.Ordinal)) return StaysBelow(target, "/http/".Length);
        if (target.StartsWith("/k8s/", StringComparison.Ordinal)) return StaysBelow(target, "/k8s/".Length);
        var query = target.IndexOf('?');
        var path = query < 0 ? target.AsSpan() : target.AsSpan(0, query);
        if (path.IndexOfAny("%;\\#") >= 0) return "the path holds an escape or a separator that servers read differently";
        if (path.IndexOf("//") >= 0) return "the path holds an empty segment";
        foreach (var segment in path.Split('/'))
        {
            if (path[segment] is "." or "..") return "the path holds a dot segment";
        }
        return null;
    }

    /// <summary>
    /// The router sees a decoded path without dot segments, the protocol the target as it came: a path whose two readings begin
    /// differently would be routed by one and judged by the other.
    /// </summary>
    private static string? StaysBelow(string target, int prefix)
    {
        var query = target.IndexOf('?');
        var path = query < 0 ? target.AsSpan() : target.AsSpan(0, query);
        var name = path[prefix..];
        var end = name.IndexOf('/');
        if ((end < 0 ? name : name[..end]).ContainsAnyExcept(NameCharacters)) return "the path holds an escape or a separator that servers read differently";
        foreach (var segment in path.Split('/'))
        {
            if (IsDots(path[segment])) return "the path holds a dot segment";
        }
        return path.IndexOf('\\') >= 0 ? "the path holds a separator that servers read differently" : null;
    }

    private static bool IsDots(ReadOnlySpan<char> segment)
    {
        var dots = 0;
        while (!segment.IsEmpty)
        {
            if (segment[0] == '.') segment = segment[1..];
            else if (segment.StartsWith("%2e", StringComparison.OrdinalIgnoreCase)) segment = segment[3..];
            else return false;
            dots++;
        }
        return dots is 1 or 2;
    }

    private static readonly System.Buffers.SearchValues<char> NameTokens = System.Buffers.SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
    private static readonly System.Buffers.SearchValues<char> Controls = System.Buffers.SearchValues.Create([.. Enumerable.Range(0, 32).Where(character => character != '\t').Select(character => (char)character), '\x7f']);
    private static readonly System.Buffers.SearchValues<char> NameCharacters = System.Buffers.SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789-");
}
