using System.Collections.Immutable;
using Postern.Core.Operations;
using Postern.Core.Policy;

namespace Postern.Tests.Policy;

/// <summary>Loads policies written in a test.</summary>
internal static class PolicyText
{
    public static PolicyEnvironment Environment(params ImmutableArray<string> issuers) => new()
    {
        Vocabularies = Toy.Vocabularies,
        Connections = [Toy.House, Toy.Cottage, Toy.Ledger],
        Issuers = issuers.IsEmpty ? ["corp"] : issuers,
        HashKey = new byte[32],
    };

    public static PolicyLoadResult Load(string text, PolicyEnvironment? environment = null) =>
        PolicyLoader.Load([new PolicyFile("policy.yaml", "version: 1\n" + text)], environment ?? Environment(), versionNumber: 7);

    public static PolicySet Set(string text, PolicyEnvironment? environment = null)
    {
        var result = Load(text, environment);
        Assert.True(result.Set is not null, string.Join("\n", result.Problems));
        return result.Set!;
    }
}
