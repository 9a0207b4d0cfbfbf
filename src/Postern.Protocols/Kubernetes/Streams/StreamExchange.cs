using System.Buffers;
using System.Globalization;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Http;
using Postern.Core.Approvals;
using Postern.Core.Json;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Protocols.HttpData;
using Postern.Protocols.Kubernetes.Wire;
using Postern.Upstreams;

namespace Postern.Protocols.Kubernetes.Streams;

/// <summary>One exec or attach: decided when it is opened, carried both ways, and ended with the right to it.</summary>
internal sealed class StreamExchange(HttpContext http, KubernetesGateway gateway, KubernetesAsk ask, StreamOpening opening) : IExchange, IDisposable
{
    private const int MaxAnswer = 64 * 1024;

    private readonly StreamWire _wire = new(http, opening, gateway.Services.Clock);
    private StreamPump? _pump;
    private LastResort? _lastResort;
    private string? _fault;

    /// <inheritdoc/>
    public Operation Operation => ask.Operation;

    /// <inheritdoc/>
    public TimeSpan Patience => gateway.Services.LongestWait;

    /// <inheritdoc/>
    public IReplySink Replies => _wire;

    /// <inheritdoc/>
    public async ValueTask ForwardAsync(Clearance clearance, CancellationToken cancellationToken)
    {
        _lastResort = new LastResort(gateway.Services.Clock, _wire.Cut);
        await using var registration = _lastResort.At(cancellationToken).ConfigureAwait(false);
        var headers = new List<KeyValuePair<string, string>>(8);
        gateway.Identify(headers, Operation.Connection.Name, clearance.Identity);
        var key = WebSocketRelay.AddHandshake(headers, opening.Offered);
        var request = new UpstreamRequest("GET", headers) { Target = ask.Request.Target, Body = UpstreamBody.None, Upgrade = "websocket" };
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await using var response = await gateway.Services.Upstreams.SendAsync(clearance, request, over.Token).ConfigureAwait(false);
        if (response.Status != 101)
        {
            await NotSwitchedAsync(response, clearance).ConfigureAwait(false);
            return;
        }
        var protocol = WebSocketRelay.ProtocolOf(response, key, opening.Offered) ?? throw new UpstreamException(RefusalCode.UpstreamInvalid, "the API server switched without naming a channel protocol");
        await _wire.OpenAsync().ConfigureAwait(false);
        using var target = WebSocket.CreateFromStream(new UpstreamStream(response), new WebSocketCreationOptions { IsServer = false, SubProtocol = protocol, KeepAliveInterval = Timeout.InfiniteTimeSpan });
        _pump = new StreamPump(opening, _wire, target, protocol == StreamChannel.V5, clearance, over, gateway.Services.Clock);
        await _pump.RunAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public ValueTask RefuseAsync(Refusal refusal, CancellationToken cancellationToken)
    {
        var fault = _pump?.Fault ?? _fault;
        return _wire.EndAsync(KubernetesStatus.Document(fault is null ? refusal : refusal with { Reason = $"{fault}. {refusal.Reason}" }), _pump?.Reading);
    }

    /// <inheritdoc/>
    public ValueTask PendAsync(Refusal refusal, Hold hold, CancellationToken cancellationToken) => RefuseAsync(refusal, cancellationToken);

    public void Dispose()
    {
        _lastResort?.Dispose();
        _wire.Dispose();
        _pump?.Dispose();
    }

    /// <summary>The API server said no, or cannot do it: in its own words where it has any.</summary>
    private async ValueTask NotSwitchedAsync(UpstreamResponse response, Clearance clearance)
    {
        var answer = new ArrayBufferWriter<byte>(1024);
        while (answer.WrittenCount <= MaxAnswer)
        {
            var read = await response.ReadAsync(answer.GetMemory(4096), isMidMessage: true).ConfigureAwait(false);
            if (read == 0) break;
            answer.Advance(read);
        }
        var isStatus = response.Header("Content-Type")?.StartsWith("application/json", StringComparison.OrdinalIgnoreCase) is true && answer.WrittenCount <= MaxAnswer
            && answer.WrittenSpan.TrimStart(" \t\r\n"u8) is [(byte)'{', ..] && StrictJson.Check(answer.WrittenSpan) is null;
        if (!isStatus)
        {
            _fault = opening.Offered == StreamChannel.V5
                ? string.Create(CultureInfo.InvariantCulture, $"the cluster did not open the stream (HTTP {response.Status}); a command that reads input to its end needs WebSocket v5, which API servers and kubelets speak from 1.30 on; run it without `-i`, or with `-it` in a terminal")
                : string.Create(CultureInfo.InvariantCulture, $"the cluster did not open the stream (HTTP {response.Status})");
            throw new UpstreamException(RefusalCode.UpstreamInvalid, _fault);
        }
        var told = new ArrayBufferWriter<byte>(answer.WrittenCount + 64);
        var shape = StreamEvent.WriteStatus(told, 0, answer.WrittenSpan);
        await _wire.OpenAsync().ConfigureAwait(false);
        await clearance.Replies.ReleaseLastAsync(new ReplyFrame(told.WrittenMemory, shape, StreamTag.Error)).ConfigureAwait(false);
        await _wire.EndAsync(ReadOnlyMemory<byte>.Empty, reading: null).ConfigureAwait(false);
    }
}
