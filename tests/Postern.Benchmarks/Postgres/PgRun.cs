using System.Globalization;
using Postern.Benchmarks.Echo;
using Postern.Benchmarks.Measuring;
using Postern.Conformance.Postgres;
using Postern.Demo.Issuer;
using Postern.Tests;

namespace Postern.Benchmarks.Postgres;

/// <summary>
/// pgbench through every peer, interleaved, in front of one real server; then a million rows. TLS on every leg of every peer.
/// </summary>
internal static class PgRun
{
    private const int WarmUpClients = 16;
    // Of the seconds of a round.
    private const int FirstWarmUp = 5;
    private const int WarmUp = 2;

    // What `pglook` measures beside the peers, durable wait off: `NAME|postern.dll|VARIABLE=VALUE|…`, separated by semicolons; without a path, this build.
    private const string Others = "POSTERN_BENCH_OTHERS";

    private static readonly int[] Clients = [1, 16, 64];

    /// <summary>The whole table, written to the documents.</summary>
    public static Task RunAsync(int rounds, int seconds) => RunAsync(rounds, seconds, PgWork.All, Clients, null, isWithRows: true);

    /// <summary>One workload and number of clients, the peers whose names hold one of these words; only told, for work on the hot path.</summary>
    public static Task LookAsync(string work, int clients, int rounds, int seconds, string[] words) =>
        RunAsync(rounds, seconds, [.. PgWork.All.Where(each => each.Name == work)], clients == 0 ? [] : [clients], words, isWithRows: work == "rows");

