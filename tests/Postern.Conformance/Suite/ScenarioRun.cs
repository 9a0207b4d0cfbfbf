using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.RegularExpressions;
using Postern.Conformance.Peers;
using Postern.Tests;

namespace Postern.Conformance.Suite;

/// <summary>Runs client scenarios of the official suite with our scripted client, and lists them.</summary>
internal static partial class ScenarioRun
{
    private static string Suite => Checkout.Package("@modelcontextprotocol", "conformance", "dist", "index.js");

    /// <summary>
    /// Which checks there were and what became of each. In no order and not counted, because the gateway reads what a server
    /// defines before the client comes, and is looked at by the same checks.
    /// </summary>
    public static async Task<string[]> ChecksAsync(string scenario, string revision, IReadOnlyDictionary<string, string> environment, CancellationToken cancellationToken)
    {
        var folder = Directory.CreateTempSubdirectory("postern-scenario-");
        try
        {
            var loopback = new Uri(Path.Combine(Checkout.Node, "loopback-now.mjs")).AbsoluteUri;
            string[] which = revision == SuiteScope.Extension ? [] : ["--spec-version", revision];
            await using var suite = Child.Start(
                Checkout.NodeExecutable,
                [
                    "--import", loopback, Suite, "client",
                    "--command", $"{Checkout.NodeExecutable} --import {loopback} {Path.Combine(Checkout.Node, "clients", "scenario.mjs")}",
                    "--scenario", scenario, .. which, "--timeout", "60000", "-o", folder.FullName,
                ],
                environment);
            var said = await suite.ReadToEndAsync(cancellationToken);
            var file = folder.EnumerateFiles("checks.json", SearchOption.AllDirectories).SingleOrDefault() ?? throw new InvalidOperationException($"the suite wrote no checks: {said}{suite.Errors}");
            using var checks = JsonDocument.Parse(await File.ReadAllBytesAsync(file.FullName, cancellationToken));
            return
            [
                .. checks.RootElement.EnumerateArray().Where(check => check.GetProperty("status").GetString() != "INFO")
                    .Select(check => $"{check.GetProperty("id").GetString()} {check.GetProperty("name").GetString()}: {check.GetProperty("status").GetString()}").Distinct().Order(StringComparer.Ordinal),
            ];
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>Every client scenario that the installed suite has, with what it is part of: revisions, or <c>extension</c>.</summary>
    public static async Task<IReadOnlyDictionary<string, string[]>> ListAsync(CancellationToken cancellationToken)
    {
        await using var suite = Child.Start(Checkout.NodeExecutable, [Suite, "list", "--client"]);
        var said = await suite.ReadToEndAsync(cancellationToken);
        return Line().Matches(said).ToDictionary(line => line.Groups["name"].Value, line => line.Groups["of"].Value.Split(','), StringComparer.Ordinal);
    }

    [GeneratedRegex(@"^ +- (?<name>\S+) \[(?<of>[^\]]+)\]\s*$", RegexOptions.ExplicitCapture | RegexOptions.Multiline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Line();
}
