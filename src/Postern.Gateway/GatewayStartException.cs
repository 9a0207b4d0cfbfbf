using System.Collections.Immutable;
using Postern.Core.Yaml;

namespace Postern.Gateway;

/// <summary>The gateway cannot start: everything that stands against it, at once.</summary>
public sealed class GatewayStartException(ImmutableArray<SourceProblem> problems) : Exception(string.Join("\n", problems))
{
    /// <summary>What is wrong, each with its place.</summary>
    public ImmutableArray<SourceProblem> Problems { get; } = problems;
}
