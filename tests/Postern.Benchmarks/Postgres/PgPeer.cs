using System.Globalization;
using Postern.Benchmarks.Echo;
using Postern.Conformance.Postgres;

namespace Postern.Benchmarks.Postgres;

/// <summary>One way to the database, TLS on every leg.</summary>
/// <param name="Peer">The process in between, or none.</param>
/// <param name="Database">The name that clients ask for.</param>
/// <param name="Password">What they show.</param>
internal sealed record PgPeer(Peer Peer, string Database, string Password) : IDisposable
{
    /// <summary>The port on loopback.</summary>
    public int Port => new Uri(Peer.Url).Port;

    /// <summary>The environment of libpq's programs. Channel binding is off everywhere: whoever ends TLS in between cannot have it.</summary>
    public IEnumerable<KeyValuePair<string, string>> Environment =>
    [
        new("PGHOST", "127.0.0.1"), new("PGPORT", Port.ToString(CultureInfo.InvariantCulture)), new("PGDATABASE", Database), new("PGUSER", Cluster.App), new("PGPASSWORD", Password),
        new("PGSSLMODE", "require"), new("PGCHANNELBINDING", "disable"),
    ];

    /// <summary>The same for Npgsql.</summary>
    public string ConnectionString =>
        $"Host=127.0.0.1;Port={Port};Database={Database};Username={Cluster.App};Password={Password};SSL Mode=Require;Channel Binding=Disable;Pooling=false;Timeout=30;Command Timeout=120;Server Compatibility Mode=NoTypeLoading";

    public void Dispose() => Peer.Dispose();
}
