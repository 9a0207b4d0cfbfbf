using static Postern.Gateway.Configuration.ConfigurationShape;

namespace Postern.Gateway.Configuration;

/// <summary>The keys of <c>record.store</c>, and of the bucket of a witness.</summary>
internal static class StoreKeys
{
    public static Section S3 { get; } = new(
    [
        new("url", new Value(ValueKind.Url), "The endpoint, without bucket or path, such as `https://s3.eu-central-1.amazonaws.com`.") { IsRequired = true },
        new("region", new Value(ValueKind.Text), "The region that requests are signed for.") { Default = "us-east-1" },
        new("bucket", new Value(ValueKind.Text), "The bucket. It must be there.") { IsRequired = true },
        new("prefix", new Value(ValueKind.Text), "Stands before the name of each object, as `postern/`."),
        new("accessKey", new Value(ValueKind.Secret), "The id of the access key. It needs to get, put and list, and neither to delete nor to administer."),
        new("accessKeyFile", new Value(ValueKind.Path), "A file that holds it instead."),
        new("secretKey", new Value(ValueKind.Secret), "The secret access key."),
        new("secretKeyFile", new Value(ValueKind.Path), "A file that holds it instead."),
        Trust(hasMode: false),
    ]);

    public static Section Store { get; } = new(
    [
        new("s3", S3, "A bucket that speaks S3. One of `s3`, `postgres` and `folder`."),
        new("postgres", new Section(
        [
            new("server", new Value(ValueKind.Text), "The server as `host:port`.") { IsRequired = true },
            new("database", new Value(ValueKind.Text), "The database.") { IsRequired = true },
            new("user", new Value(ValueKind.Text), "The role. Where the table is there, `SELECT` and `INSERT` on it are enough.") { IsRequired = true },
            new("password", new Value(ValueKind.Secret), "Its password."),
            new("passwordFile", new Value(ValueKind.Path), "A file that holds it instead."),
            new("table", new Value(ValueKind.Text), "The table, made when absent; with its schema, as `audit.postern_pieces`.") { Default = "postern_pieces" },
            Trust(hasMode: true),
        ]), "A table of a PostgreSQL database."),
        new("folder", new Value(ValueKind.Path), "A folder on another machine's disk."),
        new("pieces", new Value(ValueKind.Size), "A piece is uploaded once it has this many bytes: 64KiB to 64MiB.") { Default = "4MiB" },
        new("every", new Value(ValueKind.Duration), "Or once the oldest record in it has waited this long.") { Default = "10s" },
        new("maxLag", new Value(ValueKind.Volume), "How many bytes of the journal the store may be behind; beyond it new work is refused until it has caught up.") { Default = "1GiB" },
        new("local", new Section(
        [
            new("age", new Value(ValueKind.Duration), "A closed segment leaves the local disk after this long, such as `168h`."),
            new("size", new Value(ValueKind.Volume), "The oldest closed segments leave while all of them together are larger than this."),
        ]), "What of the journal stays on the local disk once the store has it: everything when absent. What left comes back by itself when it is read."),
    ]);

    private static ConfigurationKey Trust(bool hasMode)
    {
        var roots = new ConfigurationKey("ca", new Value(ValueKind.Path), "The roots that the certificate must lead to, in PEM. Those of the system when absent.");
        return new("tls", new Section(hasMode
            ? [new("mode", new Value(ValueKind.Choice) { Choices = ["verify", "off"] }, "`verify`: TLS, with a trusted certificate that has the host's name. `off`: in the clear, to loopback only.") { Default = "verify" }, roots]
            : [roots]), "Whom to trust there.");
    }
}
