using System.Collections.Immutable;
using Postern.Core.Policy.Testing;

namespace Postern.Core.Policy;

/// <summary>How bad a problem is.</summary>
public enum ProblemSeverity
{
    /// <summary>The policy loads; something in it is probably not meant.</summary>
    Warning,

    /// <summary>The policy does not load; nothing changes.</summary>
    Error,
}

/// <summary>Something wrong in a policy: where, what was expected, the nearest valid word.</summary>
/// <param name="Severity">Error or warning.</param>
/// <param name="File">The file as the operator named it.</param>
/// <param name="Line">Counted from 1; 0 when the problem has no place.</param>
/// <param name="Column">Counted from 1; 0 when the problem has no place.</param>
/// <param name="Message">Lower case, without a full stop, input in backticks.</param>
public sealed record PolicyProblem(ProblemSeverity Severity, string File, int Line, int Column, string Message)
{
    /// <inheritdoc/>
    public override string ToString() => (Line > 0 ? $"{File}:{Line}:{Column}: " : $"{File}: ") + (Severity == ProblemSeverity.Warning ? "warning: " : "") + Message;
}

/// <summary>What loading came to.</summary>
/// <param name="Set">The compiled set; null when any problem is an error.</param>
/// <param name="Problems">In the order of the files.</param>
public sealed record PolicyLoadResult(PolicySet? Set, ImmutableArray<PolicyProblem> Problems)
{
    /// <summary>True when something is probably not meant, though it loads (<c>--strict</c> refuses it).</summary>
    public bool HasWarnings => Problems.Any(problem => problem.Severity == ProblemSeverity.Warning);

    /// <summary>The tests that the files hold, as read; run by <see cref="Testing.PolicyTests"/>.</summary>
    internal ImmutableArray<PolicyTest> Tests { get; init; } = [];
}
