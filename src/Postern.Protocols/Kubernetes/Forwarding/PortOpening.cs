using System.Globalization;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Postern.Core.Masking;
using Postern.Protocols.HttpData;
using Postern.Protocols.Kubernetes.Streams;
using Postern.Protocols.Kubernetes.Wire;

namespace Postern.Protocols.Kubernetes.Forwarding;

/// <summary>How a caller wants to open a port-forward: SPDY/3.1, within a WebSocket (kubectl 1.30 and newer) or on the connection itself.</summary>
internal sealed class PortOpening
{
    /// <summary>The WebSocket's protocol (KEP-4006).</summary>
    public const string Tunnel = "SPDY/3.1+" + Protocol;

    /// <summary>What is spoken over the streams of SPDY.</summary>
    public const string Protocol = "portforward.k8s.io";

    private const string Spdy = "SPDY/3.1";
    private const string ProtocolHeader = "X-Stream-Protocol-Version";

    private readonly bool _isWebSocket;

    private PortOpening(bool isWebSocket) => _isWebSocket = isWebSocket;

    /// <summary>Why what a port carries does not pass under masks: nobody can say what its bytes are.</summary>
    public static Func<Masker, string?> ObjectionTo { get; } = static masks =>
        masks.IsEmpty ? null : "masks apply to this connection, and what a forwarded port carries cannot be read; ask for a rule, or a connection, without masks";

    /// <summary>True when this is a request for a port-forward.</summary>
    public static bool IsCarried(in RequestInfo info) => info is { IsResource: true, Resource: "pods", Group: "", Subresource: "portforward" };

    /// <summary>The one port that a request names; 0 when it names none, or not exactly one.</summary>
    public static int PortOf(QueryText query)
    {
        var port = 0;
        foreach (var (name, value) in query.Pairs)
        {
            if (name is not "ports") continue;
            if (port != 0) return 0;
            port = PortOf(value);
        }
        return port;
    }

    /// <summary>A port as it is written in one way; 0 for anything else.</summary>
    public static int PortOf(string text) => text is [>= '1' and <= '9', ..] && ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) ? port : 0;

    /// <summary>Reads how the caller wants to be answered. Null with a fault, for its eyes, when it cannot be.</summary>
    public static PortOpening? Read(HttpContext http, KubernetesAsk ask, out string? fault)
    {
        fault = null;
        if (ask.Query.Pairs.Count > 0) fault = "a port-forward names its ports within, as kubectl does; ask for it without a query";
        else if (StreamOpening.IsSpdy(http)) return ReadSpdy(http, out fault);
        else if (http.Request.Headers.Upgrade is not [{ } name] || !name.Equals("websocket", StringComparison.OrdinalIgnoreCase)) fault = $"a port-forward switches the connection: ask for it by WebSocket, `{Tunnel}`, or with `Upgrade: {Spdy}`, as kubectl does";
        else if (!HttpMethods.IsGet(http.Request.Method)) fault = "a WebSocket is opened with GET";
        else if (WebSocketRelay.Complaint(http) is { } complaint) fault = complaint;
        else if (!http.Request.Headers.SecWebSocketProtocol.ToString().Split(',', StringSplitOptions.TrimEntries).Contains(Tunnel)) fault = $"the WebSocket does not offer `{Tunnel}`; channel protocols are not carried for port-forward";
        return fault is null ? new PortOpening(isWebSocket: true) : null;
    }

    /// <summary>Switches the connection.</summary>
    public async ValueTask<PortLink> SwitchAsync(HttpContext http)
    {
        if (_isWebSocket)
        {
            var socket = await WebSocketRelay.SwitchAsync(http, new WebSocketOpening(WebSocketRelay.AcceptOf(http), Tunnel)).ConfigureAwait(false);
            return new PortLink(WebSocketStream.Create(socket, WebSocketMessageType.Binary, ownsWebSocket: false), socket);
        }
        http.Response.Headers.Upgrade = Spdy;
        http.Response.Headers[ProtocolHeader] = Protocol;
        return new PortLink(await http.Features.GetRequiredFeature<IHttpUpgradeFeature>().UpgradeAsync().ConfigureAwait(false), null);
    }

    private static PortOpening? ReadSpdy(HttpContext http, out string? fault)
    {
        var headers = http.Request.Headers;
        fault = !HttpMethods.IsPost(http.Request.Method) ? "SPDY is opened with POST, as kubectl does"
            : headers.Upgrade is not [{ } name] || !name.Equals(Spdy, StringComparison.OrdinalIgnoreCase) || http.Features.Get<IHttpUpgradeFeature>() is not { IsUpgradableRequest: true } ? $"the connection cannot be switched to what `Upgrade` says; expected `{Spdy}`"
            : !headers[ProtocolHeader].SelectMany(value => value!.Split(',', StringSplitOptions.TrimEntries)).Contains(Protocol) ? $"expected `{ProtocolHeader}: {Protocol}`"
            : null;
        return fault is null ? new PortOpening(isWebSocket: false) : null;
    }
}

/// <summary>The caller's side, once it is switched: SPDY's bytes, whatever carries them.</summary>
internal sealed class PortLink(Stream stream, WebSocket? socket) : IAsyncDisposable
{
    public Stream Stream => stream;

    /// <summary>Says that nothing more comes.</summary>
    public async ValueTask CloseAsync()
    {
        if (socket is not null) await WebSocketRelay.CloseAsync(socket, WebSocketCloseStatus.NormalClosure, CancellationToken.None).ConfigureAwait(false);
    }

    /// <summary>Lets go at once.</summary>
    public void Abort() => socket?.Abort();

    public async ValueTask DisposeAsync()
    {
        socket?.Dispose();
        await stream.DisposeAsync().ConfigureAwait(false);
    }
}
