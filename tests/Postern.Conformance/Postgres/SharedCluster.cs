using Postern.Conformance.Postgres;

[assembly: AssemblyFixture(typeof(SharedCluster))]

namespace Postern.Conformance.Postgres;

/// <summary>One cluster for all tests of the assembly, started by the first that asks; each test makes databases of its own.</summary>
public sealed class SharedCluster : IAsyncDisposable
{
    private readonly Lazy<Task<Cluster>> _cluster = new(() => Cluster.StartAsync([], CancellationToken.None));
    private int _databases;

    internal Task<Cluster> StartedAsync() => _cluster.Value;

    /// <summary>A database that nobody else uses.</summary>
    internal string NewName(string stem) => $"{stem}_{Interlocked.Increment(ref _databases)}";

    public async ValueTask DisposeAsync()
    {
        if (_cluster.IsValueCreated) await (await _cluster.Value).DisposeAsync();
    }
}
