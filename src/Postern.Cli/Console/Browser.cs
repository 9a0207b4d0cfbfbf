using System.ComponentModel;
using System.Diagnostics;

namespace Postern.Cli.Console;

/// <summary>Opens pages in the person's browser, where there is one.</summary>
internal static class Browser
{
    /// <summary>False when there is no browser to open; the caller then shows the address.</summary>
    public static bool TryOpen(Uri page, Surroundings surroundings)
    {
        if (!surroundings.IsErrorTerminal || page.Scheme is not ("http" or "https")) return false;
        var (program, isShell) = OperatingSystem.IsMacOS() ? ("open", false)
            : OperatingSystem.IsWindows() ? (page.AbsoluteUri, true)
            : surroundings.Variable("DISPLAY") is not null || surroundings.Variable("WAYLAND_DISPLAY") is not null ? ("xdg-open", false)
            : (null, false);
        if (program is null) return false;
        // One argument and no shell: nothing in the address is interpreted.
        var start = new ProcessStartInfo(program) { UseShellExecute = isShell };
        if (!isShell) start.ArgumentList.Add(page.AbsoluteUri);
        try
        {
            using var process = Process.Start(start);
            return true;
        }
        catch (Exception e) when (e is Win32Exception or FileNotFoundException)
        {
            return false;
        }
    }
}
