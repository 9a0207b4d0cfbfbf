using System.Diagnostics;
using System.Globalization;

namespace Postern.Benchmarks.Postgres;

/// <summary>One sample of one peer.</summary>
/// <param name="Peer">Through what.</param>
/// <param name="Work">What was run.</param>
/// <param name="Clients">Connections, each with one transaction at a time.</param>
/// <param name="Round">Which of the interleaved rounds.</param>
/// <param name="PerSecond">Transactions per second, without the time to connect.</param>
/// <param name="P50Micros">Median of the transactions.</param>
/// <param name="P99Micros">99th percentile.</param>
/// <param name="CpuMicrosPerQuery">CPU of the process in between, user and system, per query (a tpcb-like transaction has seven).</param>
internal sealed record PgSample(string Peer, string Work, int Clients, int Round, double PerSecond, double P50Micros, double P99Micros, double CpuMicrosPerQuery);

/// <summary>A workload of pgbench.</summary>
/// <param name="Name">As tables call it.</param>
/// <param name="Arguments">How pgbench is told.</param>
/// <param name="Queries">Queries in one transaction.</param>
internal sealed record PgWork(string Name, string[] Arguments, int Queries)
{
    public static readonly PgWork[] All =
    [
        new("simple", ["-S", "-M", "simple"], 1),
        new("extended", ["-S", "-M", "extended"], 1),
        new("prepared", ["-S", "-M", "prepared"], 1),
        new("tpcb-like", ["-b", "tpcb-like", "-M", "simple"], 7),
    ];
}

/// <summary>Loads one peer with pgbench for a while.</summary>
internal static class PgBench
{
    /// <summary>One sample; null for a warm-up (round 0). Nothing that failed counts: pgbench must end well and report no failed transaction.</summary>
    public static PgSample? Run(PgPeer peer, PgWork work, int clients, int round, int seconds, string folder)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return RunOnce(peer, work, clients, round, seconds, folder);
            }
            catch (NothingDoneException) when (attempt < MostAttempts)
            {
                // A machine that is busy with something else may take the whole round to connect everybody: that measures nothing, and a longer one may.
                seconds *= 2;
            }
        }
    }

    private const int MostAttempts = 4;

    private sealed class NothingDoneException(string message) : InvalidOperationException(message);

    private static PgSample? RunOnce(PgPeer peer, PgWork work, int clients, int round, int seconds, string folder)
    {
        foreach (var old in Directory.GetFiles(folder, "latency.*")) File.Delete(old);
        var before = peer.Peer.CpuSeconds;
        string[] arguments =
        [
            .. work.Arguments, "-n", "-c", Text(clients), "-j", clients > 1 ? "2" : "1", "-T", Text(seconds), "--log", "--log-prefix", Path.Combine(folder, "latency"),
            "--sampling-rate", clients == 1 ? "1" : "0.1", "--random-seed", Text(1000 + round),
        ];
        var output = Execute("pgbench", arguments, peer.Environment);
        var cpu = peer.Peer.CpuSeconds - before;
        // The first second of a cold process is not judged; a busy machine may not even connect everybody in it.
        if (round == 0) return null;
        var done = Number(output, "number of transactions actually processed: ");
        if (done == 0) throw new NothingDoneException($"{peer.Peer.Name}, {work.Name}, {clients} clients: {output}");
        if (!output.Contains("number of failed transactions: 0 ", StringComparison.Ordinal)) throw new InvalidOperationException($"{peer.Peer.Name}, {work.Name}, {clients} clients: {output}");
        // client, transaction, time in µs, script, second, µs of the second
        var times = Directory.GetFiles(folder, "latency.*").SelectMany(File.ReadLines).Select(line => double.Parse(line.Split(' ')[2], CultureInfo.InvariantCulture)).Order().ToArray();
        if (times.Length == 0) throw new NothingDoneException($"{peer.Peer.Name}, {work.Name}, {clients} clients: no latencies: {output}");
        return new PgSample(peer.Peer.Name, work.Name, clients, round, Number(output, "tps = "), times[times.Length / 2], times[times.Length * 99 / 100], cpu * 1e6 / (done * work.Queries));
    }

    /// <summary>Runs a program of PostgreSQL's to its end; what it said, or an exception.</summary>
    public static string Execute(string program, IEnumerable<string> arguments, IEnumerable<KeyValuePair<string, string>> environment)
    {
        var start = new ProcessStartInfo(Path.Combine(Conformance.Postgres.Cluster.Programs, program), arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in environment) start.Environment[name] = value;
        using var process = Process.Start(start) ?? throw new InvalidOperationException($"`{program}` did not start");
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"`{program}` ended with {process.ExitCode}: {errors.Result}{output}");
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static double Number(string output, string mark)
    {
        var at = output.IndexOf(mark, StringComparison.Ordinal);
        if (at < 0) throw new InvalidOperationException($"pgbench did not say `{mark}`: {output}");
        var rest = output.AsSpan(at + mark.Length);
        var end = rest.IndexOfAnyExcept("0123456789.");
        return double.Parse(end < 0 ? rest : rest[..end], CultureInfo.InvariantCulture);
    }
}
