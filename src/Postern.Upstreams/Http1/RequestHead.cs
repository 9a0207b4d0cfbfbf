using System.Buffers;
using System.Globalization;
using System.Text;
using Postern.Core.Pipeline;

namespace Postern.Upstreams.Http1;

/// <summary>Writes the head of a request (RFC 9112 section 3): target, host, the headers given, the lent credential, the length of the body.</summary>
internal static class RequestHead
{
    /// <summary>No head is longer.</summary>
    public const int MaxBytes = 64 * 1024;

    private static readonly SearchValues<char> Token = SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    /// <summary>What every request to the URL itself begins with, behind its method.</summary>
    public static byte[] Line(Uri url) => [.. Encoding.ASCII.GetBytes($" {url.PathAndQuery}"), .. Tail(url)];

    /// <summary>What stands behind the request target: version and host.</summary>
    public static byte[] Tail(Uri url) => Encoding.ASCII.GetBytes($" HTTP/1.1\r\nHost: {url.IdnHost switch { var host when host.Contains(':', StringComparison.Ordinal) => $"[{host}]", var host => host }}{(url.IsDefaultPort ? "" : string.Create(CultureInfo.InvariantCulture, $":{url.Port}"))}\r\n");

    /// <summary>Writes the head at the begin of <paramref name="output"/> and returns its length; 0 when there is not enough room.</summary>
    /// <exception cref="UpstreamException">A header cannot be sent: its name is no token, or its value is not visible ASCII.</exception>
    public static int Write(Span<byte> output, UpstreamRequest request, HttpOrigin origin, UpstreamCredential? credential, long? bodyLength, bool isChunked = false)
    {
        if (request.Method.Length is 0 or > 32 || request.Method.AsSpan().ContainsAnyExcept(Token)) throw CannotBeSent(request.Method);
        var at = 0;
        if (!Add(output, ref at, request.Method)) return 0;
        if (request.Target is { } target)
        {
            // The one canonical target, which is what was judged; whatever could end the line early never gets here.
            if (target.Length == 0 || target[0] != '/' || target.AsSpan().ContainsAnyExceptInRange('!', '~')) throw CannotBeSent("request target");
            if (!Add(output, ref at, " ") || !Add(output, ref at, origin.BasePath) || !Add(output, ref at, target)) return 0;
        }
        var line = request.Target is null ? origin.Line : origin.Tail;
        if (output.Length - at < line.Length) return 0;
        line.CopyTo(output[at..]);
        at += line.Length;
        if (request.Upgrade is { } upgrade && !(Add(output, ref at, "Connection", "Upgrade") && Add(output, ref at, "Upgrade", upgrade))) return 0;
        if (request is { TakesTrailers: true, Upgrade: null } && !(Add(output, ref at, "Connection", "TE") && Add(output, ref at, "TE", "trailers"))) return 0;
        // By index: the enumerator of an interface would be allocated for each request.
        for (var i = 0; i < request.Headers.Count; i++)
        {
            var (name, value) = request.Headers[i];
            // The lent credential is the only one of its name: a second could be the one that the target believes (attack H07).
            if (credential is not null && string.Equals(name, credential.Header, StringComparison.OrdinalIgnoreCase)) continue;
            if (!Add(output, ref at, name, value)) return 0;
        }
        if (credential is not null && !Add(output, ref at, credential.Header, credential.Value())) return 0;
        if (bodyLength is { } length)
        {
            if (!Add(output, ref at, "Content-Length: ") || !length.TryFormat(output[at..], out var digits, provider: CultureInfo.InvariantCulture)) return 0;
            at += digits;
            if (!Add(output, ref at, "\r\n")) return 0;
        }
        if (isChunked && !Add(output, ref at, "Transfer-Encoding: chunked\r\n")) return 0;
        return Add(output, ref at, "\r\n") ? at : 0;
    }

    /// <summary>The end of a chunked body with what stands behind it.</summary>
    /// <exception cref="UpstreamException">A trailer cannot be sent.</exception>
    public static byte[] LastChunk(IReadOnlyList<KeyValuePair<string, string>> trailers)
    {
        var room = 8;
        foreach (var (name, value) in trailers) room += name.Length + value.Length + 4;
        var output = new byte[room];
        var at = 0;
        Add(output, ref at, "0\r\n");
        foreach (var (name, value) in trailers) Add(output, ref at, name, value);
        Add(output, ref at, "\r\n");
        return output[..at];
    }

    private static bool Add(Span<byte> output, ref int at, string name, string value)
    {
        if (name.Length == 0 || name.AsSpan().ContainsAnyExcept(Token) || value.AsSpan().ContainsAnyExceptInRange(' ', '~')) throw CannotBeSent(name);
        return Add(output, ref at, name) && Add(output, ref at, ": ") && Add(output, ref at, value) && Add(output, ref at, "\r\n");
    }

    private static bool Add(Span<byte> output, ref int at, string ascii)
    {
        if (output.Length - at < ascii.Length) return false;
        at += Encoding.ASCII.GetBytes(ascii, output[at..]);
        return true;
    }

    private static UpstreamException CannotBeSent(string name) => new(RefusalCode.InvalidRequest, $"header `{name}` cannot be sent") { NothingWasSent = true };
}