    private static async Task RunAsync(int rounds, int seconds, PgWork[] works, int[] numbersOfClients, string[]? words, bool isWithRows)
    {
        var machine = Machine.Describe();
        var folder = Directory.CreateTempSubdirectory("postern-bench-");
        var peers = new List<PgPeer>();
        try
        {
            await using var cluster = await Cluster.StartAsync([], CancellationToken.None);
            await PrepareAsync(cluster);
            await using var issuer = await DemoIssuer.StartAsync(new DemoIssuerOptions { DefaultAudience = PgPeerFiles.Audience, TokenLifetime = TimeSpan.FromHours(4) });
            await StartPeersAsync(peers, folder.FullName, cluster, issuer, withOthers: words is not null, name => words is null || words.Length == 0 || words.Contains(name, StringComparer.OrdinalIgnoreCase));
            foreach (var peer in peers) await ProbeAsync(peer);
            var samples = new List<PgSample>();
            foreach (var work in works)
            {
                // What runs a minute in production is compiled for good by then; a cell of a few seconds would measure the compiler.
                if (numbersOfClients.Length > 0)
                {
                    foreach (var peer in peers.Where(IsCompiledAsItRuns)) PgBench.Run(peer, work, WarmUpClients, 0, seconds * (work == works[0] ? FirstWarmUp : WarmUp), folder.FullName);
                }
                foreach (var clients in numbersOfClients)
                {
                    foreach (var peer in peers.Where(peer => peer.Peer.ProcessId != 0)) PgBench.Run(peer, work, clients, 0, 1, folder.FullName);
                    for (var round = 1; round <= rounds; round++)
                    {
                        // Each round begins with another peer, so that none always follows the same one.
                        for (var index = 0; index < peers.Count; index++)
                        {
                            var sample = PgBench.Run(peers[(index + round) % peers.Count], work, clients, round, seconds, folder.FullName)!;
                            samples.Add(sample);
                            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{work.Name,-10} {clients,3} clients  {sample.Peer,-28} {sample.PerSecond,9:N0}/s  p50 {sample.P50Micros,7:N0} µs  p99 {sample.P99Micros,8:N0} µs  cpu {sample.CpuMicrosPerQuery,6:N1} µs"));
                        }
                    }
                }
            }
            if (words is not null)
            {
                // On a machine that does other work too, the least of many rounds is the nearest to what a query costs.
                foreach (var peer in samples.GroupBy(sample => sample.Peer)) Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"least cpu  {peer.Key,-28} {peer.Min(sample => sample.CpuMicrosPerQuery),6:N1} µs"));
            }
            var rows = isWithRows ? await RowsAsync(peers, rounds) : [];
            if (words is null) Report.Write("postgres", new { machine, rounds, seconds, samples, rows }, PgTable.Of(machine, rounds, seconds, samples, rows));
        }
        finally
        {
            foreach (var peer in peers) peer.Dispose();
            folder.Delete(recursive: true);
        }
    }

    private static async Task<List<RowsSample>> RowsAsync(List<PgPeer> peers, int rounds)
    {
        var rows = new List<RowsSample>();
        for (var round = 0; round <= rounds; round++)
        {
            for (var index = 0; index < peers.Count; index++)
            {
                var sample = await RowsRun.RunAsync(peers[(index + round) % peers.Count], round);
                Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"rows {(round == 0 ? "(warm-up) " : "")}{sample.Peer,-28} {sample.Seconds,6:N2} s  cpu {sample.CpuSeconds,6:N2} s  extra {sample.ExtraBytes / 1048576.0,6:N1} MiB"));
                if (round > 0) rows.Add(sample);
            }
        }
        return rows;
    }

    private static async Task PrepareAsync(Cluster cluster)
    {
        await cluster.CreateDatabaseAsync(
            PgPeerFiles.Database,
            $"""
            CREATE TABLE bench_rows (id int PRIMARY KEY, name text, email text, amount numeric);
            INSERT INTO bench_rows SELECT i, 'customer ' || i, 'c' || i || '@example.com', i * 1.25 FROM generate_series(1, {RowsRun.Rows}) i;
            """,
            CancellationToken.None);
        PgBench.Execute("pgbench", ["-i", "-q", "-s", "10"], cluster.DirectEnvironment(PgPeerFiles.Database).Select(each => new KeyValuePair<string, string>(each.Key, each.Value!)));
        await cluster.RunAsync(PgPeerFiles.Database, $"GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA public TO {Cluster.App}", CancellationToken.None);
        await cluster.RunAsync(PgPeerFiles.Database, "VACUUM ANALYZE", CancellationToken.None);
    }

    /// <summary>A row that is looked at, before transactions are only counted: everybody gives the name, Postern alone masks the address.</summary>
    private static async Task ProbeAsync(PgPeer peer)
    {
        var (name, email) = await RowsRun.FirstAsync(peer);
        var isMasked = email != "c1@example.com";
        if (name != "customer 1" || isMasked != peer.Peer.Name.StartsWith("Postern", StringComparison.Ordinal)) throw new InvalidOperationException($"{peer.Peer.Name}: the first row is `{name}`, `{email}`");
    }

    private static async Task StartPeersAsync(List<PgPeer> peers, string folder, Cluster cluster, DemoIssuer issuer, bool withOthers, Func<string, bool> isWanted)
    {
        var direct = new PgPeer(Peer.Direct($"http://127.0.0.1:{cluster.Port}"), PgPeerFiles.Database, cluster.Password);
        if (isWanted(PgTable.Direct)) peers.Add(direct);
        if (isWanted("pgbouncer"))
        {
            var port = FreePort.Take();
            var file = await PgPeerFiles.PgBouncerAsync(folder, port, cluster);
            string[] program = [.. Cluster.AsServer, "pgbouncer", file];
            peers.Add(direct with { Peer = Peer.StartOn("pgbouncer", port, "", program[0], program[1..]) });
        }
        var inline = new Dictionary<string, string>(StringComparer.Ordinal) { ["DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS"] = "1" };
        string[] pump = [typeof(PgRun).Assembly.Location, "pump", cluster.Port.ToString(CultureInfo.InvariantCulture), Path.Combine(cluster.Folder, "server.pem"), Path.Combine(cluster.Folder, "server.key"), cluster.Authority];
        if (isWanted(PgTable.Pump)) peers.Add(direct with { Peer = Peer.Start(PgTable.Pump, "", "listening ", "dotnet", pump, inline) });
        if (isWanted(Pump.Floor) || isWanted("floor")) peers.Add(direct with { Peer = Peer.Start(Pump.Floor, "", "listening ", "dotnet", [.. pump, Path.Combine(folder, "floor.bin")], inline) });
        foreach (var isStrict in new[] { true, false })
        {
            var name = isStrict ? "Postern" : "Postern, durable wait off";
            if (!isWanted(name)) continue;
            peers.Add(await PgPeerFiles.StartPosternAsync(name, folder, cluster, issuer, isStrict));
        }
        // Before and after in one interleaved run.
        foreach (var other in (withOthers ? Environment.GetEnvironmentVariable(Others) ?? "" : "").Split(';', StringSplitOptions.RemoveEmptyEntries))
        {
            if (other.Split('|') is not [var name, var library, .. var settings]) throw new InvalidOperationException($"`{other}` in `{Others}` is not `NAME|postern.dll|VARIABLE=VALUE|...`");
            var environment = settings.Select(each => each.Split('=', 2)).ToDictionary(each => each[0], each => each[1], StringComparer.Ordinal);
            peers.Add(await PgPeerFiles.StartPosternAsync($"Postern, {name}", folder, cluster, issuer, isStrict: false, new PgOther(name, library, environment)));
        }
    }

    // What is compiled already needs no warm-up.
    private static bool IsCompiledAsItRuns(PgPeer peer) => peer.Peer.ProcessId != 0 && peer.Peer.Name != "pgbouncer";
}
