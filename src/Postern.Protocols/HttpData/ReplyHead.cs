using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Postern.Core.Masking;
using Postern.Core.Pipeline;
using Postern.Protocols.HttpData.Forms;
using Postern.Upstreams;

namespace Postern.Protocols.HttpData;

/// <summary>Status and headers of a reply as one JSON document, so that masks and record see them like everything else.</summary>
internal static class ReplyHead
{
    /// <summary>How masks read it: every header value is a value.</summary>
    public static readonly FrameShape Shape = new() { Form = FrameForm.Json, Roots = [[]], Structure = [["status"]] };

    /// <summary>How masks read trailers.</summary>
    public static readonly FrameShape TrailerShape = new() { Form = FrameForm.Json, Roots = [[]] };

    /// <summary>Writes the head that a caller may have.</summary>
    /// <param name="response">The target's.</param>
    /// <param name="place">Where the connection lies at the gateway and at the target.</param>
    /// <param name="contentType">What stands in place of the target's content type; null for that.</param>
    /// <param name="isMasked">Leaves out what describes bytes that masks change.</param>
    public static ReadOnlyMemory<byte> Of(UpstreamResponse response, ReplyPlace place, string? contentType, bool isMasked)
    {
        var output = new ArrayBufferWriter<byte>(512);
        using var json = new Utf8JsonWriter(output, TextForm.Writing);
        json.WriteStartObject();
        json.WriteNumber("status", response.Status);
        json.WriteStartObject("headers");
        var all = response.Headers;
        var connection = Connection(all);
        for (var i = 0; i < all.Count; i++)
        {
            var (name, value) = all[i];
            if (!HeaderRules.ComesBack(name, connection) || (isMasked && HeaderRules.DescribesBytes(name)) || IsBefore(all, i, name)) continue;
            if (name.Equals("Set-Cookie", StringComparison.OrdinalIgnoreCase))
            {
                WriteCookies(json, all, i, place);
                continue;
            }
            if (name.Equals("Location", StringComparison.OrdinalIgnoreCase) || name.Equals("Content-Location", StringComparison.OrdinalIgnoreCase)) value = place.Back(value);
            if (name.Equals("Content-Type", StringComparison.OrdinalIgnoreCase) && contentType is not null) value = contentType;
            json.WriteString(HeaderRules.Lower(name), Joined(all, i, value));
        }
        json.WriteEndObject();
        json.WriteEndObject();
        json.Flush();
        return output.WrittenMemory;
    }

    /// <summary>Writes trailers that a caller may have.</summary>
    public static ReadOnlyMemory<byte> OfTrailers(IReadOnlyList<KeyValuePair<string, string>> trailers)
    {
        var output = new ArrayBufferWriter<byte>(256);
        using var json = new Utf8JsonWriter(output, TextForm.Writing);
        json.WriteStartObject();
        json.WriteStartObject("headers");
        for (var i = 0; i < trailers.Count; i++)
        {
            // What frames, routes or authenticates has no place behind a body (RFC 9110 section 6.5.1).
            var name = trailers[i].Key;
            if (HeaderRules.ComesBack(name, default) && !HeaderRules.DescribesBytes(name) && RequestTrailers.MayTrail(name) && !IsBefore(trailers, i, name)) json.WriteString(HeaderRules.Lower(name), Joined(trailers, i, trailers[i].Value));
        }
        json.WriteEndObject();
        json.WriteEndObject();
        json.Flush();
        return output.WrittenMemory;
    }

