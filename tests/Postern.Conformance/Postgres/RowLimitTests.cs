using Npgsql;
using Postern.Core.Recording;
using Postern.Tests;

namespace Postern.Conformance.Postgres;

/// <summary>policy.md section 6 over PostgreSQL: the rows of a result are counted, and one too many ends it with an error.</summary>
public sealed class RowLimitTests(SharedCluster shared)
{
    private static readonly string s_policy = PostgresBed.Policy.Replace(
        "tables: [public.customers, public.orders, public.contacts, public.kinds, \"public.pgbench_*\"] }\n    then: allow", "tables: [public.customers, public.orders] }\n    then: allow\n    limits: { rows: 5 }", StringComparison.Ordinal);

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    [Row("D08")]
    public async Task As_many_rows_as_a_rule_gives_come_and_one_more_ends_the_result()
    {
        Assert.Contains("rows: 5", s_policy, StringComparison.Ordinal);
        await using var bed = await PostgresBed.StartAsync(shared, s_policy);

        Assert.Equal(5, await RowsAsync(bed, "select id from orders limit 5"));
        // What is counted is what comes, and not what is looked at.
        Assert.Equal(1, await RowsAsync(bed, "select count(*) from orders"));
        var seen = 0;
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => RowsAsync(bed, "select id from orders order by id", row => seen = row));

        Assert.True(seen <= 5, $"{seen} rows came");
        var recording = await bed.StopAsync();
        Assert.Contains(recording.Records, record => record.Payload is RecordedEnding { Code: "policy.limit" });
    }

    private static async Task<int> RowsAsync(PostgresBed bed, string sql, Action<int>? seen = null)
    {
        await using var connection = new NpgsqlConnection(bed.Connection());
        await connection.OpenAsync(Test);
#pragma warning disable CA2100 // fixed texts of this test
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        await using var reader = await command.ExecuteReaderAsync(Test);
        var rows = 0;
        while (await reader.ReadAsync(Test))
        {
            rows++;
            seen?.Invoke(rows);
        }
        return rows;
    }
}
