using System.Buffers;
using System.Net.WebSockets;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Postern.Core.Masking;
using Postern.Core.Pipeline;
using Postern.Protocols.HttpData.Forms;

namespace Postern.Protocols.HttpData;

/// <summary>What the wire is told of a frame besides its content. Nothing here is a value of the target.</summary>
internal sealed class ReplyTag
{
    /// <summary>Status and headers, as <see cref="ReplyHead"/> writes them; the body follows.</summary>
    public static readonly ReplyTag Head = new() { IsHead = true };

    /// <summary>The same, sent at once: the body may be long in coming.</summary>
    public static readonly ReplyTag HeadNow = new() { IsHead = true, IsUrgent = true };

    /// <summary>Trailers.</summary>
    public static readonly ReplyTag Trailers = new() { AreTrailers = true };

    /// <summary>A piece of the body as it is.</summary>
    public static readonly ReplyTag Piece = new();

    /// <summary>A message of a WebSocket, as a JSON string.</summary>
    public static readonly ReplyTag TextMessage = new() { Message = System.Net.WebSockets.WebSocketMessageType.Text };

    /// <summary>A message of a WebSocket that is bytes.</summary>
    public static readonly ReplyTag BinaryMessage = new() { Message = System.Net.WebSockets.WebSocketMessageType.Binary };

    public bool IsHead { get; init; }

    public bool IsUrgent { get; init; }

    public bool AreTrailers { get; init; }

    /// <summary>The length that the body will have, where it goes on as it is.</summary>
    public long? Length { get; init; }

    /// <summary>The frame is JSON that this form writes out.</summary>
    public BodyForm? Form { get; init; }

    /// <summary>Switches the connection.</summary>
    public WebSocketOpening? Switch { get; init; }

    /// <summary>The kind of message, over a connection that was switched.</summary>
    public System.Net.WebSockets.WebSocketMessageType? Message { get; init; }

    /// <summary>The frame is the whole body.</summary>
    public bool IsWhole { get; init; }
}

/// <summary>The caller's end of an HTTP exchange.</summary>
internal sealed class HttpReplyWire(HttpContext http) : IReplySink
{
    private bool _isHeadOfHead;

    /// <summary>The caller's side of a connection that was switched; whoever relays it owns it.</summary>
    public WebSocket? Socket { get; private set; }

    /// <inheritdoc/>
    public ValueTask WriteAsync(Masked<ReadOnlyMemory<byte>> content, object? tag, CancellationToken cancellationToken)
    {
        var how = (ReplyTag)tag!;
        if (how.Switch is { } opening) return SwitchAsync(opening);
        if (how.Message is { } message) return MessageAsync(content.Value, message, cancellationToken);
        if (how.IsHead) return HeadAsync(content.Value.Span, how, cancellationToken);
        if (how.AreTrailers)
        {
            if (http.Response.SupportsTrailers()) ReplyHead.Read(content.Value.Span, http.Response.AppendTrailer);
            return default;
        }
        return _isHeadOfHead ? default : how.Form is { IsJson: false } form ? FormAsync(content.Value, form, how.IsWhole, cancellationToken) : BodyAsync(content.Value, how.IsWhole, cancellationToken);
    }

    private async ValueTask SwitchAsync(WebSocketOpening opening) => Socket = await WebSocketRelay.SwitchAsync(http, opening).ConfigureAwait(false);

    private async ValueTask MessageAsync(ReadOnlyMemory<byte> content, WebSocketMessageType type, CancellationToken cancellationToken)
    {
        if (type == WebSocketMessageType.Text)
        {
            var text = new ArrayBufferWriter<byte>(content.Length);
            TextForm.Instance.FromJson(content.Span, text);
            content = text.WrittenMemory;
        }
        await Socket!.SendAsync(content, type, endOfMessage: true, cancellationToken).ConfigureAwait(false);
    }

    private ValueTask HeadAsync(ReadOnlySpan<byte> head, ReplyTag how, CancellationToken cancellationToken)
    {
        var response = http.Response;
        response.StatusCode = ReplyHead.Read(head, (name, value) => Put(response.Headers, name, value));
        _isHeadOfHead = HttpMethods.IsHead(http.Request.Method);
        if (how.Length is { } length) response.ContentLength = length;
        response.Headers.XContentTypeOptions = "nosniff";
        // The gateway's pages are at the same origin: nothing that a target sends runs there.
        response.Headers.ContentSecurityPolicy = "sandbox";
        if (!how.IsUrgent) return default;
        http.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        return Flush(cancellationToken);
    }

    private static void Put(IHeaderDictionary headers, string name, Microsoft.Extensions.Primitives.StringValues value)
    {
        if (name.Equals("Set-Cookie", StringComparison.OrdinalIgnoreCase)) headers.Append(name, value);
        // What one person may see must not stay in a cache that others share.
        else if (name.Equals("Cache-Control", StringComparison.OrdinalIgnoreCase) && value.ToString() is var said && (said.Contains("public", StringComparison.OrdinalIgnoreCase) || said.Contains("s-maxage", StringComparison.OrdinalIgnoreCase) || said.Contains("must-revalidate", StringComparison.OrdinalIgnoreCase))) headers[name] = "private, no-cache";
        else headers[name] = value;
    }

    private ValueTask Flush(CancellationToken cancellationToken)
    {
        var flush = http.Response.BodyWriter.FlushAsync(cancellationToken);
        return flush.IsCompletedSuccessfully ? default : Awaited(flush);
    }

    private ValueTask BodyAsync(ReadOnlyMemory<byte> body, bool isWhole, CancellationToken cancellationToken)
    {
        if (isWhole) http.Response.ContentLength ??= body.Length;
        if (body.IsEmpty) return default;
        var write = http.Response.BodyWriter.WriteAsync(body, cancellationToken);
        return write.IsCompletedSuccessfully ? default : Awaited(write);
    }

    private async ValueTask FormAsync(ReadOnlyMemory<byte> json, BodyForm form, bool isWhole, CancellationToken cancellationToken)
    {
        if (!isWhole)
        {
            form.FromJson(json.Span, http.Response.BodyWriter);
            await Flush(cancellationToken).ConfigureAwait(false);
            return;
        }
        using var body = new PooledFrame(json.Length);
        form.FromJson(json.Span, body);
        await BodyAsync(body.Written, isWhole: true, cancellationToken).ConfigureAwait(false);
    }

    private static async ValueTask Awaited(ValueTask<System.IO.Pipelines.FlushResult> flush)
    {
        // A caller that is gone is a token's to tell; here the wire has just stopped taking bytes.
        if ((await flush.ConfigureAwait(false)).IsCompleted) throw new IOException("the caller no longer reads");
    }
}
