using System.Text.Json;

namespace Postern.Conformance.Peers;

/// <summary>A real MCP server on Node, on loopback, on a port of its own choice.</summary>
internal sealed class NodeServer : IAsyncDisposable
{
    private readonly Child _child;

    private NodeServer(Child child, int port)
    {
        _child = child;
        Url = $"http://127.0.0.1:{port}/mcp";
    }

    /// <summary>Where it answers.</summary>
    public string Url { get; }

    /// <summary>What it said on stderr.</summary>
    public string Errors => _child.Errors;

    /// <summary>Our fixture of the official conformance suite, both eras.</summary>
    public static Task<NodeServer> StartFixtureAsync(CancellationToken cancellationToken) =>
        StartAsync([Path.Combine(Checkout.Node, "fixture", "server.mjs")], cancellationToken);

    /// <summary>The official <c>server-everything</c>.</summary>
    public static Task<NodeServer> StartEverythingAsync(CancellationToken cancellationToken) =>
        StartAsync([Checkout.Package("@modelcontextprotocol", "server-everything", "dist", "index.js"), "streamableHttp"], cancellationToken);

    /// <summary>A PostgreSQL in memory, with a table of customers; <see cref="Url"/> tells its port.</summary>
    public static Task<NodeServer> StartPostgresAsync(CancellationToken cancellationToken) =>
        StartAsync([Path.Combine(Checkout.Node, "stdio", "postgres.mjs")], cancellationToken);

    /// <summary>npm's oidc-provider, a second real OpenID provider; <see cref="Url"/> tells its port.</summary>
    /// <param name="callbacks">Where the gateway's client may come back to, with spaces between.</param>
    /// <param name="resource">What access tokens can be for.</param>
    /// <param name="cancellationToken">Ends the start.</param>
    public static Task<NodeServer> StartOidcProviderAsync(string callbacks, string resource, CancellationToken cancellationToken) =>
        StartAsync([Path.Combine(Checkout.Node, "oidc", "provider.mjs")], cancellationToken, new Dictionary<string, string> { ["CALLBACKS"] = callbacks, ["RESOURCE"] = resource });

    /// <summary>npm's s3rver with one bucket and one key; <see cref="Url"/> tells its port.</summary>
    public static Task<NodeServer> StartS3Async(string bucket, string accessKey, string secretKey, CancellationToken cancellationToken) =>
        StartAsync([Path.Combine(Checkout.Node, "stores", "s3.mjs")], cancellationToken, new Dictionary<string, string> { ["BUCKET"] = bucket, ["ACCESS_KEY"] = accessKey, ["SECRET_KEY"] = secretKey });

    public ValueTask DisposeAsync() => _child.DisposeAsync();

    private static async Task<NodeServer> StartAsync(string[] script, CancellationToken cancellationToken, IReadOnlyDictionary<string, string>? more = null)
    {
        var preload = new Uri(Path.Combine(Checkout.Node, "loopback.mjs")).AbsoluteUri;
        var child = Child.Start(Checkout.NodeExecutable, ["--import", preload, .. script], new Dictionary<string, string>(more ?? new Dictionary<string, string>()) { ["PORT"] = "0" });
        try
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            patience.CancelAfter(TimeSpan.FromSeconds(60));
            while (await child.ReadLineAsync(patience.Token) is { } line)
            {
                if (line.StartsWith("{\"listening\":", StringComparison.Ordinal))
                {
                    using var said = JsonDocument.Parse(line);
                    return new NodeServer(child, said.RootElement.GetProperty("listening").GetInt32());
                }
            }
            throw new InvalidOperationException($"`{script[0]}` ended before it listened: {child.Errors}");
        }
        catch
        {
            await child.DisposeAsync();
            throw;
        }
    }
}
