using Npgsql;
using Postern.Tests;

namespace Postern.Conformance.Postgres;

/// <summary>What a session leaves behind, and how it is shown again.</summary>
public sealed class RecordingTests(SharedCluster shared)
{
    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    [Guarantee("G1")]
    [Guarantee("G20")]
    [Row("M17")]
    public async Task Statements_values_and_rows_are_kept_as_delivered_and_replay_shows_a_grid()
    {
        await using var bed = await PostgresBed.StartAsync(shared);
        await using (var connection = new NpgsqlConnection(bed.Connection(more: "Pooling=false;Application Name=desk")))
        {
            await connection.OpenAsync(Test);
            await using var command = new NpgsqlCommand("SELECT id, name, email, secret FROM customers WHERE name = $1 OR email = $2", connection);
            command.Parameters.AddWithValue("Ada");
            command.Parameters.AddWithValue(PostgresBed.Email);
            await using var rows = await command.ExecuteReaderAsync(Test);
            while (await rows.ReadAsync(Test)) Assert.NotEqual(PostgresBed.Secret, rows.GetString(3));
            await rows.CloseAsync();
            await using var order = new NpgsqlCommand("SELECT note FROM orders WHERE id = $1 AND note = $2", connection);
            order.Parameters.AddWithValue(4);
            order.Parameters.AddWithValue("order 4");
            Assert.Equal("order 4", await order.ExecuteScalarAsync(Test));
            // Prepared once, and described then: the record of each execution tells its columns all the same.
            await using var often = new NpgsqlCommand("SELECT amount AS paid, note AS remark, secret AS hidden FROM public.orders o JOIN customers c ON c.id = customer WHERE o.id = $1", connection);
            often.Parameters.AddWithValue(6);
            await often.PrepareAsync(Test);
            for (var i = 0; i < 2; i++) Assert.Equal(60m, await often.ExecuteScalarAsync(Test));
        }
        var recording = await bed.StopAsync();

        Assert.Null(recording.Problem);
        Assert.All(recording.Operations, operation => Assert.Single(operation.Endings));
        Assert.DoesNotContain(PostgresBed.Email, recording.Everything, StringComparison.Ordinal);
        Assert.DoesNotContain(PostgresBed.Secret, recording.Everything, StringComparison.Ordinal);
        Assert.DoesNotContain(bed.Cluster.Password, recording.Everything, StringComparison.Ordinal);
        var select = recording.Operations.Single(operation => operation.Request.Contains("FROM customers", StringComparison.Ordinal));
        Assert.Equal(("allow", "Done"), (select.Decision, select.Outcome));
        // Values beside a masked column could be its values; beside others they are kept.
        Assert.DoesNotContain("Ada", select.Request, StringComparison.Ordinal);
        Assert.Contains("order 4", recording.Operations.Single(operation => operation.Request.Contains("FROM orders", StringComparison.Ordinal)).Request, StringComparison.Ordinal);
        Assert.Contains(select.Intent.Parts, part => part.Action == "postgres.select");
        Assert.Contains(recording.Operations, operation => operation.Intent.Parts.Any(part => part.Action == "postgres.connect"));

        var session = Assert.IsType<string>(select.Intent.Session);
        var replay = await PosternProcess.RunAsync("sessions", "replay", session, "--journal", Path.Combine(bed.Gateway.Data, "journal"), "--full");
        Assert.Equal(0, replay.ExitCode);
        // Lines end wherever the terminal's width is used up.
        var words = string.Concat(replay.Out.Split((char[]?)null));
        foreach (var shown in (string[])["postgres.select", "FROM customers", "desk", "id", "name", "email", "secret", "Ada", "[masked:customer-pii]"]) Assert.True(words.Contains(string.Concat(shown.Split(' ')), StringComparison.Ordinal), $"no `{shown}` in {replay.Out}");
        // One line of the grid holds the row.
        Assert.Contains(replay.Out.Split('\n'), line => line.Contains("Ada", StringComparison.Ordinal) && line.Contains("[masked:customer-pii]", StringComparison.Ordinal) && line.Contains('1', StringComparison.Ordinal));
        Assert.DoesNotContain(PostgresBed.Secret, replay.Out, StringComparison.Ordinal);
        // Where it was prepared, and at each execution.
        Assert.Equal(3, replay.Out.Split('\n').Count(line => line.Contains("paid", StringComparison.Ordinal) && line.Contains("remark", StringComparison.Ordinal) && line.Contains("hidden", StringComparison.Ordinal) && line.Contains('|', StringComparison.Ordinal)));
        Assert.Contains(replay.Out.Split('\n'), line => line.Contains("60.00", StringComparison.Ordinal) && line.Contains("order 6", StringComparison.Ordinal));
        Assert.DoesNotContain("column 1", replay.Out, StringComparison.Ordinal);
    }
}
