using System.Globalization;
using System.Runtime.InteropServices;

namespace Postern.Upstreams.Stdio;

/// <summary>A process as it cannot be mistaken: its number, and when it started, since numbers come again.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct ProcessMark(int Id, string Started);

/// <summary>Who descends from a process, as <c>/proc</c> tells it at this moment: finds also those that left its group.</summary>
internal static class ProcessTree
{
    // proc(5), /proc/pid/stat: "id (name) state parent … starttime …", fields 4 and 22; the name may hold anything, so the
    // fields are counted from its last bracket.
    private const int Parent = 4 - 3;
    private const int StartTime = 22 - 3;

    public static List<ProcessMark> DescendantsOf(int process)
    {
        var all = new List<(ProcessMark Mark, int Parent)>();
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var id) && Read(id) is { } one) all.Add(one);
        }
        var found = all.Where(one => one.Parent == process).Select(one => one.Mark).ToList();
        for (var i = 0; i < found.Count; i++) found.AddRange(all.Where(one => one.Parent == found[i].Id).Select(one => one.Mark));
        return found;
    }

    /// <summary>Kills it, if it is still the one that was marked.</summary>
    public static void Kill(ProcessMark mark)
    {
        if (Read(mark.Id) is { } now && now.Mark == mark) _ = Libc.Signal(mark.Id, Libc.SigKill);
    }

    private static (ProcessMark Mark, int Parent)? Read(int id)
    {
        try
        {
            var text = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{id}/stat"));
            var fields = text[(text.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            return fields.Length > StartTime && int.TryParse(fields[Parent], NumberStyles.None, CultureInfo.InvariantCulture, out var parent) ? (new ProcessMark(id, fields[StartTime]), parent) : null;
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return null; // it ended meanwhile
        }
    }
}
