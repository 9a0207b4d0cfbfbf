using System.Collections.Immutable;
using System.Globalization;

namespace Postern.Gateway.Health;

/// <summary>How long things took, counted in buckets from a millisecond to a minute; safe to add to from everywhere.</summary>
internal sealed class Histogram
{
    /// <summary>Upper bounds in seconds.</summary>
    public static readonly ImmutableArray<double> Bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
    private static readonly string[] Names = [.. Bounds.Select(bound => bound.ToString(CultureInfo.InvariantCulture)), "+Inf"];

    private readonly long[] _counts = new long[Bounds.Length + 1];
    private long _ticks;

    /// <summary>Counts one.</summary>
    public void Add(TimeSpan took)
    {
        var seconds = took.TotalSeconds;
        var bucket = 0;
        while (bucket < Bounds.Length && seconds > Bounds[bucket]) bucket++;
        Interlocked.Increment(ref _counts[bucket]);
        Interlocked.Add(ref _ticks, took.Ticks);
    }

    /// <summary>Writes its buckets, each with all below it, its sum and its count.</summary>
    public void Write(MetricsText text, string name, (string Name, string Value) label)
    {
        long total = 0;
        for (var i = 0; i < _counts.Length; i++)
        {
            total += Volatile.Read(ref _counts[i]);
            text.Sample(name + "_bucket", total, label, ("le", Names[i]));
        }
        text.Sample(name + "_sum", TimeSpan.FromTicks(Volatile.Read(ref _ticks)).TotalSeconds, label);
        // Not a count of its own: one that runs ahead of the buckets would not be a histogram.
        text.Sample(name + "_count", total, label);
    }
}
