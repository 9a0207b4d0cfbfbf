using System.Globalization;
using Postern.Benchmarks.Measuring;

namespace Postern.Benchmarks.Postgres;

/// <summary>Renders the side-by-side run: medians over the rounds, and each against the bare pump of the same round.</summary>
internal static class PgTable
{
    public const string Direct = "direct";

    public const string Pump = "bare .NET pump";

    public static IEnumerable<string> Of(Machine machine, int rounds, int seconds, IReadOnlyList<PgSample> samples, IReadOnlyList<RowsSample> rows)
    {
        yield return Report.Caption(machine) + string.Create(CultureInfo.InvariantCulture, $" {rounds} rounds of {seconds} s each, interleaved; medians. CPU is that of the process in between, per query. Ratios and added times are computed pair by pair within a round.");
        foreach (var work in samples.Select(sample => sample.Work).Distinct())
        {
            yield return "";
            yield return $"**{(work == "tpcb-like" ? "tpcb-like (7 queries a transaction)" : $"`pgbench -S`, {work}")}**";
            yield return "";
            yield return "| through | 1 client: transactions/s (of the pump); p50 µs (added to direct); CPU µs | 16 clients | 64 clients |";
            yield return "| --- | --- | --- | --- |";
            foreach (var peer in samples.Select(sample => sample.Peer).Distinct())
            {
                var cells = samples.Where(sample => sample.Work == work && sample.Peer == peer).GroupBy(sample => sample.Clients).OrderBy(group => group.Key).Select(group => Cell([.. group], samples));
                yield return $"| {peer} | {string.Join(" | ", cells)} |";
            }
        }
        if (rows.Count == 0) yield break;
        yield return "";
        yield return string.Create(CultureInfo.InvariantCulture, $"**{RowsRun.Rows:N0} rows of four columns, one of them masked**");
        yield return "";
        yield return "| through | seconds | of direct's speed | CPU s | extra memory MiB |";
        yield return "| --- | ---: | ---: | ---: | ---: |";
        foreach (var group in rows.GroupBy(row => row.Peer))
        {
            var ratio = Median(group.Select(row => rows.Single(other => other.Peer == Direct && other.Round == row.Round).Seconds / row.Seconds));
            yield return string.Create(CultureInfo.InvariantCulture, $"| {group.Key} | {Median(group.Select(row => row.Seconds)):0.00} | {ratio:0.00} | {Median(group.Select(row => row.CpuSeconds)):0.00} | {group.Max(row => row.ExtraBytes) / 1048576.0:0.0} |");
        }
    }

    private static string Cell(PgSample[] samples, IReadOnlyList<PgSample> all)
    {
        var rate = Median(samples.Select(sample => sample.PerSecond));
        var p50 = Median(samples.Select(sample => sample.P50Micros));
        var ratio = Ratio(samples, all, Pump, (mine, other) => mine.PerSecond / other.PerSecond);
        var added = Ratio(samples, all, Direct, (mine, other) => mine.P50Micros - other.P50Micros);
        return string.Create(CultureInfo.InvariantCulture, $"{rate:N0}{(ratio is { } of ? $" ({of:0.00})" : "")}; {p50:N0}{(added is { } more ? $" (+{more:N0})" : "")}; {Median(samples.Select(sample => sample.CpuMicrosPerQuery)):N1}");
    }

    private static double? Ratio(PgSample[] samples, IReadOnlyList<PgSample> all, string other, Func<PgSample, PgSample, double> compare)
    {
        if (samples[0].Peer == other) return null;
        var pairs = samples.Select(mine => (mine, theirs: all.FirstOrDefault(each => each.Peer == other && each.Work == mine.Work && each.Clients == mine.Clients && each.Round == mine.Round)))
            .Where(pair => pair.theirs is not null).Select(pair => compare(pair.mine, pair.theirs!)).ToArray();
        return pairs.Length == 0 ? null : Median(pairs);
    }

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
    }
}
