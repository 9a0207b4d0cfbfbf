using System.Globalization;
using Npgsql;
using NpgsqlTypes;
using Postern.Tests;

namespace Postern.Conformance.Postgres.Clients;

/// <summary>Npgsql, unchanged: extended protocol, binary values, batches, cancellation, pools.</summary>
public sealed class NpgsqlTests(SharedCluster shared)
{
    private const string Redacted = "[masked:customer-pii]";

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Guarantee("G11")]
    public async Task Values_are_bound_and_masked_columns_are_masked(bool isPrepared)
    {
        await using var bed = await PostgresBed.StartAsync(shared);
        await using var connection = await OpenAsync(bed);
        await using var command = new NpgsqlCommand("SELECT id, name, email, secret FROM customers WHERE id = $1 OR name = $2 ORDER BY id", connection);
        command.Parameters.Add(new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Integer });
        command.Parameters.Add(new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Text });
        if (isPrepared)
        {
            (command.Parameters[0].Value, command.Parameters[1].Value) = (0, "");
            await command.PrepareAsync(Test);
        }
        for (var round = 0; round < 3; round++)
        {
            (command.Parameters[0].Value, command.Parameters[1].Value) = (1, round == 1 ? "Grace" : "Ada");
            await using var rows = await command.ExecuteReaderAsync(Test);
            Assert.True(await rows.ReadAsync(Test));
            Assert.Equal((1, "Ada", Redacted, Redacted), (rows.GetInt32(0), rows.GetString(1), rows.GetString(2), rows.GetString(3)));
            Assert.Equal(round == 1, await rows.ReadAsync(Test));
        }
    }

    [Fact]
    public async Task Values_of_every_type_come_back_as_they_went()
    {
        await using var bed = await PostgresBed.StartAsync(shared);
        await using var connection = await OpenAsync(bed);
        var (moment, day, id) = (new DateTime(2026, 11, 21, 10, 11, 12, DateTimeKind.Utc), new DateOnly(2026, 11, 21), Guid.NewGuid());
        object[] values = [1, true, (short)-2, 3_000_000_000L, 1.5f, -2.25d, 12345.678m, "text ' \" \\ ü 你", "varchar", day, DateTime.SpecifyKind(moment, DateTimeKind.Unspecified), moment, id, new byte[] { 0, 1, 255 }, "{\"a\": [1, 2]}", new[] { 1, 2, 3 }, new[] { "a", "b,c" }, TimeSpan.FromHours(5)];
        await using (var insert = new NpgsqlCommand($"INSERT INTO kinds VALUES ({string.Join(", ", values.Select((_, index) => $"${index + 1}"))})", connection))
        {
            foreach (var value in values) insert.Parameters.Add(value is string { Length: > 0 } text && text[0] == '{' ? new NpgsqlParameter { Value = text, NpgsqlDbType = NpgsqlDbType.Jsonb } : new NpgsqlParameter { Value = value });
            Assert.Equal(1, await insert.ExecuteNonQueryAsync(Test));
        }
        await using var command = new NpgsqlCommand("SELECT * FROM kinds WHERE id = 1", connection);
        await using var rows = await command.ExecuteReaderAsync(Test);
        Assert.True(await rows.ReadAsync(Test));
        for (var index = 0; index < values.Length; index++)
        {
            var back = index == 9 ? rows.GetFieldValue<DateOnly>(index) : rows.GetValue(index);
            Assert.Equal(values[index], back);
        }
    }

    [Fact]
    public async Task A_batch_is_one_unit_and_nothing_of_it_runs_when_a_part_is_refused()
    {
        await using var bed = await PostgresBed.StartAsync(shared);
        await using var connection = await OpenAsync(bed);
        await using (var good = new NpgsqlBatch(connection) { BatchCommands = { new("INSERT INTO orders VALUES (300, 1, 1, 'a')"), new("SELECT count(*) FROM orders WHERE id = 300"), new("UPDATE orders SET note = 'b' WHERE id = 300") } })
        {
            Assert.Equal(1L, await good.ExecuteScalarAsync(Test));
        }
        await using (var bad = new NpgsqlBatch(connection) { BatchCommands = { new("INSERT INTO orders VALUES (301, 1, 1, 'a')"), new("DELETE FROM customers") } })
        {
            Assert.Equal("42501", (await Assert.ThrowsAsync<PostgresException>(() => bad.ExecuteNonQueryAsync(Test))).SqlState);
        }
        await using var after = new NpgsqlCommand("SELECT note FROM orders WHERE id = 300", connection);
        Assert.Equal("b", await after.ExecuteScalarAsync(Test));
        Assert.Equal("300", await bed.TruthAsync("select string_agg(id::text, ',') from orders where id >= 300"));
    }

    [Fact]
    public async Task A_refusal_has_sqlstate_detail_and_hint_and_the_transaction_goes_on()
    {
        await using var bed = await PostgresBed.StartAsync(shared);
        await using var connection = await OpenAsync(bed);
        await using var transaction = await connection.BeginTransactionAsync(Test);
        await RunAsync(connection, "INSERT INTO orders VALUES (310, 1, 1, 'a')");

        var refused = await Assert.ThrowsAsync<PostgresException>(() => RunAsync(connection, "UPDATE orders SET amount = $1", 5m));

        Assert.Equal(("42501", "ERROR"), (refused.SqlState, refused.InvariantSeverity));
        Assert.Contains("say which rows are meant", refused.MessageText + refused.Detail, StringComparison.Ordinal);
        Assert.False(string.IsNullOrEmpty(refused.Detail) || string.IsNullOrEmpty(refused.Hint));
        await transaction.CommitAsync(Test);
        Assert.Equal("1", await bed.TruthAsync("select count(*) from orders where id = 310"));
    }

    [Fact]
    [Row("M11")]
    public async Task Errors_and_notices_of_the_server_arrive_without_what_is_masked()
    {
        await using var bed = await PostgresBed.StartAsync(shared);
        await using var connection = await OpenAsync(bed);

        var duplicate = await Assert.ThrowsAsync<PostgresException>(() => RunAsync(connection, "INSERT INTO orders VALUES (1, 1, 1, $1)", PostgresBed.Email));
        var cast = await Assert.ThrowsAsync<PostgresException>(() => RunAsync(connection, $"SELECT '{PostgresBed.Email}'::int"));

        // `Failing row contains (…)`: all of the row, masked columns too, in the words of an error.
        var failing = await Assert.ThrowsAsync<PostgresException>(() => RunAsync(connection, "UPDATE customers SET name = NULL WHERE id = 1"));

        Assert.Equal(("23505", "22P02", "23502"), (duplicate.SqlState, cast.SqlState, failing.SqlState));
        var told = string.Join('\n', new[] { duplicate, cast, failing }.Select(error => error + error.Detail + error.Hint + error.Where));
        Assert.DoesNotContain(PostgresBed.Email, told, StringComparison.Ordinal);
        Assert.DoesNotContain(PostgresBed.Secret, told, StringComparison.Ordinal);
    }

    [Fact]
    [Row("Q12")]
    public async Task A_running_statement_is_cancelled_by_its_own_session_only()
    {
        await using var bed = await PostgresBed.StartAsync(shared);
        await using var connection = await OpenAsync(bed);
        await using var other = await OpenAsync(bed);
        var clock = System.Diagnostics.Stopwatch.StartNew();
        var undisturbed = RunAsync(other, "SELECT pg_sleep(2)");
        using var cancel = new CancellationTokenSource(TimeSpan.FromMilliseconds(500));
        await using var command = new NpgsqlCommand("SELECT pg_sleep(60)", connection);

        var cancelled = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => command.ExecuteNonQueryAsync(cancel.Token));

        Assert.Equal("57014", Assert.IsType<PostgresException>(cancelled.InnerException).SqlState);
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(30));
        await undisturbed;
        await RunAsync(connection, "SELECT 1");
    }

    [Fact]
    [Row("Q07")]
    public async Task A_pooled_connection_is_reset_between_two_users_of_it()
    {
        await using var bed = await PostgresBed.StartAsync(shared);
        await using var source = new NpgsqlDataSourceBuilder(bed.Connection(more: "Pooling=true;Maximum Pool Size=1")).Build();
        for (var round = 0; round < 3; round++)
        {
            await using var connection = await source.OpenConnectionAsync(Test);
            Assert.Equal("0", Convert.ToString(await RunAsync(connection, "SELECT count(*) FROM pg_prepared_statements"), CultureInfo.InvariantCulture));
            await RunAsync(connection, "SET statement_timeout = '33s'");
            Assert.Equal("33s", await RunAsync(connection, "SHOW statement_timeout"));
        }
        await using var last = await source.OpenConnectionAsync(Test);
        Assert.Equal("0", await RunAsync(last, "SHOW statement_timeout"));
    }

    [Fact]
    [Row("Q07")]
    public async Task What_would_change_who_one_is_or_what_names_mean_is_refused()
    {
        await using var bed = await PostgresBed.StartAsync(shared);
        await using var connection = await OpenAsync(bed);
        foreach (var text in (string[])["SET ROLE admin", "SET SESSION AUTHORIZATION admin", "SET search_path = hr", "SET client_encoding = 'SQL_ASCII'", "SET standard_conforming_strings = off", "SET session_replication_role = replica", "SELECT set_config('search_path', 'hr', false)", "LISTEN x", "NOTIFY x, 'y'", "SET LOCAL search_path = ''"])
        {
            var refused = await Assert.ThrowsAsync<PostgresException>(() => RunAsync(connection, text));
            // What is not carried at all says so; everything else is not permitted.
            Assert.True(refused.SqlState == (text == "LISTEN x" ? "0A000" : "42501"), $"{text}: {refused.SqlState} {refused.MessageText}");
        }
        Assert.Equal("app", await RunAsync(connection, "SELECT current_user::text"));
    }

    [Fact]
    public async Task Copy_is_refused_and_the_connection_goes_on()
    {
        await using var bed = await PostgresBed.StartAsync(shared);
        await using var connection = await OpenAsync(bed);

        await Assert.ThrowsAsync<PostgresException>(() => connection.BeginBinaryExportAsync("COPY customers TO STDOUT (FORMAT BINARY)", Test));
        await Assert.ThrowsAsync<PostgresException>(() => connection.BeginTextImportAsync("COPY orders FROM STDIN", Test));

        Assert.Equal(1, await RunAsync(connection, "SELECT 1"));
    }

    [Fact]
    [Row("M12")]
    public async Task Masked_columns_are_masked_in_binary_too()
    {
        await using var bed = await PostgresBed.StartAsync(shared);
        await using var connection = await OpenAsync(bed);
        await using var command = new NpgsqlCommand("SELECT secret, email, card FROM customers ORDER BY id", connection);
        await using var rows = await command.ExecuteReaderAsync(Test);
        while (await rows.ReadAsync(Test))
        {
            Assert.Equal(Redacted, rows.GetString(0));
            Assert.Equal(Redacted, rows.GetString(1));
            Assert.True(rows.IsDBNull(2) || rows.GetString(2) == Redacted);
        }
    }

    private static async Task<NpgsqlConnection> OpenAsync(PostgresBed bed)
    {
        var connection = new NpgsqlConnection(bed.Connection());
        await connection.OpenAsync(Test);
        return connection;
    }

    private static async Task<object?> RunAsync(NpgsqlConnection connection, string sql, params object[] values)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        foreach (var value in values) command.Parameters.AddWithValue(value);
        return await command.ExecuteScalarAsync(Test);
    }
}