    /// <summary>Reads a head: gives each header to <paramref name="take"/> and returns the status, or 0 for trailers.</summary>
    public static int Read(ReadOnlySpan<byte> head, Action<string, StringValues> take)
    {
        var reader = new Utf8JsonReader(head);
        var status = 0;
        string? name = null;
        while (reader.Read())
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.PropertyName when reader.CurrentDepth == 2:
                    name = reader.GetString();
                    break;
                case JsonTokenType.Number when reader.CurrentDepth == 1:
                    status = reader.GetInt32();
                    break;
                case JsonTokenType.String when name is not null && Text(reader.GetString()!) is { } value && IsName(name):
                    take(name, value);
                    break;
                default:
                    break;
            }
        }
        return status;
    }

    // Masks write ASCII, and names that a mask touched may be no names any more.
    private static string? Text(string value) => value.AsSpan().ContainsAnyExceptInRange(' ', '~') ? null : value;

    private static bool IsName(string name) => name.Length > 0 && name.All(character => char.IsAsciiLetterOrDigit(character) || character is '-' or '_' or '.' or '!' or '#' or '$' or '%' or '&' or '\'' or '*' or '+' or '^' or '`' or '|' or '~');

    private static StringValues Connection(IReadOnlyList<KeyValuePair<string, string>> all)
    {
        StringValues connection = default;
        for (var i = 0; i < all.Count; i++)
        {
            if (all[i].Key.Equals("Connection", StringComparison.OrdinalIgnoreCase)) connection = StringValues.Concat(connection, all[i].Value);
        }
        return connection;
    }

    private static bool IsBefore(IReadOnlyList<KeyValuePair<string, string>> all, int at, string name)
    {
        for (var i = 0; i < at; i++)
        {
            if (all[i].Key.Equals(name, StringComparison.OrdinalIgnoreCase)) return true;
        }
        return false;
    }

    private static string Joined(IReadOnlyList<KeyValuePair<string, string>> all, int at, string value)
    {
        for (var i = at + 1; i < all.Count; i++)
        {
            if (!all[i].Key.Equals(all[at].Key, StringComparison.OrdinalIgnoreCase)) continue;
            // Of two types or places one reader takes the first and another the last.
            if (IsSingle(all[at].Key)) throw new UpstreamException(RefusalCode.UpstreamInvalid, "the target sent a header twice that can stand only once");
            value += ", " + all[i].Value;
        }
        return value;
    }

    private static bool IsSingle(string name) => name.Equals("Content-Type", StringComparison.OrdinalIgnoreCase) || name.Equals("Location", StringComparison.OrdinalIgnoreCase)
        || name.Equals("Content-Encoding", StringComparison.OrdinalIgnoreCase) || name.Equals("ETag", StringComparison.OrdinalIgnoreCase) || name.Equals("Content-Disposition", StringComparison.OrdinalIgnoreCase);

    private static void WriteCookies(Utf8JsonWriter json, IReadOnlyList<KeyValuePair<string, string>> all, int from, ReplyPlace place)
    {
        json.WriteStartArray("set-cookie");
        for (var i = from; i < all.Count; i++)
        {
            if (all[i].Key.Equals("Set-Cookie", StringComparison.OrdinalIgnoreCase) && Cookies.ComingBack(all[i].Value, place.BasePath) is { } cookie) json.WriteStringValue(cookie);
        }
        json.WriteEndArray();
    }
}

/// <summary>Where a connection lies: at the gateway, and at the target.</summary>
/// <param name="Own">The gateway's own URL up to the connection's path; no trailing slash.</param>
/// <param name="BasePath">The path of the connection at the gateway; empty when it has a host of its own.</param>
/// <param name="Target">The connection's URL.</param>
internal sealed record ReplyPlace(string Own, string BasePath, Uri Target)
{
    /// <summary>
    /// A place that the target names, as the caller reaches it through the gateway. Whatever lies outside of the connection stays what
    /// it is: nothing is followed, and no credential goes there (attack H14).
    /// </summary>
    public string Back(string location)
    {
        if (location.StartsWith("//", StringComparison.Ordinal) || location.Contains('\\', StringComparison.Ordinal)) return location;
        if (location.StartsWith('/')) return Strip(location) is { } below ? BasePath.Length > 0 || below.StartsWith('/') ? BasePath + below : "/" + below : location;
        if (!Uri.TryCreate(location, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https")) return location;
        if (!string.Equals(url.Authority, Target.Authority, StringComparison.OrdinalIgnoreCase) || url.Scheme != Target.Scheme || url.UserInfo.Length > 0) return location;
        return Strip(url.PathAndQuery) is { } path ? string.Create(CultureInfo.InvariantCulture, $"{Own}{path}{url.Fragment}") : location;
    }

    private string? Strip(string path)
    {
        var root = Target.AbsolutePath.TrimEnd('/');
        if (root.Length == 0) return path;
        return path.StartsWith(root, StringComparison.Ordinal) && (path.Length == root.Length || path[root.Length] is '/' or '?') ? path[root.Length..] : null;
    }
}
