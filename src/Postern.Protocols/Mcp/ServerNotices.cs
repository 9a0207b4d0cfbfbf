using System.Text;
using System.Text.Json;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Protocols.Mcp.Wire;

namespace Postern.Protocols.Mcp;

/// <summary>
/// Which notifications of a target reach this caller on this stream: those of its own request, of what it subscribed to and may
/// read, and those that its era has (attack P23). Others' are dropped, whatever the target says whom they are for.
/// </summary>
internal sealed class ServerNotices(McpGateway gateway, Identity identity, McpOrigin origin, McpCall call, Operation operation)
{
    private ListenFilter? _filter;

    private ListenFilter? Filter => call is { Era: McpEra.Stateless, Method: McpMethods.Listen } ? _filter ??= ListenFilter.Of(operation.Request) : null;

    /// <summary>Why a notification is not for this caller, or null when it is.</summary>
    public string? FaultOf(in JsonRpcMessage message, ReadOnlyMemory<byte> data)
    {
        if (!McpMethods.IsServerNotification(message.Method!, call.Era))
            return IsPermitted(message.Method!) ? null : "a notification that this revision does not have";
        switch (message.Method)
        {
            case McpMethods.Progress:
                return call.IsRequest && (call.ProgressToken is null || Raw(message.ProgressToken, data) != call.ProgressToken) ? "progress of another request" : null;
            case McpMethods.ResourceUpdated:
                return message.Uri is { } uri && IsWatched(uri) && MayRead(uri) ? null : "news of a resource that the caller did not subscribe to, or may not read";
            case McpMethods.ToolsChanged or McpMethods.PromptsChanged or McpMethods.ResourcesChanged when call.Era == McpEra.Stateless:
                return Filter?.Wants(message.Method) == true ? null : "news of a list that this stream did not ask for";
            case McpMethods.ListenAcknowledged:
                return Filter is not null ? null : "an acknowledgement of a subscription that this is not";
            case McpMethods.Cancelled:
                return IsOfOurs(Raw(message.RequestId, data)) ? null : "a cancellation of nothing that this session was asked";
            case McpMethods.ElicitationComplete:
                return call.Session?.Asks.WasOpened(ElicitationId(message, data)) == true ? null : "the end of something that this session was not asked";
            default:
                return null;
        }
    }

    private bool IsWatched(string uri) => call.Era == McpEra.Stateless ? Filter?.Watched.Covers(uri) == true : call.Session?.Watched.Covers(uri) == true;

    // Asked again for each: the policy may have changed since the subscription, and the part told of may be another resource.
    private bool MayRead(string uri)
    {
        var now = gateway.Services.Clock.GetUtcNow();
        return gateway.Services.Policies.Consider(identity, McpOperations.ForListing(origin, McpVocabulary.Uri, uri, default, now), now) != Possibility.Never;
    }

    /// <summary>Beyond the specification: by name, in <c>extensions</c>, as requests are.</summary>
    private bool IsPermitted(string method)
    {
        var now = gateway.Services.Clock.GetUtcNow();
        return gateway.Services.Policies.Decide(identity, McpOperations.OfExtensionNotice(origin, method, operation.Id, now), now) is Decision.Allow;
    }

    /// <summary>A target may take back what it asked, and the stateless era's servers end a subscription with it.</summary>
    private bool IsOfOurs(string? rawId)
    {
        if (rawId is null) return false;
        if (call.Era == McpEra.Stateless) return rawId == call.RawId;
        if (call.Session?.Asks.TryTake(rawId) is not { } ask) return false;
        ask.TakeBack();
        return true;
    }

    private static string? Raw(ByteRange range, ReadOnlyMemory<byte> data) => range.IsEmpty ? null : Encoding.UTF8.GetString(range.Of(data.Span));

    private static string? ElicitationId(in JsonRpcMessage message, ReadOnlyMemory<byte> data)
    {
        if (message.Params.IsEmpty) return null;
        using var parameters = JsonDocument.Parse(message.Params.Of(data));
        return Elicitation.IdOf(parameters.RootElement);
    }
}
