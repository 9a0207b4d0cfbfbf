using System.Collections.Immutable;
using System.Security.Cryptography;
using Postern.Core.Policy;
using Postern.Core.Policy.Testing;
using Postern.Gateway.Configuration;
using Postern.Gateway.Connections;
using Postern.Protocols;

namespace Postern.Gateway.Policies;

/// <summary>
/// Reads policies as a gateway of the same configuration would, without starting one: for <c>policy check</c> and
/// <c>policy test</c>. Nothing on disk changes and nobody is asked.
/// </summary>
public static class PolicyWorkbench
{
    /// <summary>Everything that is wrong with the policy that these files make.</summary>
    /// <param name="options">What the policy may name.</param>
    /// <param name="paths">Files, or folders whose <c>*.yaml</c> files are read.</param>
    public static ImmutableArray<PolicyProblem> Check(GatewayOptions options, ImmutableArray<string> paths)
    {
        var files = Read(paths, out var problems);
        return problems.IsEmpty ? PolicyLoader.Load(files, EnvironmentOf(options), versionNumber: 1).Problems : problems;
    }

    /// <summary>Runs the tests that these files hold.</summary>
    /// <param name="options">What the policy may name.</param>
    /// <param name="paths">Files, or folders whose <c>*.yaml</c> files are read.</param>
    /// <param name="now">The instant of tests that name none.</param>
    public static PolicyTestRun Test(GatewayOptions options, ImmutableArray<string> paths, DateTimeOffset now)
    {
        var files = Read(paths, out var problems);
        return problems.IsEmpty ? PolicyTests.Run(files, EnvironmentOf(options), now) : new PolicyTestRun(problems, []);
    }

    /// <summary>What policies of a gateway may name.</summary>
    internal static PolicyEnvironment EnvironmentOf(GatewayOptions options, ConnectionDirectory connections, ImmutableArray<IProtocol> protocols, string publicUrl, ReadOnlyMemory<byte> hashKey)
    {
        foreach (var connection in options.Connections)
        {
            if (connection.OpenApi is { } document) protocols.First(protocol => protocol.Name == connection.Protocol).Describe(connection.Name, File.ReadAllBytes(document));
        }
        return new PolicyEnvironment
        {
            Vocabularies = [.. protocols.Select(protocol => protocol.Vocabulary), GatewayVocabulary.Instance],
            Connections = [.. connections.All, GatewayVocabulary.Itself(publicUrl)],
            Issuers = [.. options.Issuers.Select(issuer => issuer.Name)],
            HashKey = hashKey,
        };
    }

    // No gateway runs here: hashes made by masks need a key, and nobody compares them with a gateway's.
    private static PolicyEnvironment EnvironmentOf(GatewayOptions options) =>
        EnvironmentOf(options, new ConnectionDirectory(options.Connections), ProtocolCatalog.Create(), options.PublicUrl ?? options.Url, RandomNumberGenerator.GetBytes(SHA256.HashSizeInBytes));

    private static ImmutableArray<PolicyFile> Read(ImmutableArray<string> paths, out ImmutableArray<PolicyProblem> problems)
    {
        var found = new List<PolicyProblem>();
        var files = new PolicySources(paths).Read(found);
        problems = [.. found];
        return files;
    }
}
