using System.Buffers;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Postern.Core.Json;
using Postern.Core.Masking;
using Postern.Core.Pipeline;
using Postern.Protocols.HttpData.Forms;
using Postern.Upstreams;

namespace Postern.Protocols.HttpData;

/// <summary>
/// A WebSocket through the gateway (RFC 6455): two of them, back to back. Each message is read whole and passes its gate; extensions are
/// not negotiated, because what is compressed cannot be read. Nothing is relayed before the target has truly switched.
/// </summary>
internal static class WebSocketRelay
{
    /// <summary>Largest message of either side.</summary>
    public const int MaxMessage = 4 * 1024 * 1024;

    private const int PieceBytes = 16 * 1024;
    private const int KeyBytes = 16;
    private const string Guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

    /// <summary>What is wrong with a request to switch; null when nothing is.</summary>
    public static string? Complaint(HttpContext http)
    {
        var headers = http.Request.Headers;
        if (http.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true }) return headers["Sec-WebSocket-Version"] is ["13"] ? ProtocolComplaint(headers) : "expected `Sec-WebSocket-Version: 13`";
        if (http.Features.Get<IHttpUpgradeFeature>() is not { IsUpgradableRequest: true }) return "the connection cannot be switched";
        if (headers["Sec-WebSocket-Version"] is not ["13"]) return "expected `Sec-WebSocket-Version: 13`";
        Span<byte> key = stackalloc byte[KeyBytes];
        if (headers["Sec-WebSocket-Key"] is not [{ Length: 24 } text] || !Convert.TryFromBase64String(text, key, out var length) || length != KeyBytes) return "expected one `Sec-WebSocket-Key` of 16 bytes in base 64";
        return ProtocolComplaint(headers);
    }

    private static string? ProtocolComplaint(IHeaderDictionary headers) => headers["Sec-WebSocket-Protocol"].ToString().AsSpan().ContainsAnyExceptInRange(' ', '~') ? "`Sec-WebSocket-Protocol` cannot be read" : null;

    public static async ValueTask RunAsync(HttpContext http, HttpAsk ask, HttpReplyWire wire, Clearance clearance, IUpstreamDialer upstreams, ReplyPlace place, CancellationToken cancellationToken)
    {
        var offered = http.Request.Headers["Sec-WebSocket-Protocol"].ToString();
        var headers = HttpForwarder.Headers(ask, clearance.Replies.IsMasked);
        var key = AddHandshake(headers, offered);
        var request = new UpstreamRequest("GET", headers) { Target = ask.Target.Text, Body = UpstreamBody.None, Upgrade = "websocket" };
        await using var response = await upstreams.SendAsync(clearance, request, cancellationToken).ConfigureAwait(false);
        if (response.Status != 101)
        {
            await new ReplyRelay(clearance, response, place, ask.Method).RunAsync().ConfigureAwait(false);
            return;
        }
        var protocol = ProtocolOf(response, key, offered);

        var head = new ArrayBufferWriter<byte>(64);
        head.Write("""{"status":101,"headers":{}}"""u8);
        var opening = new ReplyTag { Switch = new WebSocketOpening(AcceptOf(http), protocol) };
        await clearance.Replies.ReleaseAsync(new ReplyFrame(head.WrittenMemory, ReplyHead.Shape, opening)).ConfigureAwait(false);
        await clearance.Replies.FlushAsync().ConfigureAwait(false);

        using var caller = wire.Socket!;
        using var target = WebSocket.CreateFromStream(new UpstreamStream(response), new WebSocketCreationOptions { IsServer = false, KeepAliveInterval = Timeout.InfiniteTimeSpan });
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var up = UpAsync(caller, target, clearance, over.Token);
        var down = DownAsync(target, caller, clearance, over.Token);
        var first = await Task.WhenAny(up, down).ConfigureAwait(false);
        // One side closed, or failed: the other has a moment to say goodbye, and then it is over.
        over.CancelAfter(TimeSpan.FromSeconds(2));
        await Task.WhenAll(up, down).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
        await first.ConfigureAwait(false);
    }

    /// <summary>Adds what asks a target to switch; returns the key that it must answer to.</summary>
    public static string AddHandshake(List<KeyValuePair<string, string>> headers, string offered)
    {
        var key = Convert.ToBase64String(RandomNumberGenerator.GetBytes(KeyBytes));
        headers.Add(new("Sec-WebSocket-Key", key));
        headers.Add(new("Sec-WebSocket-Version", "13"));
        if (offered.Length > 0) headers.Add(new("Sec-WebSocket-Protocol", offered));
        return key;
    }

    /// <summary>The protocol that a target chose when it switched; null for none.</summary>
    /// <exception cref="UpstreamException">It did not truly switch to what it was asked for.</exception>
    public static string? ProtocolOf(UpstreamResponse response, string key, string offered)
    {
        if (response.Header("Sec-WebSocket-Accept") != AcceptOf(key)) throw Invalid("the target did not answer to the key of the handshake");
        if (response.Header("Sec-WebSocket-Extensions") is not null) throw Invalid("the target switched on an extension that nobody offered");
        var protocol = response.Header("Sec-WebSocket-Protocol");
        if (protocol is not null && !offered.Split(',').Any(each => each.Trim() == protocol)) throw Invalid("the target chose a protocol that nobody offered");
        return protocol;
    }

    /// <summary>Switches the caller's connection, or its stream of one (RFC 8441).</summary>
    public static async ValueTask<WebSocket> SwitchAsync(HttpContext http, WebSocketOpening opening)
    {
        var headers = http.Response.Headers;
        if (opening.Protocol is not null) headers["Sec-WebSocket-Protocol"] = opening.Protocol;
        Stream stream;
        if (http.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true } connect)
        {
            stream = await connect.AcceptAsync().ConfigureAwait(false);
        }
        else
        {
            headers.Upgrade = "websocket";
            headers["Sec-WebSocket-Accept"] = opening.Accept;
            stream = await http.Features.GetRequiredFeature<IHttpUpgradeFeature>().UpgradeAsync().ConfigureAwait(false);
        }
        // The protocol is said in the head alone: the platform would refuse names that are no tokens, such as `SPDY/3.1+portforward.k8s.io`.
        return WebSocket.CreateFromStream(stream, new WebSocketCreationOptions { IsServer = true, KeepAliveInterval = TimeSpan.FromSeconds(30) });
    }

    /// <summary>The caller's own key, answered.</summary>
    public static string AcceptOf(HttpContext http) => AcceptOf(http.Request.Headers["Sec-WebSocket-Key"].ToString());

    // What the caller says: judged when the connection was opened, recorded before it is sent.
    private static async Task UpAsync(WebSocket caller, WebSocket target, Clearance clearance, CancellationToken cancellationToken)
    {
        var sink = new Sink(target);
        using var message = new Message();
        while (true)
        {
            if (!await message.ReadAsync(caller, isOfTarget: false, cancellationToken).ConfigureAwait(false))
            {
                await CloseAsync(target, caller.CloseStatus, cancellationToken).ConfigureAwait(false);
                return;
            }
            sink.Type = message.Type;
            await clearance.Inputs.SendAsync(message.Content, ShapeOf(message), sink).ConfigureAwait(false);
        }
    }

    private static async Task DownAsync(WebSocket target, WebSocket caller, Clearance clearance, CancellationToken cancellationToken)
    {
        using var message = new Message();
        var json = new ArrayBufferWriter<byte>(1024);
        while (true)
        {
            if (!await message.ReadAsync(target, isOfTarget: true, cancellationToken).ConfigureAwait(false))
            {
                await clearance.Replies.FlushAsync().ConfigureAwait(false);
                await CloseAsync(caller, target.CloseStatus, cancellationToken).ConfigureAwait(false);
                return;
            }
            if (message.Type == WebSocketMessageType.Binary)
            {
                await clearance.Replies.ReleaseAsync(new ReplyFrame(message.Content, FrameShape.Bytes, ReplyTag.BinaryMessage)).ConfigureAwait(false);
                continue;
            }
            json.ResetWrittenCount();
            try
            {
                TextForm.Instance.ToJson(message.Content.Span, json);
            }
            catch (FormatException unreadable)
            {
                throw new UpstreamException(RefusalCode.UpstreamInvalid, "a message of the target cannot be read: " + unreadable.Message, unreadable);
            }
            await clearance.Replies.ReleaseAsync(new ReplyFrame(json.WrittenMemory, TextForm.Instance.Shape, ReplyTag.TextMessage)).ConfigureAwait(false);
        }
    }

    // In the record masks read a document as one; what only looks like one cannot be cleaned, and is not kept.
    private static FrameShape ShapeOf(Message message)
    {
        if (message.Type == WebSocketMessageType.Binary) return FrameShape.Bytes;
        var text = message.Content.Span.TrimStart(" \t\r\n"u8);
        if (text.IsEmpty || text[0] is not ((byte)'{' or (byte)'[')) return FrameShape.Text;
        return StrictJson.Check(message.Content.Span) is null ? FrameShape.Json : FrameShape.Bytes;
    }

    /// <summary>Says that nothing more comes.</summary>
    public static async Task CloseAsync(WebSocket socket, WebSocketCloseStatus? status, CancellationToken cancellationToken)
    {
        // The reason is text that nobody masked: the number alone goes on.
        if (socket.State is WebSocketState.Open or WebSocketState.CloseReceived) await socket.CloseOutputAsync(status is null or WebSocketCloseStatus.Empty ? WebSocketCloseStatus.NormalClosure : status.Value, null, cancellationToken).ConfigureAwait(false);
    }

    private static string AcceptOf(string key)
    {
        // RFC 6455 section 4.2.2; no secret hangs on this hash.
#pragma warning disable CA5350
        return Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes(key + Guid)));
