using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Postern.Core.Masking;
using Postern.Core.Pipeline;
using Postern.Upstreams;

namespace Postern.Protocols.HttpData;

/// <summary>Sends one judged request to its target, and what comes back to the caller. Nothing is sent twice, and no redirect is followed.</summary>
internal static class HttpForwarder
{
    private const int PieceBytes = 64 * 1024;

    /// <summary>Forwards and relays.</summary>
    /// <param name="http">The caller.</param>
    /// <param name="ask">What was judged.</param>
    /// <param name="content">The body that was judged; null when there is none, or when it comes in pieces.</param>
    /// <param name="clearance">The right to.</param>
    /// <param name="upstreams">The way to the target.</param>
    /// <param name="place">Where the connection lies.</param>
    /// <param name="cancellationToken">Ends with the clearance.</param>
    public static async ValueTask RunAsync(HttpContext http, HttpAsk ask, ReadOnlyMemory<byte>? content, Clearance clearance, IUpstreamDialer upstreams, ReplyPlace place, CancellationToken cancellationToken)
    {
        var request = new UpstreamRequest(ask.Method, Headers(ask, clearance.Replies.IsMasked))
        {
            Target = ask.Target.Text,
            TakesTrailers = http.Request.Headers.TE.Count > 0 && http.Response.SupportsTrailers() && http.Request.Headers.TE.ToString().Contains("trailers", StringComparison.OrdinalIgnoreCase),
            Body = ask.Body switch
            {
                AskBody.None => UpstreamBody.None,
                not AskBody.Stream when ask.Trailers.Count > 0 => UpstreamBody.Of(null, sink => WholeAsync(content!.Value, ask.Trailers, sink, clearance.Ended)),
                AskBody.Stream => UpstreamBody.Of(ask.Length, sink => PumpAsync(http, clearance, sink)),
                _ => UpstreamBody.Of(content!.Value),
            },
        };
        // Whoever talks while it listens may be silent for as long as it likes: how long that is, its credential says.
        if (ask.Body == AskBody.Stream && http.Request.ContentType?.StartsWith("application/grpc", StringComparison.OrdinalIgnoreCase) == true && http.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate) rate.MinDataRate = null;
        if (ask.Body == AskBody.Stream && http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit) limit.MaxRequestBodySize = null;
        await using var response = await upstreams.SendAsync(clearance, request, cancellationToken).ConfigureAwait(false);
        await new ReplyRelay(clearance, response, place, ask.Method).RunAsync().ConfigureAwait(false);
    }

    /// <summary>The headers as they are sent.</summary>
    /// <param name="ask">What was judged.</param>
    /// <param name="isMasked">True when the reply must be read: then it is asked for whole and not encoded (attacks H15, H16).</param>
    public static List<KeyValuePair<string, string>> Headers(HttpAsk ask, bool isMasked)
    {
        var headers = new List<KeyValuePair<string, string>>(ask.Headers.Count + ask.Passing.Count + 1);
        var trace = OperationTrace.Outgoing;
        Add(headers, ask.Headers, isMasked, isTraced: false);
        Add(headers, ask.Passing, isMasked, isTraced: trace is not null);
        // The target's spans stand below ours: it is us that it talks to.
        if (trace is not null) headers.Add(new("traceparent", trace));
        if (isMasked) headers.Add(new("accept-encoding", "identity"));
        return headers;
    }

    private static void Add(List<KeyValuePair<string, string>> headers, IReadOnlyList<KeyValuePair<string, string>> more, bool isMasked, bool isTraced)
    {
        for (var i = 0; i < more.Count; i++)
        {
            if (isMasked && more[i].Key is "range" or "if-range" or "accept-encoding") continue;
            if (isTraced && more[i].Key is "traceparent") continue;
            headers.Add(more[i]);
        }
    }

    private static ValueTask WholeAsync(ReadOnlyMemory<byte> content, IReadOnlyList<KeyValuePair<string, string>> trailers, UploadSink sink, CancellationToken cancellationToken)
    {
        sink.Trailers = trailers;
        return sink.WriteAsync(content, cancellationToken);
    }

    /// <summary>
    /// Passes the body on as it arrives. While a piece is written to the record the next ones gather, so a fast upload pays a commit for
    /// many of them, and a slow target makes the caller wait.
    /// </summary>
    private static async ValueTask PumpAsync(HttpContext http, Clearance clearance, UploadSink sink)
    {
        var reader = http.Request.BodyReader;
        var buffer = ArrayPool<byte>.Shared.Rent(PieceBytes);
        var isSending = false;
        // A target that has answered in full wants no more of it.
        await using var over = sink.Over.UnsafeRegister(static state => ((PipeReader)state!).CancelPendingRead(), reader);
        try
        {
            while (true)
            {
                var read = await ReadAsync(reader, clearance.Ended).ConfigureAwait(false);
                if (read.IsCanceled) throw new OperationCanceledException();
                var rest = read.Buffer;
                while (!rest.IsEmpty)
                {
                    var piece = rest.Slice(0, Math.Min(rest.Length, PieceBytes));
                    piece.CopyTo(buffer);
                    isSending = true;
                    await clearance.Inputs.SendAsync(buffer.AsMemory(0, (int)piece.Length), FrameShape.Bytes, sink).ConfigureAwait(false);
                    isSending = false;
                    rest = rest.Slice(piece.End);
                }
                reader.AdvanceTo(read.Buffer.End);
                if (!read.IsCompleted) continue;
                await RequestTrailers.SendAsync(http, clearance, sink).ConfigureAwait(false);
                return;
            }
        }
        finally
        {
            // What a write that was left under way still reads must not be another caller's (G14).
            if (!isSending) ArrayPool<byte>.Shared.Return(buffer, clearArray: true);
        }
    }

    private static async ValueTask<ReadResult> ReadAsync(PipeReader reader, CancellationToken cancellationToken)
    {
        try
        {
            return await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception malformed) when (malformed is BadHttpRequestException or IOException || (malformed is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            // The target never sees the end of the body, and its connection is closed (attack H05).
            throw new UpstreamException(RefusalCode.InvalidRequest, "the body of the request could not be read to its end", malformed);
        }
    }
}
