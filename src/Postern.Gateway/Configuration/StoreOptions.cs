namespace Postern.Gateway.Configuration;

/// <summary>Where recordings are kept besides the local disk.</summary>
/// <param name="Target">The place.</param>
public sealed record StoreOptions(StoreTarget Target)
{
    /// <summary>A piece of the journal is uploaded once it has this many bytes.</summary>
    public long PieceBytes { get; init; } = 4 * 1024 * 1024;

    /// <summary>Or once the oldest record in it has waited this long.</summary>
    public TimeSpan Every { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Bytes of the journal that the store may be behind before new work is refused.</summary>
    public long MaxLag { get; init; } = 1024L * 1024 * 1024;

    /// <summary>What stays on the local disk of what the store has whole; null for everything.</summary>
    public LocalCopyOptions? Local { get; init; }
}

/// <summary>When a segment that the store has whole may leave the local disk: as soon as one of the two says so.</summary>
/// <param name="Age">Closed for longer than this; null for any time.</param>
/// <param name="Bytes">The segments together are larger than this; null for any size.</param>
public sealed record LocalCopyOptions(TimeSpan? Age, long? Bytes);

/// <summary>A kind of store, with what is needed to reach it. Secrets are never shown.</summary>
public abstract record StoreTarget
{
    private StoreTarget()
    {
    }

    /// <summary>A bucket that speaks S3.</summary>
    /// <param name="Url">The endpoint, without a path.</param>
    /// <param name="Region">The region that requests are signed for.</param>
    /// <param name="Bucket">The bucket.</param>
    /// <param name="Prefix">Stands before each object's name; empty, or ends in <c>/</c>.</param>
    /// <param name="AccessKey">The key's id.</param>
    /// <param name="SecretKey">The key.</param>
    /// <param name="Authorities">A file of roots to trust; null for those of the system.</param>
    public sealed record S3(string Url, string Region, string Bucket, string Prefix, string AccessKey, string SecretKey, string? Authorities) : StoreTarget
    {
        /// <inheritdoc/>
        public override string ToString() => $"s3 `{Bucket}` at `{Url}`";
    }

    /// <summary>A table of a PostgreSQL database.</summary>
    /// <param name="Host">The server.</param>
    /// <param name="Port">Its port.</param>
    /// <param name="Database">The database.</param>
    /// <param name="User">The role.</param>
    /// <param name="Password">Its password.</param>
    /// <param name="Table">The table, of plain lower-case words.</param>
    /// <param name="UsesTls">False: in the clear, to loopback only.</param>
    /// <param name="Authorities">A file of roots to trust; null for those of the system.</param>
    public sealed record Postgres(string Host, int Port, string Database, string User, string Password, string Table, bool UsesTls, string? Authorities) : StoreTarget
    {
        /// <inheritdoc/>
        public override string ToString() => $"postgres `{Database}` at `{Host}:{Port}`";
    }

    /// <summary>A folder, on another machine's disk.</summary>
    /// <param name="Path">The folder.</param>
    public sealed record Folder(string Path) : StoreTarget;
}
