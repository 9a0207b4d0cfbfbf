using System.Globalization;

namespace Postern.Gateway.Configuration;

/// <summary>The part that binds <c>record.store</c> and the buckets of witnesses.</summary>
internal sealed partial class ConfigurationBinder
{
    private static readonly string[] StoreKinds = ["s3", "postgres", "folder"];

    private StoreOptions? Store(Reader store)
    {
        var kinds = StoreKinds.Where(store.Has).ToList();
        if (kinds.Count != 1)
        {
            problems.Add(store.Node.Problem(kinds.Count == 0 ? "expected one of `s3`, `postgres` and `folder`, found none" : $"expected one of `s3`, `postgres` and `folder`, found `{string.Join("` and `", kinds)}`"));
            return null;
        }
        StoreTarget? target = kinds[0] switch
        {
            "s3" => Bucket(store.Section("s3")),
            "postgres" => Table(store.Section("postgres")),
            _ => store.Path("folder") is { } path ? new StoreTarget.Folder(path) : null,
        };
        if (target is null) return null;
        var defaults = new StoreOptions(target);
        return defaults with { PieceBytes = store.Size("pieces") ?? defaults.PieceBytes, Every = store.Duration("every") ?? defaults.Every, MaxLag = store.Volume("maxLag") ?? defaults.MaxLag, Local = store.Has("local") ? new LocalCopyOptions(store.Section("local").Duration("age"), store.Section("local").Volume("size")) : null };
    }

    private StoreTarget.S3? Bucket(Reader bucket)
    {
        var (id, key) = (Needed(bucket, "accessKey"), Needed(bucket, "secretKey"));
        var prefix = bucket.Text("prefix") ?? "";
        return bucket.Text("url") is { } url && bucket.Text("bucket") is { } name && id is not null && key is not null
            ? new StoreTarget.S3(url.TrimEnd('/'), bucket.Text("region")!, name, prefix.Length == 0 || prefix.EndsWith('/') ? prefix : prefix + "/", id, key, bucket.Section("tls").Path("ca"))
            : null;
    }

    private StoreTarget.Postgres? Table(Reader table)
    {
        var password = Needed(table, "password");
        if (table.Text("server") is not { } server || table.Text("database") is not { } database || table.Text("user") is not { } user || password is null) return null;
        var colon = server.LastIndexOf(':');
        if (colon <= 0 || !ushort.TryParse(server.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port) || port == 0)
        {
            problems.Add((table.Find("server") ?? table.Node).Problem($"expected `host:port`, found `{server}`"));
            return null;
        }
        var tls = table.Section("tls");
        return new StoreTarget.Postgres(server[..colon].Trim('[', ']'), port, database, user, password, table.Text("table")!, tls.Text("mode") != "off", tls.Path("ca"));
    }

    private string? Needed(Reader section, string name)
    {
        var value = Secret(section, name);
        if (value is null && !section.Has(name) && !section.Has(name + "File")) problems.Add(section.Node.Problem($"expected `{name}` or `{name}File`"));
        return value;
    }
}
