using System.Diagnostics.CodeAnalysis;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using Postern.Tests.Http;

namespace Postern.Tests.Kubernetes;

/// <summary>
/// The stream half of an API server: it takes a WebSocket in the first of its protocols that is offered, as golang.org/x/net/websocket does, and
/// refuses the handshake with 403 when none is. What it then says is a test's.
/// </summary>
[SuppressMessage("Security", "CA5350", Justification = "the handshake of RFC 6455 is SHA-1; no secret hangs on it")]
internal sealed class ScriptedStreams
{
    private readonly string[] _protocols;

    public ScriptedStreams(RawTarget target, string[] protocols, Func<ScriptedStreams, Task> script)
    {
        _protocols = protocols;
        target.TakeOver = async (socket, head) =>
        {
            Heads.Add(head);
            if (!await SwitchAsync(socket, head)) return true;
            try
            {
                await script(this);
                await Socket!.CloseAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
            }
            catch (Exception over) when (over is WebSocketException or IOException or SocketException or ObjectDisposedException)
            {
                Broken = over;
            }
            IsOver.TrySetResult();
            return true;
        };
    }

    public List<string> Heads { get; } = [];

    public WebSocket? Socket { get; private set; }

    public Exception? Broken { get; private set; }

    public TaskCompletionSource IsOver { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Says something on a channel.</summary>
    public Task SayAsync(byte channel, byte[] content) => Socket!.SendAsync((byte[])[channel, .. content], WebSocketMessageType.Binary, true, CancellationToken.None);

    public Task SayAsync(byte channel, string content) => SayAsync(channel, Encoding.UTF8.GetBytes(content));

    /// <summary>The next message; null when the other side closed.</summary>
    public async Task<(byte Channel, byte[] Content)?> HearAsync() => await HearAsync(Socket!);

    public static async Task<(byte Channel, byte[] Content)?> HearAsync(WebSocket socket)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var buffer = new byte[64 * 1024];
        var count = 0;
        while (true)
        {
            var result = await socket.ReceiveAsync(buffer.AsMemory(count), patience.Token);
            if (result.MessageType == WebSocketMessageType.Close) return null;
            count += result.Count;
            if (result.EndOfMessage) return (buffer[0], buffer[1..count]);
        }
    }

    private async Task<bool> SwitchAsync(Socket raw, string head)
    {
        var lines = head.Split("\r\n");
        string Of(string name) => lines.FirstOrDefault(line => line.StartsWith(name + ":", StringComparison.OrdinalIgnoreCase))?[(name.Length + 1)..].Trim() ?? "";
        var protocol = Of("Sec-WebSocket-Protocol").Split(',', StringSplitOptions.TrimEntries).FirstOrDefault(_protocols.Contains);
        if (protocol is null)
        {
            await raw.SendAsync("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"u8.ToArray());
            return false;
        }
        var accept = Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes(Of("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
        await raw.SendAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n"));
        Socket = WebSocket.CreateFromStream(new NetworkStream(raw, ownsSocket: true), new WebSocketCreationOptions { IsServer = true, SubProtocol = protocol });
        return true;
    }
}
