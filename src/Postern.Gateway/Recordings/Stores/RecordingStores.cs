using Postern.Gateway.Configuration;

namespace Postern.Gateway.Recordings.Stores;

/// <summary>Opens the store that the configuration names. Nothing is asked of it before it is used.</summary>
public static class RecordingStores
{
    /// <summary>The store.</summary>
    public static IRecordingStore Open(StoreTarget target) => target switch
    {
        StoreTarget.S3 s3 => new S3Store(s3),
        StoreTarget.Postgres postgres => new PostgresStore(postgres),
        StoreTarget.Folder folder => new FolderStore(folder.Path),
        _ => throw new InvalidOperationException($"`{target.GetType().Name}` is no kind of store"),
    };
}
