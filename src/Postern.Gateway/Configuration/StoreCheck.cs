using System.Buffers;
using System.Net;

namespace Postern.Gateway.Configuration;

/// <summary>What a store's options must be like beyond their shape.</summary>
internal static class StoreCheck
{
    private const long LeastPiece = 64 * 1024;
    private const long MostPiece = 64 * 1024 * 1024;
    private const int PiecesWithinLag = 4;
    private const long LeastLocal = 256 * 1024 * 1024;
    private static readonly SearchValues<char> OfBuckets = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789.-");
    private static readonly SearchValues<char> OfPrefixes = SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_/");
    private static readonly SearchValues<char> OfTables = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789_");

    /// <summary>What is wrong, by key below <c>record.store</c>.</summary>
    public static IEnumerable<(string Key, string Message)> Problems(StoreOptions store)
    {
        if (store.PieceBytes is < LeastPiece or > MostPiece) yield return ("pieces", $"expected 64KiB to 64MiB, found {store.PieceBytes} bytes");
        if (store.Every < TimeSpan.FromSeconds(1) || store.Every > TimeSpan.FromHours(1)) yield return ("every", $"expected 1s to 1h, found {store.Every.TotalSeconds}s");
        if (store.MaxLag < PiecesWithinLag * store.PieceBytes) yield return ("maxLag", $"expected at least {PiecesWithinLag} pieces, {PiecesWithinLag * store.PieceBytes} bytes, found {store.MaxLag}: work would be refused while all is well");
        if (store.Local is { Age: null, Bytes: null }) yield return ("local", "expected `age`, `size` or both; leave `local` out to keep everything");
        if (store.Local?.Bytes < LeastLocal) yield return ("local.size", $"expected at least 256MiB, found {store.Local.Bytes} bytes: the segments in use alone can be that large");
        var problems = store.Target switch { StoreTarget.S3 bucket => Problems(bucket), StoreTarget.Postgres table => Problems(table), _ => [] };
        foreach (var problem in problems) yield return problem;
    }

    /// <summary>What is wrong with a bucket.</summary>
    public static IEnumerable<(string Key, string Message)> Problems(StoreTarget.S3 bucket)
    {
        if (ConfigurationValue.TryUrl(bucket.Url, out var url))
        {
            if (url.Scheme != "https" && !url.IsLoopback) yield return ("s3.url", $"expected https, found `{bucket.Url}`");
            if (url.PathAndQuery != "/") yield return ("s3.url", $"expected the endpoint alone, without bucket or path, found `{bucket.Url}`");
        }
        // Amazon S3, "General purpose bucket naming rules".
        if (bucket.Bucket.Length is < 3 or > 63 || bucket.Bucket.AsSpan().ContainsAnyExcept(OfBuckets)) yield return ("s3.bucket", $"expected a bucket's name: 3 to 63 lower-case letters, digits, `.` and `-`, found `{bucket.Bucket}`");
        if (bucket.Prefix.Length > 0 && (bucket.Prefix.AsSpan().ContainsAnyExcept(OfPrefixes) || bucket.Prefix.StartsWith('/') || bucket.Prefix.Contains("//", StringComparison.Ordinal) || bucket.Prefix.Contains("..", StringComparison.Ordinal)))
        {
            yield return ("s3.prefix", $"expected letters, digits, `.`, `-`, `_` and `/`, found `{bucket.Prefix}`");
        }
        if (bucket.Authorities is { } roots && AuthoritiesFile.Complaint(roots) is { } unusable) yield return ("s3.tls.ca", unusable);
    }

    private static IEnumerable<(string Key, string Message)> Problems(StoreTarget.Postgres table)
    {
        if (!table.UsesTls && !(IPAddress.TryParse(table.Host, out var address) ? IPAddress.IsLoopback(address) : table.Host == "localhost"))
        {
            yield return ("postgres.tls.mode", $"what happened must not travel to `{table.Host}` in the clear; leave `mode` at `verify`");
        }
        // It becomes part of statements, so it is nothing but plain words.
        if (table.Table.Split('.') is not { Length: 1 or 2 } words || words.Any(word => word.Length is 0 or > 63 || char.IsAsciiDigit(word[0]) || word.AsSpan().ContainsAnyExcept(OfTables)))
        {
            yield return ("postgres.table", $"expected a table's name, as `postern_pieces` or `audit.postern_pieces`: lower-case letters, digits and `_`, found `{table.Table}`");
        }
        if (table.Authorities is { } roots && AuthoritiesFile.Complaint(roots) is { } unusable) yield return ("postgres.tls.ca", unusable);
    }
}
