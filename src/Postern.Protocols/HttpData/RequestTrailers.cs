using System.Buffers;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Postern.Core.Masking;
using Postern.Core.Pipeline;
using Postern.Protocols.HttpData.Forms;
using Postern.Upstreams;

namespace Postern.Protocols.HttpData;

/// <summary>What stands behind the body of a request (RFC 9110 section 6.5). Like headers, it goes on only where it claims nothing.</summary>
internal static class RequestTrailers
{
    /// <summary>How masks read them in the record.</summary>
    public static readonly FrameShape Shape = new() { Form = FrameForm.Json, Roots = [[], ["trailers"]] };

    /// <summary>Those that go on, once the body was read to its end; none where the version of the caller has none.</summary>
    /// <param name="http">The request.</param>
    /// <param name="fault">What is wrong with them; null for nothing.</param>
    public static IReadOnlyList<KeyValuePair<string, string>> Of(HttpContext http, out string? fault)
    {
        fault = null;
        if (http.Features.Get<IHttpRequestTrailersFeature>() is not { Available: true, Trailers: { Count: > 0 } trailers }) return [];
        var all = new List<KeyValuePair<string, string>>(trailers.Count);
        foreach (var (name, values) in trailers)
        {
            if (!MayTrail(name) || !HeaderRules.GoesOn(name, default)) continue;
            var value = values.Count == 1 ? values[0]! : string.Join(", ", values.ToArray());
            if (value.AsSpan().ContainsAnyExceptInRange(' ', '~'))
            {
                fault = $"`{name}` holds more than visible ASCII";
                return [];
            }
            all.Add(new(HeaderRules.Lower(name), value));
        }
        all.Sort(static (left, right) => string.CompareOrdinal(left.Key, right.Key));
        return all;
    }

    /// <summary>
    /// False for what a receiver that merges trailers into headers would take for framing, routing, a credential or another reading of the
    /// body that is already there (RFC 9110 section 6.5.1).
    /// </summary>
    public static bool MayTrail(string name) =>
        !name.StartsWith("content-", StringComparison.OrdinalIgnoreCase) && !name.StartsWith("if-", StringComparison.OrdinalIgnoreCase) && !name.Equals("range", StringComparison.OrdinalIgnoreCase)
        && !name.Equals("set-cookie", StringComparison.OrdinalIgnoreCase) && !name.Equals("location", StringComparison.OrdinalIgnoreCase) && !name.Equals("cache-control", StringComparison.OrdinalIgnoreCase)
        && !name.Equals("vary", StringComparison.OrdinalIgnoreCase) && !name.Equals("age", StringComparison.OrdinalIgnoreCase) && !name.Equals("expires", StringComparison.OrdinalIgnoreCase)
        && !name.Equals("accept-encoding", StringComparison.OrdinalIgnoreCase) && !name.StartsWith(':');

    /// <summary>Passes on what stood behind a body that went in pieces: into the record first, as everything.</summary>
    /// <exception cref="UpstreamException">They cannot be read.</exception>
    public static async ValueTask SendAsync(HttpContext http, Clearance clearance, UploadSink sink)
    {
        var trailers = Of(http, out var fault);
        if (fault is not null) throw new UpstreamException(RefusalCode.InvalidRequest, fault);
        if (trailers.Count == 0) return;
        var output = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(output, TextForm.Writing))
        {
            json.WriteStartObject();
            json.WriteStartObject("trailers");
            foreach (var (name, value) in trailers) json.WriteString(name, value);
            json.WriteEndObject();
            json.WriteEndObject();
        }
        await clearance.Inputs.SendAsync(output.WrittenMemory, Shape, new Recorded(sink, trailers)).ConfigureAwait(false);
    }

    private sealed class Recorded(UploadSink sink, IReadOnlyList<KeyValuePair<string, string>> trailers) : IInputSink
    {
        public ValueTask WriteAsync(ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
        {
            sink.Trailers = trailers;
            return default;
        }
    }
}
