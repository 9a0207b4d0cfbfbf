using System.Globalization;
using Postern.Benchmarks.Measuring;

namespace Postern.Benchmarks.Echo;

/// <summary>Renders the side-by-side run: medians over the rounds.</summary>
internal static class EchoTable
{
    public static IEnumerable<string> Of(Machine machine, int rounds, double seconds, IReadOnlyList<Sample> samples)
    {
        yield return Report.Caption(machine) + string.Create(CultureInfo.InvariantCulture, $" {rounds} rounds of {seconds:0.#} s each, interleaved; medians. CPU is that of the process in between.");
        foreach (var size in samples.Select(sample => sample.Size).Distinct())
        {
            yield return "";
            yield return string.Create(CultureInfo.InvariantCulture, $"**{(size < 1024 * 10 ? $"{size:N0} B" : $"{size / 1024} kB")} result**");
            yield return "";
            yield return "| through | 1 client: calls/s; p50, p99 µs; CPU µs | 16 clients | 64 clients |";
            yield return "| --- | --- | --- | --- |";
            foreach (var peer in samples.Select(sample => sample.Peer).Distinct())
            {
                var cells = samples.Where(sample => sample.Size == size && sample.Peer == peer).GroupBy(sample => sample.Clients).OrderBy(group => group.Key).Select(group => Cell([.. group]));
                yield return $"| {peer} | {string.Join(" | ", cells)} |";
            }
        }
    }

    private static string Cell(IReadOnlyList<Sample> rounds) => string.Create(
        CultureInfo.InvariantCulture,
        $"{Median(rounds, each => each.CallsPerSecond):N0}; {Median(rounds, each => each.P50Micros):N0}, {Median(rounds, each => each.P99Micros):N0}; {Median(rounds, each => each.CpuMicrosPerCall):N1}");

    private static double Median(IReadOnlyList<Sample> rounds, Func<Sample, double> value)
    {
        var sorted = rounds.Select(value).Order().ToArray();
        return sorted[sorted.Length / 2];
    }
}
