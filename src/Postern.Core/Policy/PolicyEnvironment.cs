using System.Collections.Immutable;
using Postern.Core.Operations;

namespace Postern.Core.Policy;

/// <summary>What a policy is loaded against: the words, targets and issuers that it may name.</summary>
public sealed class PolicyEnvironment
{
    /// <summary>One per protocol.</summary>
    public required ImmutableArray<Vocabulary> Vocabularies { get; init; }

    /// <summary>The targets.</summary>
    public required ImmutableArray<Connection> Connections { get; init; }

    /// <summary>Configured names of the issuers. A bare name in <c>who</c> is legal with exactly one.</summary>
    public required ImmutableArray<string> Issuers { get; init; }

    /// <summary>Accepted definitions, for checks and tests; decisions read the operation alone.</summary>
    public IDefinitionCatalogue Definitions { get; init; } = NoDefinitions.Instance;

    /// <summary>Qualified groups that are known to exist, for warnings; empty when nothing is known of them.</summary>
    public ImmutableArray<string> Groups { get; init; } = [];

    /// <summary>Keys masks that hash; at least 32 bytes.</summary>
    public required ReadOnlyMemory<byte> HashKey { get; init; }
}

/// <summary>A catalogue that knows nothing: what depends on definitions is then left to the moment of the decision.</summary>
public sealed class NoDefinitions : IDefinitionCatalogue
{
    /// <summary>The one instance.</summary>
    public static readonly NoDefinitions Instance = new();

    private NoDefinitions()
    {
    }

    /// <inheritdoc/>
    public bool Knows(string connection) => false;

    /// <inheritdoc/>
    public Definition? Find(string connection, string fact, string name) => null;

    /// <inheritdoc/>
    public IEnumerable<string> Names(string connection, string fact) => [];
}
