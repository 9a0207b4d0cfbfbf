namespace Postern.Tests.Gateway;

/// <summary>Finds checked-in files from wherever the tests run.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot();

    public static string PathOf(params string[] parts) => Path.Combine([Root, .. parts]);

    /// <summary>
    /// Holds a generated file against the checked-in one. With <c>POSTERN_UPDATE_GENERATED=1</c> it writes the file instead.
    /// </summary>
    public static void AssertGenerated(string path, string expected)
    {
        if (Environment.GetEnvironmentVariable("POSTERN_UPDATE_GENERATED") == "1") File.WriteAllText(path, expected);
        Assert.True(File.Exists(path) && File.ReadAllText(path) == expected, $"{Path.GetRelativePath(Root, path)} has drifted; run this test with POSTERN_UPDATE_GENERATED=1 and review the change");
    }

    private static string FindRoot()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Postern.slnx"))) folder = Path.GetDirectoryName(folder.TrimEnd('/')) ?? throw new InvalidOperationException("the tests run outside the repository");
        return folder;
    }
}
