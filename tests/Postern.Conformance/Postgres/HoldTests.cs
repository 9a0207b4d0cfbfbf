using System.Text.RegularExpressions;
using Npgsql;
using Postern.Conformance.Clients;
using Postern.Core.Recording;
using Postern.Tests;

namespace Postern.Conformance.Postgres;

/// <summary>A statement that people must agree to: a notice with the link, a wait, a refusal with the link; and the identical statement runs, once.</summary>
public sealed partial class HoldTests(SharedCluster shared)
{
    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    [Guarantee("G7")]
    [Row("A01")]
    [Row("A02")]
    public async Task An_approval_is_for_the_identical_statement_with_the_identical_values_once()
    {
        await using var bed = await PostgresBed.StartAsync(shared, wait: TimeSpan.FromMilliseconds(300));
        await using var connection = new NpgsqlConnection(bed.Connection());
        await connection.OpenAsync(Test);
        var notices = new List<PostgresNotice>();
        connection.Notice += (_, told) => notices.Add(told.Notice);

        var held = await Assert.ThrowsAsync<PostgresException>(() => DeleteAsync(connection, 7));
        Assert.Equal("42501", held.SqlState);
        var link = Link().Match(held.MessageText + held.Detail + held.Hint).Value;
        Assert.StartsWith(bed.Gateway.Url, link, StringComparison.Ordinal);
        Assert.Contains(notices, notice => (notice.MessageText + notice.Detail + notice.Hint).Contains(link, StringComparison.Ordinal));
        Assert.Equal("20", await bed.TruthAsync("select count(*) from orders"));

        var page = await ApprovalDeskVisit.ApproveAsync(link, "bob", "seen", Test);
        Assert.DoesNotContain("expired", page.Html, StringComparison.Ordinal);

        // Another value is another question.
        Assert.Equal("42501", (await Assert.ThrowsAsync<PostgresException>(() => DeleteAsync(connection, 8))).SqlState);
        Assert.Equal(1, await DeleteAsync(connection, 7));
        Assert.Equal("42501", (await Assert.ThrowsAsync<PostgresException>(() => DeleteAsync(connection, 7))).SqlState);
        Assert.Equal("19|0", await bed.TruthAsync("select count(*), count(*) filter (where id = 7) from orders"));

        await connection.CloseAsync();
        var recording = await bed.StopAsync();
        Assert.Null(recording.Problem);
        Assert.Single(recording.Operations, operation => operation.Clearings.Count == 1);
        Assert.Contains(recording.Operations, operation => operation.Outcome == "Pending");
    }

    [Fact]
    [Guarantee("G7")]
    public async Task A_statement_that_waits_runs_when_a_person_agrees_meanwhile()
    {
        await using var bed = await PostgresBed.StartAsync(shared, wait: TimeSpan.FromSeconds(50));

        var running = bed.PsqlAsync("delete from orders where id = 3 returning note", "select 'alive'");
        await Task.Delay(700, Test);
        Assert.False(running.IsCompleted);
        await ApprovalDeskVisit.AnswerNextAsync(bed.Gateway.Url, "bob", "approve", Test);
        var run = await running.WaitAsync(TimeSpan.FromSeconds(30), Test);

        Assert.Contains("order 3", run.Out, StringComparison.Ordinal);
        Assert.Contains("alive", run.Out, StringComparison.Ordinal);
        Assert.Contains("NOTICE:", run.Error, StringComparison.Ordinal);
        Assert.Matches(Link(), run.Error);
    }

    [Fact]
    public async Task A_no_is_told_and_the_session_goes_on()
    {
        await using var bed = await PostgresBed.StartAsync(shared, wait: TimeSpan.FromSeconds(50));

        var running = bed.PsqlAsync("delete from orders where id = 3", "\\echo :LAST_ERROR_SQLSTATE", "select count(*) from orders");
        await ApprovalDeskVisit.AnswerNextAsync(bed.Gateway.Url, "bob", "deny", Test);
        var run = await running.WaitAsync(TimeSpan.FromSeconds(30), Test);

        Assert.Equal("42501\n20\n", run.Out);
    }

