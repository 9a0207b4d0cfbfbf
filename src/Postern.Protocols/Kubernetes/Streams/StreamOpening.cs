using Microsoft.AspNetCore.Http;
using Postern.Protocols.HttpData;
using Postern.Protocols.Kubernetes.Wire;

namespace Postern.Protocols.Kubernetes.Streams;

/// <summary>How a caller wants to open a stream into a container, and what its target is asked for.</summary>
internal sealed class StreamOpening
{
    /// <summary>What a client hears that asks over SPDY.</summary>
    public const string SpdyFault =
        "exec and attach over SPDY are not carried; kubectl 1.31 and newer run them over WebSocket";

    private StreamOpening()
    {
    }

    /// <summary>The channel protocol that the caller is answered with.</summary>
    public required string Protocol { get; init; }

    /// <summary>True when the caller may write to the command.</summary>
    public required bool HasInput { get; init; }

    /// <summary>True when the command runs in a terminal.</summary>
    public required bool IsTerminal { get; init; }

    /// <summary>True when the caller can say that its input has ended.</summary>
    public bool CanEndInput => Protocol == StreamChannel.V5;

    /// <summary>
    /// The protocols that the API server is offered. A command that reads its input to the end would wait forever behind v4, which has no end
    /// of input: there v5 alone is offered, so that an older server refuses before anything runs. A terminal's input ends within itself.
    /// </summary>
    public string Offered => CanEndInput && HasInput && !IsTerminal ? StreamChannel.V5 : $"{StreamChannel.V5}, {StreamChannel.V4}";

    /// <summary>True when the request wants to switch to SPDY.</summary>
    public static bool IsSpdy(HttpContext http) => http.Request.Headers.Upgrade.ToString().StartsWith("SPDY", StringComparison.OrdinalIgnoreCase);

    /// <summary>True when this is a request for a stream that is carried.</summary>
    public static bool IsCarried(in RequestInfo info) => info is { IsResource: true, Resource: "pods", Group: "", Subresource: "exec" or "attach" };

    /// <summary>Reads how the caller wants to be answered. Null with a fault, for its eyes, when it cannot be.</summary>
    public static StreamOpening? Read(HttpContext http, QueryText query, out string? fault)
    {
        var upgrade = http.Request.Headers.Upgrade;
        if (upgrade is not [{ } name] || !name.Equals("websocket", StringComparison.OrdinalIgnoreCase))
        {
            fault = "this opens a stream: ask for it by WebSocket, `v5.channel.k8s.io` or `v4.channel.k8s.io`, as kubectl 1.31 and newer do";
            return null;
        }
        if (!HttpMethods.IsGet(http.Request.Method))
        {
            fault = "a WebSocket is opened with GET";
            return null;
        }
        if (WebSocketRelay.Complaint(http) is { } complaint)
        {
            fault = complaint;
            return null;
        }
        var offers = http.Request.Headers.SecWebSocketProtocol.ToString().Split(',', StringSplitOptions.TrimEntries);
        var protocol = offers.Contains(StreamChannel.V5) ? StreamChannel.V5 : offers.Contains(StreamChannel.V4) ? StreamChannel.V4 : null;
        fault = protocol is null ? "the WebSocket offers neither `v5.channel.k8s.io` nor `v4.channel.k8s.io`; older channel protocols are not carried" : null;
        return protocol is null ? null : new StreamOpening { Protocol = protocol, HasInput = IsTrue(query.Find("stdin")), IsTerminal = IsTrue(query.Find("tty")) };
    }

    // As the API server reads options (apimachinery, Convert_Slice_string_To_bool): anything but these two is true, nothing included.
    private static bool IsTrue(string? value) => value is not null && !value.Equals("false", StringComparison.OrdinalIgnoreCase) && value != "0";
}
