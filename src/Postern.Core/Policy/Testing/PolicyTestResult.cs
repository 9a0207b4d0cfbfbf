using System.Collections.Immutable;

namespace Postern.Core.Policy.Testing;

/// <summary>What one test came to.</summary>
/// <param name="Name">The test's own words.</param>
/// <param name="File">Where it stands.</param>
/// <param name="Line">Counted from 1.</param>
/// <param name="Passed">Everything was as expected.</param>
/// <param name="Detail">Failed: expected and found, a line for each difference. Passed: the decision, for verbose output.</param>
public sealed record PolicyTestResult(string Name, string File, int Line, bool Passed, string Detail)
{
    /// <inheritdoc/>
    public override string ToString() => $"{File}:{Line}: {(Passed ? "passed" : "failed")}: {Name}{(Passed ? "" : $": {Detail}")}";
}

/// <summary>What a run of tests came to.</summary>
/// <param name="Problems">Why the policy or its tests do not load, and warnings; with errors nothing ran.</param>
/// <param name="Results">In the order of the files.</param>
public sealed record PolicyTestRun(ImmutableArray<PolicyProblem> Problems, ImmutableArray<PolicyTestResult> Results)
{
    /// <summary>True when the policy loaded and every test passed.</summary>
    public bool IsPassed => !Problems.Any(problem => problem.Severity == ProblemSeverity.Error) && Results.All(result => result.Passed);
}
