using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Postern.Benchmarks.Echo;

/// <summary>One sample of one peer.</summary>
/// <param name="Peer">Through what.</param>
/// <param name="Size">Bytes of text in the result.</param>
/// <param name="Clients">Connections, each with one call at a time.</param>
/// <param name="Round">Which of the interleaved rounds.</param>
/// <param name="CallsPerSecond">Throughput.</param>
/// <param name="P50Micros">Median latency.</param>
/// <param name="P99Micros">99th percentile.</param>
/// <param name="CpuMicrosPerCall">CPU of the process in between, user and system, per call.</param>
internal sealed record Sample(string Peer, int Size, int Clients, int Round, double CallsPerSecond, double P50Micros, double P99Micros, double CpuMicrosPerCall);

/// <summary>Loads one peer with wrk for a while.</summary>
internal static class WrkRun
{
    private const int Tries = 3;

    /// <summary>One sample; null for a warm-up. Now and then wrk itself dies without a word; it is then started again.</summary>
    public static Sample? Run(Peer peer, string script, int size, int clients, int round, TimeSpan length, bool isKept)
    {
        for (var attempt = 1; ; attempt++)
        {
            if (TryRun(peer, script, size, clients, round, length, isKept, out var sample)) return sample;
            if (attempt == Tries) throw new InvalidOperationException($"wrk died {Tries} times on {peer.Name}, {size} B, {clients} clients");
        }
    }

    private static bool TryRun(Peer peer, string script, int size, int clients, int round, TimeSpan length, bool isKept, out Sample? sample)
    {
        sample = null;
        var before = peer.CpuSeconds;
        var start = new ProcessStartInfo("wrk", ["-t1", $"-c{clients}", $"-d{length.TotalSeconds.ToString(CultureInfo.InvariantCulture)}s", "--timeout", "10s", "-s", script, peer.Url])
        {
            RedirectStandardOutput = true,
        };
        using var wrk = Process.Start(start)!;
        var output = wrk.StandardOutput.ReadToEnd();
        wrk.WaitForExit();
        var cpu = peer.CpuSeconds - before;
        var line = output.Split('\n').FirstOrDefault(each => each.StartsWith("RESULT ", StringComparison.Ordinal));
        if (line is null) return false;
        using var result = JsonDocument.Parse(line["RESULT ".Length..]);
        double Number(string name) => result.RootElement.GetProperty(name).GetDouble();

        // The first second of a cold process is not judged; a busy machine may not even finish one call in it.
        if (!isKept) return true;
        var requests = Number("requests");
        // A refusal is a well-formed answer too; only size tells it from the echo.
        if (Number("errors") > 0 || requests == 0 || Number("bytes") / requests < size) throw new InvalidOperationException($"{peer.Name}, {size} B, {clients} clients: not every call was answered with its echo: {line}");
        sample = new Sample(peer.Name, size, clients, round, requests / (Number("micros") / 1e6), Number("p50"), Number("p99"), cpu * 1e6 / requests);
        return true;
    }
}
