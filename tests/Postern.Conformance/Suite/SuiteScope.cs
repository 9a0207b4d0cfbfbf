namespace Postern.Conformance.Suite;

/// <summary>Which scenarios count: those of tools, of opening a conversation, and of event streams.</summary>
internal static class SuiteScope
{
    /// <summary>The revision with sessions.</summary>
    public const string Legacy = "2025-11-25";

    /// <summary>The stateless revision.</summary>
    public const string Modern = "2026-07-28";

    private static readonly string[] Both =
    [
        "tools-list", "tools-call-simple-text", "tools-call-image", "tools-call-audio", "tools-call-embedded-resource", "tools-call-mixed-content",
        "tools-call-error", "tools-call-with-progress", "json-schema-2020-12", "server-sse-multiple-streams", "dns-rebinding-protection",
    ];

    /// <summary>The scenarios of one revision that must be green and equal.</summary>
    public static IReadOnlyList<string> Of(string revision) => revision switch
    {
        Legacy =>
        [
            .. Both, "server-initialize", "server-session-lifecycle", "ping", "logging-set-level", "tools-call-with-logging", "tools-call-sampling",
            "tools-call-elicitation", "elicitation-sep1034-defaults", "elicitation-sep1330-enums", "server-sse-polling",
        ],
        Modern => [.. Both, "server-stateless", "http-header-validation", "caching"],
        _ => throw new ArgumentException($"unknown revision `{revision}`", nameof(revision)),
    };

    /// <summary>The checks of a run that are in scope.</summary>
    public static IReadOnlyList<SuiteCheck> Select(IEnumerable<SuiteCheck> checks, string revision)
    {
        var scope = Of(revision);
        return [.. checks.Where(check => scope.Contains(check.Scenario))];
    }
}
