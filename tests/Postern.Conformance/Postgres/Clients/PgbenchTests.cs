using System.Text.RegularExpressions;

namespace Postern.Conformance.Postgres.Clients;

/// <summary>pgbench, unchanged: many sessions at once, in each of the ways of asking.</summary>
public sealed partial class PgbenchTests(SharedCluster shared)
{
    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("simple")]
    [InlineData("extended")]
    [InlineData("prepared")]
    public async Task Its_transactions_all_succeed_and_add_up(string mode)
    {
        await using var bed = await PostgresBed.StartAsync(shared);
        var init = await PosternProcess.RunAsync(Path.Combine(Cluster.Programs, "pgbench"), ["-i", "-q", "-s", "1"], bed.Cluster.DirectEnvironment(bed.Database));
        Assert.True(init.ExitCode == 0, init.Error);
        await bed.Cluster.RunAsync(bed.Database, $"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {Cluster.App}", Test);

        var read = await PosternProcess.RunAsync(Path.Combine(Cluster.Programs, "pgbench"), ["-S", "-n", "-M", mode, "-c", "8", "-j", "2", "-t", "50"], bed.Environment());
        var written = await PosternProcess.RunAsync(Path.Combine(Cluster.Programs, "pgbench"), ["-b", "tpcb-like", "-n", "-M", mode, "-c", "4", "-j", "2", "-t", "25"], bed.Environment());

        Assert.True(read.ExitCode == 0 && written.ExitCode == 0, read.Error + written.Error);
        Assert.Equal(("400", "0"), Counts(read.Out));
        Assert.Equal(("100", "0"), Counts(written.Out));
        Assert.Equal("t|100", await bed.TruthAsync("select (select sum(delta) from pgbench_history) = (select sum(abalance) from pgbench_accounts) and (select sum(bbalance) from pgbench_branches) = (select sum(tbalance) from pgbench_tellers), (select count(*) from pgbench_history)"));
    }

    private static (string Done, string Failed) Counts(string output) => (Processed().Match(output).Groups["n"].Value, Failed().Match(output).Groups["n"].Value);

    [GeneratedRegex(@"actually processed: (?<n>\d+)", RegexOptions.ExplicitCapture)]
    private static partial Regex Processed();

    [GeneratedRegex(@"failed transactions: (?<n>\d+)", RegexOptions.ExplicitCapture)]
    private static partial Regex Failed();
}
