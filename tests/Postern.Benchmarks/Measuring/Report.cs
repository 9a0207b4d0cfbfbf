using System.Text.Json;

namespace Postern.Benchmarks.Measuring;

/// <summary>
/// Raw data goes to <c>docs/benchmarks/NAME.json</c>; its table replaces what stands between <c>&lt;!-- NAME --&gt;</c> and
/// <c>&lt;!-- /NAME --&gt;</c> in <c>docs/benchmarks.md</c>. What people wrote around it stays.
/// </summary>
internal static class Report
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

    /// <summary>The repository's root.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>Writes raw data and table.</summary>
    public static void Write(string name, object raw, IEnumerable<string> table)
    {
        var folder = Directory.CreateDirectory(Path.Combine(Root, "docs", "benchmarks")).FullName;
        File.WriteAllText(Path.Combine(folder, $"{name}.json"), JsonSerializer.Serialize(raw, Indented) + "\n");

        var page = Path.Combine(Root, "docs", "benchmarks.md");
        var text = File.ReadAllText(page);
        var open = $"<!-- {name} -->";
        var close = $"<!-- /{name} -->";
        var start = text.IndexOf(open, StringComparison.Ordinal);
        var end = text.IndexOf(close, StringComparison.Ordinal);
        if (start < 0 || end < start) throw new InvalidOperationException($"docs/benchmarks.md has no place for `{name}`; expected `{open}` and `{close}`");
        File.WriteAllText(page, text[..(start + open.Length)] + "\n" + string.Join('\n', table) + "\n" + text[end..]);
    }

    /// <summary>One line that says where the numbers come from.</summary>
    public static string Caption(Machine machine) =>
        $"Commit `{machine.Commit}`, {machine.At:yyyy-MM-dd HH:mm} UTC; {machine.Processor}, {machine.Cores} cores; {machine.Runtime}; {machine.System}; load before the run {machine.LoadBefore:0.0}.";

    private static string FindRoot()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Postern.slnx"))) folder = Path.GetDirectoryName(folder.TrimEnd('/')) ?? throw new InvalidOperationException("the benchmarks run outside the repository");
        return folder;
    }
}
