using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using Npgsql;
using Postern.Core.Masking;
using Postern.Protocols.Postgres.Sql;
using Postern.Tests;

namespace Postern.Conformance.Postgres;

/// <summary>Values of every type that PostgreSQL has, out of a real server, through masks, into real clients, in both formats.</summary>
[Guarantee("G11")]
public sealed class MaskedTypesTests(SharedCluster shared)
{
    private const string Canary = "canary@example.org";
    private const string Card = "4111111111111111";

    private static readonly byte[] s_key = new byte[Masker.MinHashKeyBytes];

    /// <summary>Types, a value of each that is not what its mask is, and whether the mask is a value (else NULL).</summary>
    private static readonly (string Type, string Value, bool IsKept)[] s_types =
    [
        ("text", "secret", true), ("varchar(5)", "abcde", true), ("char(3)", "abc", true), ("name", "secret", true), ("\"char\"", "x", true), ("xml", "<a>secret</a>", true),
        ("json", """{"a":["secret",7,true]}""", true), ("jsonb", """{"a":["secret",7,true]}""", true), ("bytea", "\\x736563726574", true), ("bool", "t", true),
        ("int2", "77", true), ("int4", "77", true), ("int8", "77", true), ("float4", "77.5", true), ("float8", "77.5", true), ("numeric", "-77777777777777777777.125", true), ("numeric(8,2)", "77.25", true),
        ("date", "2026-01-02", false), ("time", "01:02:03", false), ("timetz", "01:02:03+02", false), ("timestamp", "2026-01-02 03:04:05", false), ("timestamptz", "2026-01-02 03:04:05+00", false),
        ("interval", "1 day", false), ("uuid", "11111111-2222-3333-4444-555555555555", false), ("inet", "192.0.2.7", false), ("cidr", "192.0.2.0/24", false), ("macaddr", "08:00:2b:01:02:03", false),
        ("money", "77.25", false), ("bit(3)", "101", false), ("varbit", "101", false), ("int4range", "[7,9)", false), ("tstzrange", "[2026-01-02,2026-01-03)", false), ("point", "(7,7)", false),
        ("tsvector", "'secret':1", false), ("oid", "77", false), ("mood", "glum", false), ("pair", "(secret,7)", false), ("shortly", "secret", true), ("few", "7", true),
        ("text[]", "{secret,NULL,\"with \\\"quotes\\\"\"}", true), ("int4[]", "{{7,8},{9,10}}", true), ("varchar[]", "{secret}", true), ("bool[]", "{t}", true), ("numeric[]", "{77.5}", true), ("jsonb[]", "{\"{\\\"a\\\": \\\"secret\\\"}\"}", true),
        ("uuid[]", "{11111111-2222-3333-4444-555555555555}", false), ("date[]", "{2026-01-02}", false), ("mood[]", "{glum}", false),
    ];

