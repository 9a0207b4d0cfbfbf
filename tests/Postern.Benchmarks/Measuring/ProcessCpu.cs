using System.Globalization;

namespace Postern.Benchmarks.Measuring;

/// <summary>CPU time of a process and its children, from the kernel's own accounting (proc(5), /proc/[pid]/stat fields 14 and 15).</summary>
internal static class ProcessCpu
{
    /// <summary>Clock ticks per second, fixed on Linux for user space (sysconf _SC_CLK_TCK).</summary>
    private const double TicksPerSecond = 100;

    /// <summary>Seconds spent so far, user and system, by the process and all that descend from it.</summary>
    public static double Seconds(int process) => Ticks(process) / TicksPerSecond;

    private static double Ticks(int process)
    {
        var fields = Fields(process);
        var own = fields is null ? 0 : double.Parse(fields[11], CultureInfo.InvariantCulture) + double.Parse(fields[12], CultureInfo.InvariantCulture);
        return own + Children(process).Sum(Ticks);
    }

    /// <summary>The fields after the command, which stands in parentheses and may hold anything.</summary>
    private static string[]? Fields(int process)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{process}/stat");
            return stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        }
        catch (IOException)
        {
            return null;
        }
    }

    private static IEnumerable<int> Children(int process)
    {
        string text;
        try
        {
            text = File.ReadAllText($"/proc/{process}/task/{process}/children");
        }
        catch (IOException)
        {
            return [];
        }
        return text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(id => int.Parse(id, CultureInfo.InvariantCulture));
    }
}
