using Postern.Conformance.Peers;
using Postern.Gateway.Configuration;

namespace Postern.Conformance.Stores;

/// <summary>npm's s3rver with an empty bucket.</summary>
internal sealed class S3rver(NodeServer server) : IAsyncDisposable
{
    public const string Secret = "a-secret-key-of-the-bucket";

    public StoreTarget.S3 Target { get; } = new(server.Url[..^"/mcp".Length], "us-east-1", "recordings", "postern/", "POSTERNTESTKEY", Secret, null);

    public static async Task<S3rver> StartAsync(CancellationToken cancellationToken) => new(await NodeServer.StartS3Async("recordings", "POSTERNTESTKEY", Secret, cancellationToken));

    public ValueTask DisposeAsync() => server.DisposeAsync();
}