    [Fact]
    [Row("M12")]
    public async Task Every_type_is_masked_to_what_its_own_reader_accepts_in_both_formats()
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        var (cluster, database) = await PreparedAsync(cancellationToken);
        await using var relay = new MaskingRelay(cluster.Port, Columns("public.t.*"), (count, name) => name is ['c', >= '0' and <= '9', ..] ? [.. Enumerable.Repeat(From("public.t.c"), count)] : []);
        await using var source = NpgsqlDataSource.Create($"Host=127.0.0.1;Port={relay.Port};Database={database};Username={Cluster.Admin};Password={cluster.Password};SSL Mode=Disable;Pooling=false");
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        for (var i = 0; i < s_types.Length; i++)
        {
            foreach (var isText in new[] { true, false })
            {
                await using var command = new NpgsqlCommand($"select c{i} from t", connection) { AllResultTypesAreUnknown = isText };
                await using var reader = await command.ExecuteReaderAsync(cancellationToken);
                Assert.True(await reader.ReadAsync(cancellationToken), s_types[i].Type);
                Assert.True(s_types[i].IsKept != await reader.IsDBNullAsync(0, cancellationToken), $"`{s_types[i].Type}` in {(isText ? "text" : "binary")}");
                if (!s_types[i].IsKept) continue;
                // Reading it is the proof: the client's own reader for the type takes it.
                var value = isText ? reader.GetString(0) : Shown(reader.GetValue(0));
                Assert.DoesNotContain("secret", value, StringComparison.Ordinal);
                Assert.DoesNotContain("77", value, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    [Row("M12")]
    public async Task The_server_itself_reads_every_masked_text_as_a_value_of_the_type()
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        var (cluster, database) = await PreparedAsync(cancellationToken);
        await using var relay = new MaskingRelay(cluster.Port, Columns("public.t.*"), (count, _) => [.. Enumerable.Repeat(From("public.t.c"), count)]);
        var columns = string.Join(", ", s_types.Select((_, i) => $"c{i}"));
        var rows = await PsqlAsync(relay.Port, cluster, database, $"select {columns} from t", cancellationToken);

        var values = rows.TrimEnd('\n').Split('\u001f');
        Assert.Equal(s_types.Length, values.Length);
        for (var i = 0; i < values.Length; i++)
        {
            Assert.NotEqual(s_types[i].Value, values[i]);
            Assert.Equal(s_types[i].IsKept, values[i].Length > 0);
            if (values[i].Length > 0) await cluster.RunAsync(database, $"select $mask${values[i]}$mask$::{s_types[i].Type}", cancellationToken);
        }
    }

    [Fact]
    public async Task Detectors_find_canaries_in_every_type_that_can_hold_text_in_both_formats()
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        var (cluster, database) = await PreparedAsync(cancellationToken);
        string[] expressions =
        [
            $"'to {Canary}'::text", $"'{Canary}'::varchar(30)", $"'{Canary}'::name", $"'{{\"a\":\"{Canary}\"}}'::json", $"'{{\"a\":\"{Canary}\"}}'::jsonb", $"'{Canary}'::bytea", $"array['x','{Canary}']", $"row(1,'{Canary}'::text)",
            $"('{Canary}',1)::pair", $"'{Canary}'::xml", $"array[row(1,'{Canary}'::text)]", $"array['{{\"a\":\"{Canary}\"}}'::jsonb]", $"'{Canary}'::tsvector", $"{Card}::int8", $"{Card}::numeric", $"{Card}::float8", $"array[{Card}::int8]", $"'[{Card},{Card}]'::int8range", $"'{Card}'::jsonb",
        ];
        var masker = Masker.Compile([new MaskRule("m", [], [Detectors.Email, Detectors.CreditCard], MaskKind.Redact)], s_key);
        await using var relay = new MaskingRelay(cluster.Port, masker, (count, _) => [.. Enumerable.Repeat(new OutputColumn { Kind = OutputKind.Expression, Origins = [] }, count)]);
        await using var source = NpgsqlDataSource.Create($"Host=127.0.0.1;Port={relay.Port};Database={database};Username={Cluster.Admin};Password={cluster.Password};SSL Mode=Disable;Pooling=false");
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        foreach (var expression in expressions)
        {
            foreach (var isText in new[] { true, false })
            {
                await using var command = new NpgsqlCommand($"select {expression}", connection) { AllResultTypesAreUnknown = isText };
                await using var reader = await command.ExecuteReaderAsync(cancellationToken);
                Assert.True(await reader.ReadAsync(cancellationToken));
                var raw = await reader.IsDBNullAsync(0, cancellationToken) ? "" : isText ? reader.GetString(0) : System.Text.Encoding.UTF8.GetString(await BytesAsync(reader));
                Assert.DoesNotContain(Canary, raw, StringComparison.Ordinal);
                Assert.DoesNotContain(Card, raw, StringComparison.Ordinal);
            }
        }
        var refused = await Assert.ThrowsAsync<PostgresException>(async () =>
        {
            await using var command = new NpgsqlCommand($"select '{Canary}'::int4", connection);
            await command.ExecuteNonQueryAsync(cancellationToken);
        });
        Assert.DoesNotContain(Canary, refused.MessageText, StringComparison.Ordinal);
        Assert.Equal("22P02", refused.SqlState);
    }

    private static async Task<byte[]> BytesAsync(NpgsqlDataReader reader)
    {
        await using var stream = await reader.GetStreamAsync(0, TestContext.Current.CancellationToken);
        using var copy = new MemoryStream();
        await stream.CopyToAsync(copy, TestContext.Current.CancellationToken);
        return copy.ToArray();
    }

    private static string Shown(object value) => value switch
    {
        byte[] bytes => System.Text.Encoding.UTF8.GetString(bytes),
        Array array => string.Join(',', array.Cast<object?>()),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    private async Task<(Cluster Cluster, string Database)> PreparedAsync(CancellationToken cancellationToken)
    {
        var cluster = await shared.StartedAsync();
        var database = shared.NewName("masks");
        var columns = string.Join(", ", s_types.Select((type, i) => $"c{i} {type.Type}"));
        var values = string.Join(", ", s_types.Select(type => $"$value${type.Value}$value$::text::{type.Type}"));
        await cluster.CreateDatabaseAsync(database, $"""
            create type mood as enum ('glum', 'merry'); create type pair as (a text, b int); create domain shortly as varchar(20); create domain few as int4;
            create table t ({columns});
            insert into t values ({values});
            """, cancellationToken);
        return (cluster, database);
    }

    private static async Task<string> PsqlAsync(int port, Cluster cluster, string database, string sql, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(Path.Combine(Cluster.Programs, "psql"), ["-X", "-q", "-A", "-t", "-F", "\u001f", "-R", "\u001e", "-v", "ON_ERROR_STOP=1", "-c", sql]) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in cluster.DirectEnvironment(database)) start.Environment[name] = value;
        start.Environment["PGPORT"] = $"{port}";
        start.Environment["PGSSLMODE"] = "disable";
        using var process = Process.Start(start) ?? throw new InvalidOperationException("`psql` did not start");
        var output = process.StandardOutput.ReadToEndAsync(cancellationToken);
        var errors = process.StandardError.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        Assert.True(process.ExitCode == 0, await errors);
        return await output;
    }

    private static OutputColumn From(string column) => new() { Kind = OutputKind.OneOf, Origins = [new ColumnOrigin(0, 0, column)] };

    private static Masker Columns(string column) => Masker.Compile(
        [new MaskRule("m", [], [], MaskKind.Redact) { Columns = [ColumnPattern.TryParse(column, out var pattern, out var error) ? pattern! : throw new ArgumentException(error, nameof(column))] }], s_key);
}
