using System.Text.Json;
using Postern.Protocols.Mcp.Wire;

namespace Postern.Protocols.Mcp;

/// <summary>What a subscription of the stateless era asked to hear of; each URI in it was judged when it was opened.</summary>
internal sealed class ListenFilter
{
    private readonly HashSet<string> _wishes = new(StringComparer.Ordinal);

    /// <summary>The resources of the filter.</summary>
    public WatchedResources Watched { get; } = new();

    /// <summary>Reads the filter of a request that was read as an operation before, so it holds nothing that is not understood.</summary>
    public static ListenFilter Of(ReadOnlyMemory<byte> request)
    {
        var filter = new ListenFilter();
        using var document = JsonDocument.Parse(request);
        if (!document.RootElement.TryGetProperty("params", out var parameters) || !parameters.TryGetProperty("notifications", out var notifications)) return filter;
        foreach (var wish in notifications.EnumerateObject())
        {
            if (wish.Value.ValueKind == JsonValueKind.True) filter._wishes.Add(wish.Name);
            if (wish.Value.ValueKind != JsonValueKind.Array) continue;
            foreach (var uri in wish.Value.EnumerateArray())
            {
                if (uri.ValueKind == JsonValueKind.String) filter.Watched.Add(uri.GetString()!);
            }
        }
        return filter;
    }

    /// <summary>True when the subscription asked for notifications of this method.</summary>
    public bool Wants(string method) => method switch
    {
        McpMethods.ToolsChanged => _wishes.Contains("toolsListChanged"),
        McpMethods.PromptsChanged => _wishes.Contains("promptsListChanged"),
        McpMethods.ResourcesChanged => _wishes.Contains("resourcesListChanged"),
        _ => false,
    };
}
