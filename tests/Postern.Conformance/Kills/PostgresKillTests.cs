using System.Globalization;
using System.Text.RegularExpressions;
using Postern.Conformance.Faults;
using Postern.Conformance.Gateways;
using Postern.Conformance.Postgres;
using Postern.Core.Recording;
using Postern.Tests;

namespace Postern.Conformance.Kills;

/// <summary>
/// The gateway is killed (-9) while PostgreSQL sessions write, read long results and race for approvals. What was done is asked of the
/// server itself, past the gateway.
/// </summary>
[Trait("Lane", "kills")]
public sealed partial class PostgresKillTests(SharedCluster shared)
{
    private const int Callers = 6;
    private const int HoldsPerRound = 2;
    private const int RepeatsPerHold = 3;

    // Enough rounds to meet sessions that open, units that wait for their intent and results that are half delivered.
    private const int RoundsOfEveryRun = 4;

    private const string Policy = """
        version: 1
        rules:
          - id: support-works
            who:  { groups: [support] }
            on:   { connection: target, statements: [select, insert], tables: [public.done] }
            then: allow

          - id: careful-writes-need-on-call
            who:  { groups: [support] }
            on:   { connection: target, statements: [select, insert], tables: [public.careful] }
            then: hold
            hold: { approvers: { groups: [on-call], count: 1 }, expires: 30m }
        """;

    private const string Script = $"""
        CREATE TABLE done (word text);
        CREATE TABLE careful (word text);
        GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO {Cluster.App};
        """;

    private const int RoundsOfALife = 10;

    // A round here is several times as dear: a start, a worker that parses, six sessions.
    private static int Rounds => int.TryParse(Environment.GetEnvironmentVariable("POSTERN_KILL_ROUNDS"), CultureInfo.InvariantCulture, out var rounds) ? Math.Max(RoundsOfEveryRun, rounds / 10) : RoundsOfEveryRun;

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    [Guarantee("G1")]
    [Guarantee("G2")]
    [Guarantee("G3")]
    [Guarantee("G7")]
    [Row("U01")]
    [Row("F01")]
    [Row("A02")]
    public async Task A_killed_gateway_has_written_down_every_statement_that_ran_and_every_row_that_was_delivered()
    {
        var seed = Random.Shared.Next();
        var random = new Random(seed);
        TestContext.Current.SendDiagnosticMessage($"seed {seed}");
        var cluster = await shared.StartedAsync();
        var counts = new Dictionary<string, int>(StringComparer.Ordinal) { ["write"] = 0, ["careful"] = 0, ["read"] = 0 };

        // Short lives: a round costs the same however many there are.
        for (var round = 0; round < Rounds;)
        {
            var database = shared.NewName("kills");
            await cluster.CreateDatabaseAsync(database, Script, Test);
            var port = FreePort.Take();
            await using var gateway = await ServedGateway.PrepareAsync(
                $$"""{ protocol: postgres, url: "postgresql://127.0.0.1:{{cluster.Port}}/{{database}}", credential: { user: {{Cluster.App}}, password: {{cluster.Password}} }, tls: { ca: {{cluster.Authority}} } }""",
                Policy,
                Test,
                isWhole: true,
                listen: $$"""postgres: { address: "127.0.0.1:{{port}}", certificate: {{cluster.Folder}}/server.pem, key: {{cluster.Folder}}/server.key }""");
            var caller = new PostgresCaller(port);
            await gateway.StartAsync(Test);
            JournalAnchor? anchor = null;
            for (var last = Math.Min(Rounds, round + RoundsOfALife); round < last; round++)
            {
                await KillAsync(gateway, caller, random);
                var seen = await SeenAsync(cluster, database);
                var recording = await Recordings.ReadSettledAsync(gateway.Data, TimeSpan.FromSeconds(10), Test, anchor);
                anchor = recording.Anchor ?? anchor;
                var byRequest = recording.Operations.ToLookup(story => Words().Match(story.Request).Value, StringComparer.Ordinal);
                var complaints = InvariantJudge.Complaints(new Evidence(recording, seen, byRequest) { Sentences = caller.Answers }).Take(5).ToArray();
                Assert.True(complaints.Length == 0, $"round {round}, seed {seed}: {string.Join("; ", complaints)}");
            }
            foreach (var word in (await SeenAsync(cluster, database)).Keys.Concat(caller.Answers.Keys.Where(word => word.StartsWith("read", StringComparison.Ordinal)))) counts[word.Split(' ')[0]]++;
        }
        Assert.True(counts["write"] >= Rounds, "the load never reached the server");
        Assert.True(counts["careful"] > 0, "nothing that was agreed to ever ran");
        Assert.True(counts["read"] > 0, "no result reached a caller");
    }

    /// <summary>Work, a kill somewhere in it, the start after it, and what was not answered asked for again.</summary>
    private static async Task KillAsync(ServedGateway gateway, PostgresCaller caller, Random random)
    {
        var token = gateway.Token("alice");
        var held = new List<string>();
        for (var index = 0; index < HoldsPerRound; index++) held.Add(await caller.HoldAndApproveAsync(token));

        using var over = CancellationTokenSource.CreateLinkedTokenSource(Test);
        var load = Enumerable.Range(0, Callers).Select(which => caller.LoadAsync(token, which, over.Token)).ToList();
        await Task.Delay(TimeSpan.FromMilliseconds(random.Next(50, 900)), Test);
        load.AddRange(held.SelectMany(word => Enumerable.Range(0, RepeatsPerHold).Select(_ => caller.TryAsync(token, session => caller.WriteAsync(session, "careful", word)))));
        await Task.Delay(TimeSpan.FromMilliseconds(random.Next(0, 120)), Test);
        await gateway.KillAsync();
        await over.CancelAsync();
        await Task.WhenAll(load);

        await gateway.StartAsync(Test);
        foreach (var word in held) await caller.TryAsync(token, session => caller.WriteAsync(session, "careful", word));
    }

    /// <summary>What the server did, once it does nothing more for the gateway that was killed.</summary>
    private static async Task<Dictionary<string, int>> SeenAsync(Cluster cluster, string database)
    {
        while (await AskAsync("select count(*) from pg_stat_activity where datname = current_database() and state = 'active' and pid <> pg_backend_pid()") != "0") await Task.Delay(20, Test);
        var rows = await AskAsync("select word || '=' || count(*) from (select word from done union all select word from careful) x group by word");
        return rows.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(row => row.Split('=')).ToDictionary(row => row[0], row => int.Parse(row[1], CultureInfo.InvariantCulture), StringComparer.Ordinal);

        async Task<string> AskAsync(string sql) => (await cluster.RunAsync(database, sql, Test)).Trim();
    }

    [GeneratedRegex("(write|read|careful) [0-9]+", RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex Words();
}
