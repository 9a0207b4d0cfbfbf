using System.Collections.Frozen;
using System.Collections.Immutable;
using Postern.Core.Operations;
using Postern.Gateway.Configuration;

namespace Postern.Gateway.Connections;

/// <summary>The targets as the configuration names them. Exact names; nothing falls back to another.</summary>
internal sealed class ConnectionDirectory : IConnectionDirectory
{
    private readonly FrozenDictionary<string, Connection> _byName;

    public ConnectionDirectory(IEnumerable<ConnectionOptions> options)
    {
        All = [.. options.Select(one => new Connection(one.Name, one.Protocol, one.Stdio is null ? one.Url : StdioTargets.TextOf(one.Stdio), one.Tags)).OrderBy(one => one.Name, StringComparer.Ordinal)];
        _byName = All.ToFrozenDictionary(one => one.Name, StringComparer.Ordinal);
    }

    public ImmutableArray<Connection> All { get; }

    public Connection? Find(string name) => _byName.GetValueOrDefault(name);
}
