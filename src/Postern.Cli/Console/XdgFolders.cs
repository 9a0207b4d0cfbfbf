namespace Postern.Cli.Console;

/// <summary>Where a person's files are kept (XDG Base Directory Specification 0.8).</summary>
internal static class XdgFolders
{
    /// <summary><c>$XDG_CONFIG_HOME/postern</c>: what a person writes.</summary>
    public static string Configuration(Surroundings surroundings) => Folder(surroundings, "XDG_CONFIG_HOME", ".config");

    /// <summary><c>$XDG_STATE_HOME/postern</c>: what the executable keeps between runs.</summary>
    public static string State(Surroundings surroundings) => Folder(surroundings, "XDG_STATE_HOME", Path.Combine(".local", "state"));

    private static string Folder(Surroundings surroundings, string variable, string fallback)
    {
        // Relative paths in these variables are invalid and ignored, as the specification says.
        if (surroundings.Variable(variable) is { } given && Path.IsPathFullyQualified(given)) return Path.Combine(given, "postern");
        var home = surroundings.Variable("HOME") ?? Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        return Path.Combine(home, fallback, "postern");
    }
}
