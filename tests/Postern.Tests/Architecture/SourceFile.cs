using Postern.Tests.Gateway;

namespace Postern.Tests.Architecture;

/// <summary>One C# file of the product, as text.</summary>
/// <param name="Path">Relative to the repository, with forward slashes.</param>
/// <param name="Text">Everything in it, comments included.</param>
internal sealed record SourceFile(string Path, string Text)
{
    private static readonly string[] Generated = ["bin", "obj", "node_modules"];

    /// <summary>Every C# file below this folder of the repository, build output excepted.</summary>
    public static IReadOnlyList<SourceFile> Below(params string[] folder) => Read(Repository.PathOf(folder), "*.cs");

    /// <summary>Every file below this folder whose name fits, build output excepted.</summary>
    public static IReadOnlyList<SourceFile> Read(string folder, string pattern) =>
    [
        .. Directory.EnumerateFiles(folder, pattern, SearchOption.AllDirectories)
            .Select(file => (Full: file, Name: System.IO.Path.GetRelativePath(Repository.Root, file).Replace('\\', '/')))
            .Where(file => !file.Name.Split('/').Any(Generated.Contains))
            .Select(file => new SourceFile(file.Name, File.ReadAllText(file.Full)))
            .OrderBy(file => file.Path, StringComparer.Ordinal),
    ];

    /// <summary>The numbers of the lines that fit, as <c>path:line</c>.</summary>
    public IEnumerable<string> LinesWhere(Func<string, bool> fits) =>
        Text.Split('\n').Select((line, index) => (Line: line, Number: index + 1)).Where(each => fits(each.Line)).Select(each => $"{Path}:{each.Number}: {each.Line.Trim()}");
}
