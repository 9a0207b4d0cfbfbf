using System.Collections.Frozen;
using Postern.Protocols.Mcp.Wire;

namespace Postern.Protocols.Mcp;

/// <summary>
/// How long clients wait for an answer before they give up, and so how long it helps to keep them waiting for people. Keyed by the
/// name that a client gives itself: a claim, good for nothing but this. Where a client does more than its row says (a longer timeout
/// in its settings, progress that resets it), the row is only more careful than it need be.
/// </summary>
internal static class ClientPatience
{
    /// <summary>
    /// For a client that is not named below. The official TypeScript clients, on which most hosts are built, give up at 60.0 s whatever
    /// signs of life they are sent (versions 1.32.2 and 2.4.0, measured; only a caller's own <c>resetTimeoutOnProgress</c> changes
    /// it). The official C# client (2.3.1, measured) has no limit once the head of the answer is there.
    /// </summary>
    public static readonly TimeSpan Usual = TimeSpan.FromSeconds(50);

    /// <summary>One leg of the stateless era: below every measured timeout, as each leg is a request of its own.</summary>
    public static readonly TimeSpan Leg = TimeSpan.FromSeconds(45);

    /// <summary>
    /// Legs of one call. The official clients come back up to 10 times by themselves and then fail (TypeScript 2.4.0 and C# 2.3.1,
    /// measured); the last answer must be one that their model can read.
    /// </summary>
    public const int MaxLegs = 9;

    /// <summary>By the exact name.</summary>
    public static FrozenDictionary<string, TimeSpan> Known { get; } = new Dictionary<string, TimeSpan>(StringComparer.Ordinal)
    {
        // The Python SDK's default name. It sets no limit itself, but at least one agent framework on top of it gives up after 5 s
        // by default: nothing that people can answer in.
        ["mcp"] = TimeSpan.Zero,
        // Claude Desktop and claude.ai: about 60 s, not to be configured (public threads).
        ["claude-ai"] = Usual,
        // Claude Code: `MCP_TOOL_TIMEOUT`, long unless it is set (public threads).
        ["claude-code"] = Usual,
        // Codex: `tool_timeout_sec`, 60 s in the versions with the lowest default (its configuration page of 2025-09).
        ["codex-mcp-client"] = Usual,
        // The Inspector: 60 s unless its own setting says otherwise (public threads).
        ["inspector-client"] = Usual,
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>How long to keep the client of this call waiting at a stretch.</summary>
    public static TimeSpan Of(McpCall call, ProtocolServices services)
    {
        if (!call.IsRequest || !McpMethods.MayComeBack(call.Method!) || call.LegsBehind >= MaxLegs) return TimeSpan.Zero;
        var name = call.Session?.ClientName ?? call.ClientName ?? "";
        var wait = services.ClientWaits.TryGetValue(name, out var said) ? said : Known.GetValueOrDefault(name, Usual);
        if (call.Era == McpEra.Stateless && wait > Leg) wait = Leg;
        return wait < services.LongestWait ? wait : services.LongestWait;
    }
}
