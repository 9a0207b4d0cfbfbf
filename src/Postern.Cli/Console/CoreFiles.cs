using System.Runtime.InteropServices;

namespace Postern.Cli.Console;

/// <summary>
/// No file with the process's memory when it dies of a fault: credentials of targets and what callers said stand in it (G12).
/// </summary>
internal static partial class CoreFiles
{
    // One byte, not none: too little for any file, and the value at which Linux does not start a handler of crashes either,
    // which `core_pattern` may name and which is given the memory whatever the limit is (core(5), "Piping core dumps to a program").
    private const ulong Least = 1;

    /// <summary>Forbids core files to this process and those that it starts. A limit that is lower already stays.</summary>
    public static void Forbid()
    {
        if (OperatingSystem.IsWindows()) return;
        // RLIMIT_CORE, getrlimit(2).
        const int Core = 4;
        var limit = default(Limit);
        if (Get(Core, ref limit) != 0) return;
        limit.Soft = limit.Hard = Math.Min(limit.Hard, Least);
        _ = Set(Core, ref limit);
    }

    [LibraryImport("libc", EntryPoint = "getrlimit")]
    private static partial int Get(int resource, ref Limit limit);

    [LibraryImport("libc", EntryPoint = "setrlimit")]
    private static partial int Set(int resource, ref Limit limit);

    [StructLayout(LayoutKind.Sequential)]
    private struct Limit
    {
        public ulong Soft;
        public ulong Hard;
    }
}
