using System.Diagnostics;
using System.Globalization;

namespace Postern.Benchmarks.Measuring;

/// <summary>What one step costs on one thread.</summary>
/// <param name="Name">The step.</param>
/// <param name="Nanoseconds">Median over the rounds.</param>
/// <param name="Least">Fastest round.</param>
/// <param name="Most">Slowest round.</param>
/// <param name="Bytes">Allocated by the calling thread, per run; for steps that hand work to other threads, by the whole process.</param>
internal sealed record MicroResult(string Name, double Nanoseconds, double Least, double Most, double Bytes)
{
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Name,-60} {Nanoseconds,12:N0} ns  [{Least:N0}-{Most:N0}]  {Bytes,10:N0} B");
}

/// <summary>Runs a step often enough to measure it: a warm-up, then rounds of which the median counts.</summary>
internal static class Micro
{
    private const int Rounds = 9;
    private static readonly TimeSpan WarmUp = TimeSpan.FromMilliseconds(700);
    private static readonly TimeSpan Round = TimeSpan.FromMilliseconds(200);

    /// <summary>A step that completes on the calling thread.</summary>
    public static MicroResult Run(string name, Action step)
    {
        var warm = Stopwatch.StartNew();
        long runs = 0;
        while (warm.Elapsed < WarmUp)
        {
            step();
            runs++;
        }
        var batch = Math.Max(1, (long)(runs * (Round / WarmUp)));
        var times = new double[Rounds];
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var round = 0; round < Rounds; round++)
        {
            var watch = Stopwatch.StartNew();
            for (long index = 0; index < batch; index++) step();
            times[round] = watch.Elapsed.TotalNanoseconds / batch;
        }
        return Result(name, times, (GC.GetAllocatedBytesForCurrentThread() - before) / (double)(batch * Rounds));
    }

    /// <summary>A step that waits for other threads (the disk's, say); one at a time.</summary>
    public static async Task<MicroResult> RunAsync(string name, Func<ValueTask> step)
    {
        var warm = Stopwatch.StartNew();
        long runs = 0;
        while (warm.Elapsed < WarmUp)
        {
            await step();
            runs++;
        }
        var batch = Math.Max(1, (long)(runs * (Round / WarmUp)));
        var times = new double[Rounds];
        var before = GC.GetTotalAllocatedBytes(precise: true);
        for (var round = 0; round < Rounds; round++)
        {
            var watch = Stopwatch.StartNew();
            for (long index = 0; index < batch; index++) await step();
            times[round] = watch.Elapsed.TotalNanoseconds / batch;
        }
        return Result(name, times, (GC.GetTotalAllocatedBytes(precise: true) - before) / (double)(batch * Rounds));
    }

    private static MicroResult Result(string name, double[] times, double bytes)
    {
        Array.Sort(times);
        var result = new MicroResult(name, times[times.Length / 2], times[0], times[^1], bytes);
        Console.Error.WriteLine(result);
        return result;
    }
}
