using System.Text.Json;
using Postern.Conformance.Peers;

namespace Postern.Conformance.Suite;

/// <summary>One check of the official suite.</summary>
/// <param name="Scenario">The scenario.</param>
/// <param name="Id">The check.</param>
/// <param name="Occurrence">0 for the first of that id in the scenario, and so on.</param>
/// <param name="Status">What became of it.</param>
/// <param name="Message">Why it failed; not compared.</param>
internal sealed record SuiteCheck(string Scenario, string Id, int Occurrence, string Status, string? Message)
{
    /// <summary>True when the suite counts it against the server.</summary>
    public bool HasFailed => Status is "FAILURE" or "WARNING";

    public override string ToString() => $"{Scenario} · {Id} #{Occurrence}: {Status} {Message}";
}

/// <summary>Runs the official conformance suite against one server, and reads what it found.</summary>
internal static class SuiteRun
{
    /// <summary>Every check of the frozen requirement set of one revision, scenario by scenario.</summary>
    public static async Task<IReadOnlyList<SuiteCheck>> AgainstAsync(string url, string revision, CancellationToken cancellationToken)
    {
        var folder = Directory.CreateTempSubdirectory("postern-suite-");
        try
        {
            await using var suite = Child.Start(
                Checkout.NodeExecutable,
                [Checkout.Package("@modelcontextprotocol", "conformance", "dist", "index.js"), "server", "--url", url, "--requirements", revision, "-o", folder.FullName]);
            await suite.ReadToEndAsync(cancellationToken);

            // The exit code says whether the server conforms in everything; the checks say in what.
            var checks = folder.EnumerateDirectories("server-*").OrderBy(each => each.Name, StringComparer.Ordinal).SelectMany(Read).ToArray();
            return checks.Length > 0 ? checks : throw new InvalidOperationException($"the suite wrote no checks: {suite.Errors}");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static IEnumerable<SuiteCheck> Read(DirectoryInfo folder)
    {
        // `server-` SCENARIO `-2026-11-21T12-16-04-495Z`
        const int stampLength = 25;
        var scenario = folder.Name["server-".Length..^stampLength];
        using var document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder.FullName, "checks.json")));
        var seen = new Dictionary<string, int>(StringComparer.Ordinal);
        var checks = new List<SuiteCheck>();
        foreach (var check in document.RootElement.EnumerateArray())
        {
            var id = check.GetProperty("id").GetString()!;
            var occurrence = seen[id] = seen.GetValueOrDefault(id, -1) + 1;
            var message = check.TryGetProperty("errorMessage", out var why) ? why.GetString() : null;
            checks.Add(new SuiteCheck(scenario, id, occurrence, check.GetProperty("status").GetString()!, message));
        }
        return checks;
    }
}
