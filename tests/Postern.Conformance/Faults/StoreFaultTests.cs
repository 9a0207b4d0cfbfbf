using Microsoft.Data.Sqlite;
using Postern.Tests;

namespace Postern.Conformance.Faults;

/// <summary>The control plane's own database does not answer, or is slow to.</summary>
public sealed class StoreFaultTests
{
    [Fact]
    [Guarantee("G5")]
    [Guarantee("G7")]
    [Row("F05")]
    public async Task While_the_database_cannot_be_written_no_approval_is_used_given_or_asked_for_and_one_is_used_once_afterwards()
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        await using var bed = await FaultBed.StartAsync(cancellationToken);
        var agreed = await bed.AgreedAsync(cancellationToken);
        var held = bed.Caller.Next();
        var link = Caller.LinkOf(await bed.CallAsync("write", held, cancellationToken) ?? "");
        await using var holds = await OpenAsync(bed, "holds.db");
        await using var control = await OpenAsync(bed, "postern.db");

        // Down: somebody else holds the lock for longer than the gateway waits.
        await RunAsync("begin immediate");
        var answers = await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => bed.CallAsync("write", agreed, cancellationToken)));
        var asked = await bed.CallAsync("write", bed.Caller.Next(), cancellationToken);
        var approved = await ApproveAsync(link, cancellationToken);
        var stillHeld = await bed.CallAsync("write", held, cancellationToken);
        await RunAsync("rollback");

        Assert.All(answers, answer => Assert.DoesNotContain("is done", answer ?? "", StringComparison.Ordinal));
        Assert.DoesNotContain("/approve/", asked ?? "", StringComparison.Ordinal);
        Assert.False(approved, "an approval was confirmed that could not be written");
        Assert.DoesNotContain("is done", stillHeld ?? "", StringComparison.Ordinal);
        Assert.DoesNotContain(bed.Witness.Seen.Keys, key => key.StartsWith("write", StringComparison.Ordinal));

        // Slow: it answers within what the gateway waits for it.
        await RunAsync("begin immediate");
        var uses = Enumerable.Range(0, 6).Select(_ => bed.CallAsync("write", agreed, cancellationToken)).ToArray();
        await Task.Delay(1_000, cancellationToken);
        await RunAsync("rollback");
        await Task.WhenAll(uses);
        await bed.CallAsync("write", agreed, cancellationToken);
        bed.Used.Add(agreed);

        Assert.Equal(1, bed.Witness.Seen.GetValueOrDefault($"write:{agreed}"));
        await bed.JudgeAsync(cancellationToken);

        async Task RunAsync(string sql)
        {
            foreach (var other in (SqliteConnection[])[holds, control])
            {
                await using var command = other.CreateCommand();
                command.CommandText = sql;
                await command.ExecuteNonQueryAsync(cancellationToken);
            }
        }
    }

    private static async Task<SqliteConnection> OpenAsync(FaultBed bed, string name)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = Path.Combine(bed.Gateway.Data, name), Mode = SqliteOpenMode.ReadWrite, Pooling = false }.ToString());
        await connection.OpenAsync();
        return connection;
    }

    private static async Task<bool> ApproveAsync(string link, CancellationToken cancellationToken)
    {
        try
        {
            await Clients.ApprovalDeskVisit.ApproveAsync(link, "bob", "tested", cancellationToken);
            return true;
        }
        catch (Exception refused) when (refused is Xunit.Sdk.XunitException or InvalidOperationException or HttpRequestException)
        {
            return false;
        }
    }
}
