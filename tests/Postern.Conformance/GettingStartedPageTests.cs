using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Postern.Conformance.Clients;
using Postern.Conformance.Peers;
using Postern.Tests;

namespace Postern.Conformance;

/// <summary>Does what the first page says, command by command, from an empty folder to a person who sees what they may call.</summary>
public sealed partial class GettingStartedPageTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("postern-start-");
    private readonly string _page = File.ReadAllText(Path.Combine(Checkout.Root, "docs", "learn", "getting-started.md"));
    private readonly int _issuer = FreePort.Take();
    private readonly int _gateway = FreePort.Take();
    private readonly int _management = FreePort.Take();

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task The_commands_of_the_page_lead_from_nothing_to_a_person_who_works()
    {
        Assert.Contains($"npm install @modelcontextprotocol/server-filesystem@{Installed()}", _page, StringComparison.Ordinal);
        Directory.CreateSymbolicLink(Path.Combine(_folder.FullName, "node_modules"), Path.Combine(Checkout.Node, "node_modules"));
        Directory.CreateDirectory(Path.Combine(_folder.FullName, "notes"));
        var serving = new List<Process>();
        var said = new Dictionary<string, string>(StringComparer.Ordinal);
        try
        {
            foreach (Match block in Blocks().Matches(_page))
            {
                var commands = block.Groups["lines"].Value.TrimEnd('\n').Split('\n').Select(line => line.Split("  ")[0]).ToArray();
                foreach (var command in commands)
                {
                    Assert.StartsWith("postern ", command, StringComparison.Ordinal);
                    switch (block.Groups["kind"].Value)
                    {
                        case "serve":
                            serving.Add(await ServeAsync(command));
                            break;
                        case "login":
                            await LogInAsync(command);
                            break;
                        default:
                            var run = await PosternAsync(command);
                            Assert.True(run.ExitCode == 0, $"`{command}` gave {run.ExitCode}: {run.Out}{run.Error}");
                            said[command] = run.Out;
                            break;
                    }
                }
            }
        }
        finally
        {
            foreach (var process in serving)
            {
                process.Kill(entireProcessTree: true);
                await process.WaitForExitAsync(CancellationToken.None);
                process.Dispose();
            }
        }

        Assert.DoesNotContain("PROBLEM", said["postern doctor"], StringComparison.Ordinal);
        Assert.Contains("running: the gateway is ready", said["postern doctor"], StringComparison.Ordinal);
        Assert.Contains("demo:alice", said["postern whoami"], StringComparison.Ordinal);
        Assert.Matches("(?m)^read_text_file +yes", said["postern connections tools files"]);
        Assert.Matches("(?m)^write_file +with some arguments, or once people agree", said["postern connections tools files"]);
        Assert.Contains("api: reading is free", said["postern policy test policy.yaml policy-api.yaml"], StringComparison.Ordinal);
        Assert.Equal(["policy-api.yaml", "policy.yaml", "postern.yaml"], _folder.GetFiles("*.yaml").Select(file => file.Name).Order(StringComparer.Ordinal));
    }

    /// <summary>The page's ports are the usual ones; the test's are free ones, and lie over the file by the environment.</summary>
    private Dictionary<string, string?> Surroundings => new(StringComparer.Ordinal)
    {
        ["POSTERN__LISTEN__URL"] = $"http://127.0.0.1:{_gateway}",
        ["POSTERN__LISTEN__MANAGEMENT"] = $"http://127.0.0.1:{_management}",
        ["POSTERN__ISSUERS__DEMO__AUTHORITY"] = $"http://127.0.0.1:{_issuer}",
        ["POSTERN_GATEWAY"] = $"http://127.0.0.1:{_gateway}",
        ["XDG_STATE_HOME"] = Path.Combine(_folder.FullName, "state"),
        ["PATH"] = $"{Path.GetDirectoryName(Checkout.NodeExecutable)}:{Environment.GetEnvironmentVariable("PATH")}",
        ["DISPLAY"] = null,
        ["WAYLAND_DISPLAY"] = null,
        ["POSTERN_TOKEN"] = null,
    };

    private async Task<Process> ServeAsync(string command)
    {
        var process = Process.Start(StartOf([.. Words(command), .. command == "postern demo issuer" ? (string[])["--port", $"{_issuer}", "--audience", $"http://127.0.0.1:{_gateway}"] : []]))!;
        process.StandardInput.Close();
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Test);
        patience.CancelAfter(TimeSpan.FromMinutes(1));
        var said = new List<string>();
        while (await process.StandardError.ReadLineAsync(patience.Token) is { } line)
        {
            said.Add(line);
            if (line.Contains("serves at", StringComparison.Ordinal)) break;
        }
        Assert.True(said.Count > 0 && said[^1].Contains("serves at", StringComparison.Ordinal), $"`{command}` ended: {string.Join('\n', said)}");
        // What it says later must not fill the pipe.
        _ = process.StandardError.ReadToEndAsync(CancellationToken.None);
        _ = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        return process;
    }

    private async Task LogInAsync(string command)
    {
        var login = await PosternProcess.RunAsync(Words(command), Surroundings, async line =>
        {
            if (Regex.Match(line, "go to ([^ ]+) on any device and enter ([A-Z]{4}-[A-Z]{4})", RegexOptions.NonBacktracking) is not { Success: true } told) return;
            using var browser = new Browser();
            var page = await browser.OpenAsync(told.Groups[1].Value, Test);
            page = await browser.PressAsync(page, null, null, new Dictionary<string, string> { ["user_code"] = told.Groups[2].Value }, Test);
            await browser.PressAsync(page, "persona", "alice", cancellationToken: Test);
        });
        Assert.True(login.ExitCode == 0, login.Error);
    }

    private async Task<PosternRun> PosternAsync(string command)
    {
        using var process = Process.Start(StartOf(Words(command)))!;
        process.StandardInput.Close();
        var (output, error) = (process.StandardOutput.ReadToEndAsync(Test), process.StandardError.ReadToEndAsync(Test));
        await process.WaitForExitAsync(Test);
        return new PosternRun(process.ExitCode, await output, await error);
    }

    private ProcessStartInfo StartOf(IEnumerable<string> words)
    {
        var start = new ProcessStartInfo("dotnet") { WorkingDirectory = _folder.FullName, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true, UseShellExecute = false };
        foreach (var word in (string[])[PosternProcess.Library, .. words]) start.ArgumentList.Add(word);
        foreach (var (name, value) in Surroundings)
        {
            if (value is null) start.Environment.Remove(name);
            else start.Environment[name] = value;
        }
        return start;
    }

    private static string[] Words(string command) => [.. Word().Matches(command).Skip(1).Select(word => word.Value.Trim('"'))];

    private static string Installed()
    {
        using var package = System.Text.Json.JsonDocument.Parse(File.ReadAllText(Checkout.Package("@modelcontextprotocol", "server-filesystem", "package.json")));
        return package.RootElement.GetProperty("version").GetString()!;
    }

    [GeneratedRegex(@"<!-- (?<kind>run|serve|login) -->\n```\n(?<lines>[^`]*)```", RegexOptions.ExplicitCapture)]
    private static partial Regex Blocks();

    [GeneratedRegex("\"[^\"]*\"|[^ ]+")]
    private static partial Regex Word();
}
