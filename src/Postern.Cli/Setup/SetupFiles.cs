using Postern.Core.Policy.Versions;

namespace Postern.Cli.Setup;

/// <summary>Writes the files of an operator: whole or not at all, and never over what nobody has seen.</summary>
internal static class SetupFiles
{
    /// <summary>What would change, as a unified diff; empty when nothing would.</summary>
    public static string Difference(string path, string? before, string after) => LineDiff.Unified(before is null ? "/dev/null" : path, before ?? "", path, after);

    /// <summary>The file's text, or null when there is none.</summary>
    public static string? Read(string path) => File.Exists(path) ? File.ReadAllText(path) : null;

    /// <summary>Puts a text in a file's place; a crash leaves the old or the new one. Its permissions stay.</summary>
    public static void Write(string path, string text)
    {
        var temporary = $"{path}.{Environment.ProcessId}.new";
        try
        {
            File.WriteAllText(temporary, text);
            if (!OperatingSystem.IsWindows() && File.Exists(path)) File.SetUnixFileMode(temporary, File.GetUnixFileMode(path));
            File.Move(temporary, path, overwrite: true);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    /// <summary>Keeps the file as it is under another name, which says when, and gives that name back.</summary>
    public static string KeepBackup(string path, DateTimeOffset now)
    {
        var backup = $"{path}.{now.UtcDateTime.ToString("yyyyMMdd-HHmmss", System.Globalization.CultureInfo.InvariantCulture)}.bak";
        File.Copy(path, backup, overwrite: false);
        return backup;
    }
}
