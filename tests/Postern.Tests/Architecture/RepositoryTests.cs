using System.Text.RegularExpressions;
using System.Xml.Linq;
using Postern.Tests.Gateway;

namespace Postern.Tests.Architecture;

/// <summary>What holds for every file and project of the repository.</summary>
public sealed partial class RepositoryTests
{
    private const int LongestFile = 500;

    private static readonly string[] TextFiles = ["*.cs", "*.csproj", "*.props", "*.mjs", "*.md", "*.yaml", "*.sh", "*.txt"];

    [Fact]
    public void Every_source_file_can_be_read_in_one_sitting()
    {
        var found = SourceFile.Below("src").Where(file => file.Text.Count(character => character == '\n') > LongestFile).Select(file => file.Path);

        Assert.Empty(found);
    }

    [Fact]
    public void Internals_are_visible_to_test_projects_alone()
    {
        var friends =
            from project in Projects("src")
            from friend in project.Document.Descendants("InternalsVisibleTo")
            select (project.Path, Friend: (string?)friend.Attribute("Include"));
        var attributes = SourceFile.Below("src").SelectMany(file => file.LinesWhere(line => line.Contains("InternalsVisibleTo", StringComparison.Ordinal)));

        Assert.Empty(friends.Where(each => each.Friend is not { } name || !Directory.Exists(Repository.PathOf("tests", name))));
        Assert.Empty(attributes);
    }

    [Fact]
    [Row("T06")]
    public void Every_package_has_one_exact_version_and_every_project_a_lock_file()
    {
        var versions = XDocument.Load(Repository.PathOf("Directory.Packages.props")).Descendants("PackageVersion").ToArray();
        var loose = versions.Where(each => !ExactVersion().IsMatch((string?)each.Attribute("Version") ?? string.Empty)).Select(each => each.ToString());
        var own = Projects(".").SelectMany(project => project.Document.Descendants("PackageReference").Where(each => each.Attribute("Version") is not null).Select(each => $"{project.Path}: {each}"));
        var unlocked = Projects(".").Where(project => IsBuilt(project.Path) && !File.Exists(Path.Combine(Path.GetDirectoryName(Repository.PathOf(project.Path))!, "packages.lock.json"))).Select(project => project.Path);

        Assert.NotEmpty(versions);
        Assert.Empty(loose);
        Assert.Empty(own);
        Assert.Empty(unlocked);
    }

    [Theory]
    [Row("T06")]
    [InlineData("node")]
    [InlineData("node", "kubernetes")]
    public void Every_node_package_is_pinned_by_hash_and_runs_no_script(params string[] folder)
    {
        var lockFile = System.Text.Json.JsonDocument.Parse(File.ReadAllText(Repository.PathOf(["tests", .. folder, "package-lock.json"]))).RootElement;
        var manifest = System.Text.Json.JsonDocument.Parse(File.ReadAllText(Repository.PathOf(["tests", .. folder, "package.json"]))).RootElement;

        foreach (var package in lockFile.GetProperty("packages").EnumerateObject().Where(package => package.Name.Length > 0))
        {
            Assert.True(package.Value.TryGetProperty("integrity", out _), $"`{package.Name}` has no hash");
            Assert.False(package.Value.TryGetProperty("resolved", out _), $"`{package.Name}` names a registry host");
        }
        foreach (var kind in new[] { "dependencies", "optionalDependencies" })
        {
            if (manifest.TryGetProperty(kind, out var packages)) Assert.All(packages.EnumerateObject(), package => Assert.Matches(@"^\d+\.\d+\.\d+[\w.-]*$", package.Value.GetString()));
        }
        var script = File.ReadAllText(Repository.PathOf("test.sh"));
        Assert.Contains("for peers in tests/node tests/node/kubernetes; do", script, StringComparison.Ordinal);
        Assert.Contains("npm ci --prefix $peers --ignore-scripts", script, StringComparison.Ordinal);
    }

    [Fact]
    public void No_file_names_a_place_on_somebodys_machine()
    {
        var found =
            from pattern in TextFiles
            from file in SourceFile.Read(Repository.Root, pattern)
            where !file.Path.StartsWith("artifacts/", StringComparison.Ordinal)
            from line in file.LinesWhere(MachinePath().IsMatch)
            select line;

        Assert.Empty(found);
    }

    [Fact]
    public void Every_test_names_rows_and_guarantees_that_exist()
    {
        var known = File.ReadLines(Repository.PathOf("tests", "specs", "guarantees.txt")).Select(line => line.Split(' ')[0]).ToHashSet(StringComparer.Ordinal);
        var named =
            from file in SourceFile.Below("tests")
            from Match match in Named().Matches(file.Text)
            select (file.Path, Id: match.Groups["id"].Value);

        Assert.Empty(named.Where(each => !known.Contains(each.Id)));
    }

    private static bool IsBuilt(string project) =>
        File.ReadAllText(Repository.PathOf("Postern.slnx")).Contains(project, StringComparison.Ordinal);

    private static IEnumerable<(string Path, XDocument Document)> Projects(string folder) =>
        SourceFile.Read(Repository.PathOf(folder), "*.csproj").Select(file => (file.Path, XDocument.Parse(file.Text)));

    [GeneratedRegex(@"^\[\d+(\.\d+){2,3}\]$", RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex ExactVersion();

    [GeneratedRegex(@"(^|[\s""'`(=])/(home|Users|root|work|tmp/(wt|npm))/\w", RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex MachinePath();

    [GeneratedRegex(@"\[(?:Row|Guarantee)\(""(?<id>[^""]*)""\)\]", RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex Named();
}