    [Fact]
    [Row("A16")]
    [Row("F17")]
    public async Task A_statement_whose_client_left_while_it_waited_is_not_executed()
    {
        await using var bed = await PostgresBed.StartAsync(shared, wait: TimeSpan.FromSeconds(50));
        await using (var session = await Raw.RawSession.OpenAsync(bed.Port, bed.Gateway.Token("alice")))
        {
            await session.SendAsync(Raw.RawSession.Query("delete from orders where id = 5"));
            Assert.Equal('N', (await session.ReadAsync())?.Type);
        }

        await ApprovalDeskVisit.AnswerNextAsync(bed.Gateway.Url, "bob", "approve", Test);
        await Task.Delay(500, Test);

        Assert.Equal("20", await bed.TruthAsync("select count(*) from orders"));
    }

    [Fact]
    [Row("Q18")]
    public async Task A_batch_is_one_question()
    {
        await using var bed = await PostgresBed.StartAsync(shared, wait: TimeSpan.FromSeconds(50));

        var running = bed.PsqlAsync("update orders set note = 'gone' where id = 2; delete from orders where id = 3; select count(*) from orders");
        await Task.Delay(500, Test);
        Assert.Equal("order 2", await bed.TruthAsync("select note from orders where id = 2"));
        await ApprovalDeskVisit.AnswerNextAsync(bed.Gateway.Url, "bob", "approve", Test);
        var run = await running.WaitAsync(TimeSpan.FromSeconds(30), Test);

        Assert.EndsWith("19\n", run.Out, StringComparison.Ordinal);
        Assert.Equal("gone", await bed.TruthAsync("select note from orders where id = 2"));
    }

    [Fact]
    [Guarantee("G7")]
    [Row("A01")]
    public async Task An_approval_under_a_role_that_was_set_is_for_the_next_statement_of_that_session_alone()
    {
        await using var bed = await PostgresBed.StartAsync(shared, PostgresBed.Policy.Replace("masks:", """
              - id: support-changes-roles
                who:  { groups: [support] }
                on:   { connection: target, statements: [set_role], tables: ["**"] }
                then: allow
            masks:
            """, StringComparison.Ordinal));
        var role = shared.NewName("clerk");
        await bed.TruthAsync($"create role {role}; grant {role} to {Cluster.App}; grant all on orders to {role}");
        await using var plain = new NpgsqlConnection(bed.Connection());
        await plain.OpenAsync(Test);
        await using var other = new NpgsqlConnection(bed.Connection());
        await other.OpenAsync(Test);
        await RunAsync(other, $"SET ROLE {role}");

        // Agreed to for the clerk: neither for the role that the session began with, nor once anything came in between.
        await ApproveAsync(other, 7);
        await RefusedAsync(plain, 7);
        await RunAsync(other, "SELECT 1");
        await RefusedAsync(other, 7);
        // In a transaction that ends, the role may be gone with it.
        await RunAsync(other, "RESET ROLE");
        await RunAsync(other, "BEGIN");
        await RunAsync(other, $"SET LOCAL ROLE {role}");
        await ApproveAsync(other, 8);
        await RunAsync(other, "ROLLBACK");
        await RefusedAsync(other, 8);

        await ApproveAsync(other, 9);
        Assert.Equal(1, await DeleteAsync(other, 9));
        Assert.Equal("19", await bed.TruthAsync("select count(*) from orders"));

        static async Task ApproveAsync(NpgsqlConnection connection, int id)
        {
            var held = await Assert.ThrowsAsync<PostgresException>(() => DeleteAsync(connection, id));
            await ApprovalDeskVisit.ApproveAsync(Link().Match(held.MessageText + held.Detail + held.Hint).Value, "bob", "seen", Test);
        }

        static async Task RefusedAsync(NpgsqlConnection connection, int id) => Assert.Equal("42501", (await Assert.ThrowsAsync<PostgresException>(() => DeleteAsync(connection, id))).SqlState);

        static async Task RunAsync(NpgsqlConnection connection, string sql)
        {
            await using var command = new NpgsqlCommand(sql, connection);
            await command.ExecuteNonQueryAsync(Test);
        }
    }

    private static async Task<int> DeleteAsync(NpgsqlConnection connection, int id)
    {
        await using var command = new NpgsqlCommand("DELETE FROM orders WHERE id = $1", connection);
        command.Parameters.AddWithValue(id);
        return await command.ExecuteNonQueryAsync(Test);
    }

    [GeneratedRegex("http://127.0.0.1:[0-9]+/approve/[0-9A-Z]{26}")]
    private static partial Regex Link();
}
