using System.Collections.Immutable;
using Postern.Core.Pipeline;

namespace Postern.Upstreams.Postgres;

/// <summary>Opens authenticated sessions at PostgreSQL servers. Takes a <see cref="Clearance"/>, whose one use it spends.</summary>
public interface IPostgresDialer
{
    /// <summary>Connects, signs in and makes the session new: nothing that an earlier user of it prepared or set is left.</summary>
    /// <param name="clearance">The right to open it; spent by this. The session ends when it does.</param>
    /// <param name="settings">Run-time settings that the session starts with; names that the protocol has checked.</param>
    /// <param name="cancellationToken">Ends the opening.</param>
    /// <exception cref="UpstreamException">The server cannot be reached, is not who it should be, does not let the gateway in, or took too long.</exception>
    ValueTask<PostgresLink> OpenAsync(Clearance clearance, ImmutableArray<KeyValuePair<string, string>> settings, CancellationToken cancellationToken);
}
