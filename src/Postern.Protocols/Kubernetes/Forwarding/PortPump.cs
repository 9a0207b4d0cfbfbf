using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Net.WebSockets;
using System.Text.Json;
using System.Threading.Channels;
using Postern.Core.Json;
using Postern.Core.Masking;
using Postern.Core.Pipeline;
using Postern.Protocols.HttpData;
using Postern.Protocols.Kubernetes.Streams;
using Postern.Protocols.Kubernetes.Wire;
using Postern.Upstreams;

namespace Postern.Protocols.Kubernetes.Forwarding;

/// <summary>
/// Both ways of one forwarded connection, over a WebSocket of its own to the API server (<c>v4.channel.k8s.io</c>: channel 0 data, 1 why not, the
/// first message of each the port, little endian; kubelet, pkg/kubelet/cri/streaming/portforward). That protocol cannot say that one side is done:
/// when the caller is, the target has a moment for each further word.
/// </summary>
internal sealed class PortPump(KubernetesGateway gateway, KubernetesAsk ask, int port, ChannelReader<ArraySegment<byte>> input, Clearance clearance, TimeProvider clock) : IInputSink
{
    /// <summary>Marks a frame that says why not.</summary>
    public static readonly object ErrorTag = new();

    /// <summary>How long a target may be silent once the caller sends nothing more.</summary>
    public static readonly TimeSpan LastWord = TimeSpan.FromSeconds(5);

    private const byte Data = 0;
    private const byte Error = 1;
    private const int MaxAnswer = 64 * 1024;

    private readonly long _began = clock.GetTimestamp();
    private readonly ArrayBufferWriter<byte> _sent = new(4096);
    private readonly ArrayBufferWriter<byte> _received = new(4096);
    private readonly ArrayBufferWriter<byte> _message = new(4096);
    private readonly TaskCompletionSource _enough = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private WebSocket? _target;
    private volatile bool _isWaiting;
    private int _begun;

    /// <summary>What is told to the caller besides what the pipeline says; null for nothing.</summary>
    public string? Fault { get; private set; }

