using System.Text.Json;
using Postern.Conformance.Peers;

namespace Postern.Conformance.Clients;

/// <summary>The official Inspector on the command line: one method a run.</summary>
internal static class Inspector
{
    /// <summary>Runs one method against a server; returns the exit code and what it printed.</summary>
    public static async Task<(int ExitCode, string Output, string Errors)> RunAsync(string url, string token, string era, IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        var home = Directory.CreateTempSubdirectory("postern-inspector-");
        try
        {
            string[] all =
            [
                Checkout.Package("@modelcontextprotocol", "inspector", "clients", "launcher", "build", "index.js"), "--cli", url, "--transport", "http",
                "--header", $"Authorization: Bearer {token}", "--protocol-era", era, "--format", "json", .. arguments,
            ];
            await using var child = Child.Start(Checkout.NodeExecutable, all, new Dictionary<string, string> { ["HOME"] = home.FullName, ["MCP_CATALOG_PATH"] = Path.Combine(home.FullName, "catalog.json") });
            var output = await child.ReadToEndAsync(cancellationToken);
            return (await child.WaitAsync(cancellationToken), output, child.Errors);
        }
        finally
        {
            home.Delete(recursive: true);
        }
    }

    /// <summary>The same for a run that must succeed, as JSON.</summary>
    public static async Task<JsonElement> AskAsync(string url, string token, string era, IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        var (code, output, errors) = await RunAsync(url, token, era, arguments, cancellationToken);
        Assert.True(code == 0, $"exit {code}: {output}{errors}");
        return JsonDocument.Parse(output).RootElement;
    }
}
