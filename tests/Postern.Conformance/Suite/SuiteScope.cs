namespace Postern.Conformance.Suite;

/// <summary>The frozen requirement sets of the official suite, and what of them our fixture does not offer.</summary>
internal static class SuiteScope
{
    /// <summary>The revision with sessions.</summary>
    public const string Legacy = "2025-11-25";

    /// <summary>The stateless revision.</summary>
    public const string Modern = "2026-07-28";

    /// <summary>What no revision requires.</summary>
    public const string Extension = "extension";

    /// <summary>How many scenarios a run has: those that the set requires, and those that the suite runs beside them without scoring them.</summary>
    public static int ScenariosOf(string revision) => revision switch
    {
        Legacy => 33,
        Modern => 50,
        _ => throw new ArgumentException($"unknown revision `{revision}`", nameof(revision)),
    };

    /// <summary>True for the scenarios of an extension that the fixture does not have; the suite does not score them. They are compared all the same.</summary>
    public static bool IsOfExtension(SuiteCheck check) => check.Scenario.StartsWith("tasks-", StringComparison.Ordinal);
}
