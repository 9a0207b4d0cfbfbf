using Npgsql;
using Postern.Conformance.Stdio;

namespace Postern.Conformance.Postgres;

/// <summary>The ground that the other tests stand on: what they take for a PostgreSQL is one, as strict as it is meant to be.</summary>
public sealed class ClusterTests(SharedCluster shared)
{
    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_server_speaks_tls_and_scram_and_takes_no_other_password()
    {
        var cluster = await shared.StartedAsync();
        await using var connection = new NpgsqlConnection(cluster.Direct());
        await connection.OpenAsync(Test);
        await using var command = new NpgsqlCommand("SELECT current_setting('server_version_num')::int / 10000, (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), (SELECT bool_and(rolpassword LIKE 'SCRAM-SHA-256$%') FROM pg_authid WHERE rolcanlogin)", connection);
        await using var rows = await command.ExecuteReaderAsync(Test);
        Assert.True(await rows.ReadAsync(Test));
        Assert.Equal((15, true, true), (rows.GetInt32(0), rows.GetBoolean(1), rows.GetBoolean(2)));

        await using var wrong = new NpgsqlConnection(cluster.Direct().Replace(cluster.Password, "wrong", StringComparison.Ordinal));
        Assert.Equal("28P01", (await Assert.ThrowsAsync<PostgresException>(() => wrong.OpenAsync(Test))).SqlState);
    }

    [Fact]
    public async Task A_cluster_that_ends_leaves_neither_process_nor_folder()
    {
        var cluster = await Cluster.StartAsync([], Test);
        var process = int.Parse(await File.ReadAllLinesAsync(Path.Combine(cluster.Folder, "data", "postmaster.pid"), Test) is [var first, ..] ? first : "", System.Globalization.CultureInfo.InvariantCulture);
        Assert.True(StdioBed.IsAlive(process));

        await cluster.DisposeAsync();

        Assert.False(StdioBed.IsAlive(process));
        Assert.False(Directory.Exists(cluster.Folder));
    }
}
