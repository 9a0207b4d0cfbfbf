namespace Postern.Protocols.Mcp.Wire;

/// <summary>Two families of revisions share one URL; which rules hold follows from the request alone.</summary>
internal enum McpEra
{
    /// <summary>Sessions opened by <c>initialize</c>: up to 2025-11-25.</summary>
    Sessions,

    /// <summary>Every request stands alone: 2026-07-28.</summary>
    Stateless,
}

/// <summary>The revisions that the gateway knows. What it does not know it cannot judge, so it refuses it.</summary>
internal static class McpVersions
{
    /// <summary>The newest revision.</summary>
    public const string Stateless = "2026-07-28";

    /// <summary>What a request without a version header means in the sessions era (2025-11-25, "Protocol Version Header").</summary>
    public const string Assumed = "2025-03-26";

    /// <summary>The newest revision of the sessions era.</summary>
    public const string NewestOfSessions = "2025-11-25";

    private static readonly string[] OfSessions = [NewestOfSessions, "2025-06-18", Assumed, "2024-11-05"];

    /// <summary>True for a revision of the sessions era.</summary>
    public static bool IsOfSessions(string version) => Array.IndexOf(OfSessions, version) >= 0;
}
