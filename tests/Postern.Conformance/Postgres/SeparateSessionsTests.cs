using Npgsql;
using Postern.Tests;

namespace Postern.Conformance.Postgres;

/// <summary>Each session has a connection to the server of its own, from its first statement to its end: nothing is left in it for the next.</summary>
[Row("Q17")]
[Guarantee("G14")]
public sealed class SeparateSessionsTests(SharedCluster shared)
{
    private const string Policy = """
        version: 1
        rules:
          - id: both-lock-and-look
            who:  { groups: [support, on-call] }
            on:   { connection: target, functions: [pg_catalog.pg_advisory_lock, pg_catalog.pg_try_advisory_lock, pg_catalog.pg_backend_pid, pg_catalog.count] }
            then: allow
          - id: both-look
            who:  { groups: [support, on-call] }
            on:   { connection: target, statements: [select], tables: ["pg_catalog.*"] }
            then: allow
        """;

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Locks_prepared_statements_and_settings_of_one_end_with_it_and_were_never_anothers()
    {
        await using var bed = await PostgresBed.StartAsync(shared, Policy);
        string first;
        await using (var alice = await OpenAsync(bed, "alice"))
        await using (var bob = await OpenAsync(bed, "bob"))
        {
            first = await OneAsync(alice, "SELECT pg_backend_pid()");
            Assert.NotEqual(first, await OneAsync(bob, "SELECT pg_backend_pid()"));

            await OneAsync(alice, "SELECT pg_advisory_lock(4711)");
            Assert.Equal("False", await OneAsync(bob, "SELECT pg_try_advisory_lock(4711)"));
            await OneAsync(alice, "SET statement_timeout = '33s'");
            Assert.NotEqual("33s", await OneAsync(bob, "SHOW statement_timeout"));
            await using var prepared = new NpgsqlCommand("SELECT 1", alice);
            await prepared.PrepareAsync(Test);
            Assert.Equal("0", await OneAsync(bob, "SELECT count(*) FROM pg_prepared_statements"));
            Assert.Equal("2", await BackendsAsync(bed));

            // What carries words from one session to another is not carried.
            foreach (var text in (string[])["LISTEN news", "NOTIFY news, 'secret'", "UNLISTEN *"]) await Assert.ThrowsAsync<PostgresException>(() => OneAsync(alice, text));
        }

        var end = DateTime.UtcNow.AddSeconds(30);
        while (await BackendsAsync(bed) != "0")
        {
            Assert.True(DateTime.UtcNow < end, "a connection to the server outlived its session");
            await Task.Delay(50, Test);
        }
        await using var next = await OpenAsync(bed, "bob");
        Assert.NotEqual(first, await OneAsync(next, "SELECT pg_backend_pid()"));
        Assert.Equal("True", await OneAsync(next, "SELECT pg_try_advisory_lock(4711)"));
        Assert.NotEqual("33s", await OneAsync(next, "SHOW statement_timeout"));
    }

    private static Task<string> BackendsAsync(PostgresBed bed) => bed.TruthAsync($"select count(*) from pg_stat_activity where datname = '{bed.Database}' and usename = '{Cluster.App}'");

    private static async Task<NpgsqlConnection> OpenAsync(PostgresBed bed, string person)
    {
        var connection = new NpgsqlConnection(bed.Connection(person));
        await connection.OpenAsync(Test);
        return connection;
    }

    private static async Task<string> OneAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return Convert.ToString(await command.ExecuteScalarAsync(Test), System.Globalization.CultureInfo.InvariantCulture) ?? "";
    }
}
