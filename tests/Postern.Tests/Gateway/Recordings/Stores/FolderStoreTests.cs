using Postern.Gateway.Configuration;
using Postern.Gateway.Recordings.Stores;

namespace Postern.Tests.Gateway.Recordings.Stores;

/// <summary>The contract, on a folder.</summary>
public sealed class FolderStoreTests : ConditionalStoreContract, IDisposable
{
    private readonly TemporaryFolder _folder = new();

    protected override Task<IRecordingStore> OpenAsync() => Task.FromResult(RecordingStores.Open(new StoreTarget.Folder(_folder.Path)));

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_folder_that_is_none_is_said_and_not_thrown_about()
    {
        var file = _folder.Write("file", "no folder");
        await using var store = RecordingStores.Open(new StoreTarget.Folder(file));

        var refused = await Assert.ThrowsAsync<StoreException>(async () => await store.PutAsync("a/1", new byte[1], TestContext.Current.CancellationToken));

        Assert.Contains(file, refused.Message);
    }
}
