using Postern.Conformance.Peers;
using Postern.Gateway.Configuration;
using Postern.Gateway.Recordings.Stores;
using Postern.Tests.Gateway.Recordings.Stores;

namespace Postern.Conformance.Stores;

/// <summary>The contract, with npm's s3rver, which knows keys and no conditions. (It breaks where a list has a second page; the strict one beside the contract has pages of two.)</summary>
public sealed class S3rverTests : StoreContract, IAsyncLifetime
{
    private S3rver _server = null!;

    public async ValueTask InitializeAsync() => _server = await S3rver.StartAsync(TestContext.Current.CancellationToken);

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    protected override Task<IRecordingStore> OpenAsync() => Task.FromResult(RecordingStores.Open(_server.Target));

    [Fact]
    public async Task An_unknown_key_is_refused_and_not_told_about()
    {
        await using var store = RecordingStores.Open(_server.Target with { AccessKey = "ANOTHERKEY", SecretKey = "another-secret-key" });

        var refused = await Assert.ThrowsAsync<StoreException>(async () => await store.ReadAsync("a/1", TestContext.Current.CancellationToken));

        Assert.Contains("403", refused.Message);
        Assert.DoesNotContain("another-secret-key", refused.ToString());
        Assert.DoesNotContain("ANOTHERKEY", refused.ToString());
    }
}
