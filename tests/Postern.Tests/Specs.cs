namespace Postern.Tests;

/// <summary>Cases that live as files under tests/specs.</summary>
internal static class Specs
{
    /// <summary>The folder of this name under tests/specs.</summary>
    public static string Folder(string name)
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Postern.slnx")))
        {
            folder = Path.GetDirectoryName(folder.TrimEnd('/')) ?? throw new InvalidOperationException("the tests run outside the repository");
        }
        return Path.Combine(folder, "tests", "specs", name);
    }

    /// <summary>One row per file of a folder under tests/specs, by file name.</summary>
    public static TheoryData<string> Files(string folder, string pattern) =>
        [.. Directory.GetFiles(Folder(folder), pattern).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];
}
