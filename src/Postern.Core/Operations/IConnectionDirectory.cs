using System.Collections.Immutable;

namespace Postern.Core.Operations;

/// <summary>The targets behind the gateway. Exact names; nothing falls back to another.</summary>
public interface IConnectionDirectory
{
    /// <summary>The connection with exactly this name, or null.</summary>
    Connection? Find(string name);

    /// <summary>All of them.</summary>
    ImmutableArray<Connection> All { get; }
}