    /// <summary>Runs until the target is done.</summary>
    public async ValueTask RunAsync(CancellationToken cancellationToken)
    {
        var headers = new List<KeyValuePair<string, string>>(8);
        gateway.Identify(headers, ask.Operation.Connection.Name, clearance.Identity);
        var key = WebSocketRelay.AddHandshake(headers, StreamChannel.V4);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var request = new UpstreamRequest("GET", headers) { Target = ask.Request.Target, Body = UpstreamBody.None, Upgrade = "websocket" };
        await using var response = await gateway.Services.Upstreams.SendAsync(clearance, request, over.Token).ConfigureAwait(false);
        if (response.Status != 101)
        {
            await NotSwitchedAsync(response).ConfigureAwait(false);
            return;
        }
        if (WebSocketRelay.ProtocolOf(response, key, StreamChannel.V4) is null) throw Invalid("the API server switched without naming a channel protocol");
        using var target = WebSocket.CreateFromStream(new UpstreamStream(response), new WebSocketCreationOptions { IsServer = false, SubProtocol = StreamChannel.V4, KeepAliveInterval = Timeout.InfiniteTimeSpan });
        _target = target;
        var up = UpAsync(over.Token);
        var down = DownAsync(up, over.Token);
        try
        {
            // What the caller sends can fail only by being unrecordable, or with the target; its end is no end of what comes back.
            if (await Task.WhenAny(up, down).ConfigureAwait(false) == up) await up.ConfigureAwait(false);
            await down.ConfigureAwait(false);
        }
        finally
        {
            await over.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(up, down).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Ends it if only a last word of the target is waited for; true when it was.</summary>
    public bool TryEndWaiting() => _isWaiting && _enough.TrySetResult();

    /// <inheritdoc/>
    public ValueTask WriteAsync(ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        _message.ResetWrittenCount();
        _message.Write([Data]);
        StreamEvent.WriteContent(content.Span, _message);
        return _target!.SendAsync(_message.WrittenMemory, WebSocketMessageType.Binary, endOfMessage: true, cancellationToken);
    }

    private double Elapsed => clock.GetElapsedTime(_began).TotalSeconds;

    private async Task UpAsync(CancellationToken cancellationToken)
    {
        while (await input.WaitToReadAsync(cancellationToken).ConfigureAwait(false))
        {
            while (input.TryRead(out var piece))
            {
                _sent.ResetWrittenCount();
                StreamEvent.Write(_sent, Elapsed, "sent", piece);
                ArrayPool<byte>.Shared.Return(piece.Array!, clearArray: true);
                await clearance.Inputs.SendAsync(_sent.WrittenMemory, FrameShape.Bytes, this).ConfigureAwait(false);
            }
        }
    }

    private async Task DownAsync(Task up, CancellationToken cancellationToken)
    {
        using var message = new WebSocketRelay.Message();
        while (true)
        {
            var reading = message.ReadAsync(_target!, isOfTarget: true, cancellationToken).AsTask();
            if (!reading.IsCompleted && !await IsComingAsync(reading, up).ConfigureAwait(false))
            {
                cancellationToken.ThrowIfCancellationRequested();
                return;
            }
            if (!await reading.ConfigureAwait(false)) return;
            if (message.Type != WebSocketMessageType.Binary || message.Content.IsEmpty || message.Content.Span[0] > Error) throw Invalid("the API server sent a message that is not binary, or of no channel");
            var (channel, content) = (message.Content.Span[0], message.Content[1..]);
            var mark = 1 << channel;
            if ((_begun & mark) == 0)
            {
                _begun |= mark;
                if (content.Length != 2 || BinaryPrimitives.ReadUInt16LittleEndian(content.Span) != port) throw Invalid("the API server opened another port than it was asked for");
                continue;
            }
            if (!content.IsEmpty) await ReleaseAsync(content, channel == Error).ConfigureAwait(false);
        }
    }

    /// <summary>Waits for the target: as long as it takes while the caller still sends, and for a moment after.</summary>
    private async ValueTask<bool> IsComingAsync(Task reading, Task up)
    {
        await Task.WhenAny(reading, up).ConfigureAwait(false);
        if (reading.IsCompleted) return true;
        _isWaiting = true;
        await ((Task)Task.WhenAny(reading, _enough.Task)).WaitAsync(LastWord, clock, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _isWaiting = false;
        return reading.IsCompleted;
    }

    // No mask can read what nobody knows the protocol of: under one it is blocked, be it text or not.
    private ValueTask ReleaseAsync(ReadOnlyMemory<byte> content, bool isError)
    {
        _received.ResetWrittenCount();
        StreamEvent.Write(_received, Elapsed, isError ? "error" : "received", content.Span);
        return clearance.Replies.ReleaseAsync(new ReplyFrame(_received.WrittenMemory, FrameShape.Bytes, isError ? ErrorTag : null));
    }

    /// <summary>The API server said no, or cannot do it: in its own words where it has any.</summary>
    private async ValueTask NotSwitchedAsync(UpstreamResponse response)
    {
        var answer = new ArrayBufferWriter<byte>(1024);
        while (answer.WrittenCount <= MaxAnswer)
        {
            var read = await response.ReadAsync(answer.GetMemory(4096), isMidMessage: true).ConfigureAwait(false);
            if (read == 0) break;
            answer.Advance(read);
        }
        if (answer.WrittenCount > MaxAnswer || StrictJson.Check(answer.WrittenSpan) is not null || MessageOf(answer.WrittenMemory) is not { } words)
            throw Invalid(string.Create(CultureInfo.InvariantCulture, $"the cluster did not open the port (HTTP {response.Status})"));
        await ReleaseAsync(System.Text.Encoding.UTF8.GetBytes(words), isError: true).ConfigureAwait(false);
    }

    private static string? MessageOf(ReadOnlyMemory<byte> status)
    {
        using var document = JsonDocument.Parse(status);
        return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("message", out var message) && message.ValueKind == JsonValueKind.String ? message.GetString() : null;
    }

    private UpstreamException Invalid(string message)
    {
        Fault ??= message;
        return new UpstreamException(RefusalCode.UpstreamInvalid, message);
    }
}
