using System.Globalization;

namespace Postern.Benchmarks.Measuring;

/// <summary>What the kernel says of a process (proc(5), /proc/[pid]/status).</summary>
/// <param name="Resident">Bytes in memory.</param>
/// <param name="Threads">Threads.</param>
internal sealed record ProcessMemory(long Resident, int Threads)
{
    public static ProcessMemory Of(int process)
    {
        var lines = File.ReadAllLines($"/proc/{process}/status");
        return new ProcessMemory(Number(lines, "VmRSS:") * 1024, (int)Number(lines, "Threads:"));
    }

    private static long Number(string[] lines, string name) =>
        long.Parse(lines.Single(line => line.StartsWith(name, StringComparison.Ordinal))[name.Length..].Replace("kB", "", StringComparison.Ordinal).Trim(), CultureInfo.InvariantCulture);
}
