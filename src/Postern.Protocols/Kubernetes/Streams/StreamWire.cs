using System.Buffers;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Http;
using Postern.Core.Masking;
using Postern.Core.Pipeline;
using Postern.Protocols.HttpData;
using Postern.Protocols.Kubernetes.Wire;

namespace Postern.Protocols.Kubernetes.Streams;

/// <summary>
/// The caller's end of a stream. It is switched when there is something to say: what a target said, or why it is not asked. kubectl takes any
/// other answer to its handshake as a reason to ask again over SPDY, and would print what SPDY is answered with.
/// </summary>
internal sealed class StreamWire(HttpContext http, StreamOpening opening, TimeProvider clock) : IReplySink, IDisposable
{
    private static readonly TimeSpan Goodbye = TimeSpan.FromSeconds(1);

    private readonly ArrayBufferWriter<byte> _message = new(4096);
    private WebSocket? _socket;

    /// <summary>The caller's side, once it is switched.</summary>
    public WebSocket Socket => _socket ?? throw new InvalidOperationException("the connection was not switched");

    /// <summary>Switches the connection, if it is not.</summary>
    public async ValueTask OpenAsync() => _socket ??= await WebSocketRelay.SwitchAsync(http, new WebSocketOpening(WebSocketRelay.AcceptOf(http), opening.Protocol)).ConfigureAwait(false);

    /// <inheritdoc/>
    public ValueTask WriteAsync(Masked<ReadOnlyMemory<byte>> content, object? tag, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        _message.ResetWrittenCount();
        _message.Write([((StreamTag)tag!).Channel]);
        StreamEvent.WriteContent(content.Value.Span, _message);
        // Not under the token: it would destroy the WebSocket, over which the caller still has to hear why it ends. A caller that takes nothing is cut (see Cut).
        return Socket.SendAsync(_message.WrittenMemory, WebSocketMessageType.Binary, endOfMessage: true, CancellationToken.None);
    }

    /// <summary>Ends the stream with a status of the gateway's own, as a command ends. Never throws.</summary>
    /// <param name="status">A <c>Status</c>; empty when the target's own was passed on.</param>
    /// <param name="reading">What still reads from the caller, if anything does.</param>
    public async ValueTask EndAsync(ReadOnlyMemory<byte> status, Task? reading)
    {
        try
        {
            await OpenAsync().ConfigureAwait(false);
            await SayGoodbyeAsync(status, reading).WaitAsync(Goodbye, clock).ConfigureAwait(false);
        }
        catch (Exception)
        {
            // The caller is gone, or takes nothing: there is nobody left to tell.
        }
    }

    /// <summary>Lets go of a caller that takes nothing.</summary>
    public void Cut()
    {
        _socket?.Abort();
        http.Abort();
    }

    public void Dispose() => _socket?.Dispose();

    private async Task SayGoodbyeAsync(ReadOnlyMemory<byte> status, Task? reading)
    {
        if (!status.IsEmpty)
        {
            var message = new byte[status.Length + 1];
            message[0] = StreamChannel.Error;
            status.CopyTo(message.AsMemory(1));
            await Socket.SendAsync(message, WebSocketMessageType.Binary, endOfMessage: true, CancellationToken.None).ConfigureAwait(false);
        }
        await WebSocketRelay.CloseAsync(Socket, WebSocketCloseStatus.NormalClosure, CancellationToken.None).ConfigureAwait(false);
        // Closed with input still unread, the connection would be reset, and the caller might never see what was said.
        if (reading is { IsCompleted: false })
        {
            await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return;
        }
        var rest = new byte[1024];
        while (Socket.State is WebSocketState.Open or WebSocketState.CloseSent)
        {
            if ((await Socket.ReceiveAsync(rest.AsMemory(), CancellationToken.None).ConfigureAwait(false)).MessageType == WebSocketMessageType.Close) return;
        }
    }
}

/// <summary>The channel of a frame.</summary>
internal sealed class StreamTag(byte channel)
{
    public static readonly StreamTag Stdout = new(StreamChannel.Stdout);

    public static readonly StreamTag Stderr = new(StreamChannel.Stderr);

    public static readonly StreamTag Error = new(StreamChannel.Error);

    public byte Channel { get; } = channel;
}
