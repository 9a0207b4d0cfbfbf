using Postern.Conformance.Kubernetes;

[assembly: AssemblyFixture(typeof(SharedApiServer))]

namespace Postern.Conformance.Kubernetes;

/// <summary>One cluster for all tests of the assembly, started by the first that asks; each test uses namespaces of its own.</summary>
public sealed class SharedApiServer : IAsyncDisposable
{
    private readonly Lazy<Task<ApiServer>> _server = new(() => ApiServer.StartAsync(CancellationToken.None));
    private int _namespaces;

    internal Task<ApiServer> StartedAsync() => _server.Value;

    /// <summary>A namespace that nobody else uses.</summary>
    internal async Task<string> NamespaceAsync(CancellationToken cancellationToken)
    {
        var name = $"ns-{Interlocked.Increment(ref _namespaces)}";
        await (await StartedAsync()).CreateAsync("/api/v1/namespaces", "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"" + name + "\"}}", cancellationToken);
        return name;
    }

    public async ValueTask DisposeAsync()
    {
        if (_server.IsValueCreated) await (await _server.Value).DisposeAsync();
    }
}
