using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Postern.Benchmarks.Measuring;

/// <summary>Where and of what a run was taken; stands beside its numbers.</summary>
/// <param name="Commit">The commit, with <c>+</c> when the tree had changes.</param>
/// <param name="At">When.</param>
/// <param name="Processor">The processor's name.</param>
/// <param name="Cores">Logical cores.</param>
/// <param name="Runtime">The runtime.</param>
/// <param name="System">The operating system.</param>
/// <param name="LoadBefore">The one-minute load average before the run: above a few tenths, something else was running.</param>
internal sealed record Machine(string Commit, DateTimeOffset At, string Processor, int Cores, string Runtime, string System, double LoadBefore)
{
    /// <summary>This machine, now.</summary>
    public static Machine Describe()
    {
        var model = File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[1].Trim();
        var load = double.Parse(File.ReadAllText("/proc/loadavg").Split(' ')[0], CultureInfo.InvariantCulture);
        var commit = Git("rev-parse", "--short", "HEAD") + (Git("status", "--porcelain", "--", "src").Length > 0 ? "+" : string.Empty);
        return new Machine(commit, DateTimeOffset.UtcNow, model ?? "unknown", Environment.ProcessorCount, RuntimeInformation.FrameworkDescription, RuntimeInformation.OSDescription, load);
    }

    private static string Git(params string[] arguments)
    {
        using var git = Process.Start(new ProcessStartInfo("git", arguments) { RedirectStandardOutput = true, WorkingDirectory = Report.Root })!;
        var text = git.StandardOutput.ReadToEnd().Trim();
        git.WaitForExit();
        return text;
    }
}