#pragma warning restore CA5350
    }

    private static UpstreamException Invalid(string message) => new(RefusalCode.UpstreamInvalid, message);

    private sealed class Sink(WebSocket target) : IInputSink
    {
        public WebSocketMessageType Type { get; set; }

        public ValueTask WriteAsync(ReadOnlyMemory<byte> content, CancellationToken cancellationToken) => target.SendAsync(content, Type, endOfMessage: true, cancellationToken);
    }

    /// <summary>One whole message at a time, in a buffer that is used again.</summary>
    internal sealed class Message : IDisposable
    {
        private byte[] _buffer = ArrayPool<byte>.Shared.Rent(PieceBytes);
        private int _length;
        private bool _isReading;

        public WebSocketMessageType Type { get; private set; }

        public ReadOnlyMemory<byte> Content => _buffer.AsMemory(0, _length);

        /// <summary>False when the other side closed.</summary>
        public async ValueTask<bool> ReadAsync(WebSocket from, bool isOfTarget, CancellationToken cancellationToken)
        {
            _length = 0;
            while (true)
            {
                if (_length == _buffer.Length) Grow();
                ValueWebSocketReceiveResult piece;
                _isReading = true;
                try
                {
                    piece = await from.ReceiveAsync(_buffer.AsMemory(_length), cancellationToken).ConfigureAwait(false);
                }
                catch (WebSocketException broken)
                {
                    throw new UpstreamException(isOfTarget ? RefusalCode.UpstreamInvalid : RefusalCode.InvalidRequest, isOfTarget ? "the target's WebSocket broke off" : "the caller's WebSocket broke off", broken);
                }
                _isReading = false;
                if (piece.MessageType == WebSocketMessageType.Close) return false;
                _length += piece.Count;
                if (_length > MaxMessage) throw new UpstreamException(isOfTarget ? RefusalCode.UpstreamInvalid : RefusalCode.RequestTooLarge, $"a message is larger than {MaxMessage} bytes");
                Type = piece.MessageType;
                if (piece.EndOfMessage) return true;
            }
        }

        public void Dispose()
        {
            if (!_isReading && _buffer.Length > 0) ArrayPool<byte>.Shared.Return(_buffer, clearArray: true);
            _buffer = [];
        }

        private void Grow()
        {
            var larger = ArrayPool<byte>.Shared.Rent(_buffer.Length * 2);
            _buffer.AsSpan(0, _length).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_buffer, clearArray: true);
            _buffer = larger;
        }
    }
}

/// <summary>What the caller's handshake is answered with.</summary>
/// <param name="Accept">Of the caller's own key.</param>
/// <param name="Protocol">One of those that the caller offered, or null.</param>
internal sealed record WebSocketOpening(string Accept, string? Protocol);
