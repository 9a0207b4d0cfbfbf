using System.Globalization;

namespace Postern.Conformance.Soak;

/// <summary>What a process holds at one moment.</summary>
/// <param name="Seconds">Since the begin.</param>
/// <param name="Resident">Bytes of memory.</param>
/// <param name="Threads">Threads.</param>
/// <param name="Handles">Open descriptors.</param>
internal sealed record Holding(double Seconds, long Resident, int Threads, int Handles);

/// <summary>Reads them from the kernel.</summary>
internal static class ProcessGauge
{
    public static Holding Read(int process, double seconds)
    {
        long resident = 0;
        var threads = 0;
        foreach (var line in File.ReadLines($"/proc/{process}/status"))
        {
            if (line.StartsWith("VmRSS:", StringComparison.Ordinal)) resident = 1024 * Number(line);
            else if (line.StartsWith("Threads:", StringComparison.Ordinal)) threads = (int)Number(line);
        }
        return new Holding(seconds, resident, threads, Directory.EnumerateFileSystemEntries($"/proc/{process}/fd").Count());
    }

    /// <summary>The middle value.</summary>
    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted[sorted.Length / 2];
    }

    private static long Number(string line) => long.Parse(string.Concat(line.Where(char.IsAsciiDigit)), CultureInfo.InvariantCulture);
}
