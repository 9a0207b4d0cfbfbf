using System.Text.RegularExpressions;
using Postern.Conformance.Clients;
using Postern.Conformance.Gateways;
using Postern.Conformance.Peers;
using Postern.Demo.Issuer;
using Postern.Gateway;
using Postern.Gateway.Configuration;
using Postern.Tests;

namespace Postern.Conformance.Stdio;

/// <summary>Does what the page about servers over stdio says, with the files that it shows.</summary>
public sealed partial class LearnStdioPageTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("postern-learn-");
    private readonly string _page = File.ReadAllText(Path.Combine(Checkout.Root, "docs", "learn", "stdio.md"));

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    [Guarantee("G14")]
    public async Task The_files_and_commands_of_the_page_do_what_it_says()
    {
        foreach (Match file in Files().Matches(_page)) await File.WriteAllTextAsync(Path.Combine(_folder.FullName, file.Groups["name"].Value), file.Groups["text"].Value, Test);
        Assert.Equal(["policy.yaml", "postern.yaml"], _folder.GetFiles().Select(file => file.Name).Order(StringComparer.Ordinal));
        // What `npm install` of the page would bring is installed, pinned, for all tests.
        Assert.Contains($"npm install @modelcontextprotocol/server-memory@{Installed()}", _page, StringComparison.Ordinal);
        Directory.CreateSymbolicLink(Path.Combine(_folder.FullName, "node_modules"), Path.Combine(Checkout.Node, "node_modules"));

        var commands = Commands().Matches(_page).Select(command => command.Groups["line"].Value).ToArray();
        Assert.Equal(3, commands.Length);
        foreach (var command in commands.Where(command => !command.StartsWith("postern serve", StringComparison.Ordinal)))
        {
            var words = command.Split(' ').Skip(1).Select(word => word.EndsWith(".yaml", StringComparison.Ordinal) ? Path.Combine(_folder.FullName, word) : word);
            var run = await PosternProcess.RunAsync([.. words]);
            Assert.True(run.ExitCode == 0, $"`{command}`: {run.Out}{run.Error}");
        }

        await using var issuer = await DemoIssuer.StartAsync(new DemoIssuerOptions { DefaultAudience = TestGateway.Audience }, Test);
        await using var gateway = await ServeAsync(issuer);
        var url = gateway.Url + "/mcp/memory";
        var note = new { entities = new[] { new { name = "alices-note", entityType = "note", observations = new[] { "Friday" } } } };
        await using (var alice = await NodeAgent.ConnectAsync("v1", url, issuer.IssueToken("alice", client: "demo-agent"), "legacy", Test))
        {
            Assert.Equal(["create_entities", "read_graph"], (await alice.ListAsync(Test)).Order(StringComparer.Ordinal));
            Assert.False((await alice.CallAsync("create_entities", note, Test)).IsError);
            Assert.True((await alice.CallAsync("delete_entities", new { entityNames = new[] { "alices-note" } }, Test)).IsError);
        }
        await using var again = await NodeAgent.ConnectAsync("v2", url, issuer.IssueToken("alice", client: "demo-agent"), "auto", Test);
        Assert.Contains("alices-note", (await again.CallAsync("read_graph", new { }, Test)).Json, StringComparison.Ordinal);
        Assert.Single(Directory.GetFiles(Path.Combine(_folder.FullName, "state"), "memory.jsonl", SearchOption.AllDirectories));
    }

    /// <summary>What <c>postern serve --config postern.yaml</c> does, with the test's issuer and ports laid over the file by the environment.</summary>
    private async Task<GatewayHost> ServeAsync(DemoIssuer issuer)
    {
        var environment = new Dictionary<string, string>
        {
            ["POSTERN__LISTEN__URL"] = "http://127.0.0.1:0", ["POSTERN__LISTEN__MANAGEMENT"] = "none", ["POSTERN__ISSUERS__CORP__AUTHORITY"] = issuer.Issuer,
            ["POSTERN__ISSUERS__CORP__AUDIENCE"] = TestGateway.Audience, ["POSTERN__CONNECTIONS__MEMORY__STDIO__COMMAND"] = Checkout.NodeExecutable,
        };
        var loaded = ConfigurationLoader.Load(Path.Combine(_folder.FullName, "postern.yaml"), environment, ["mcp"]);
        Assert.True(loaded.Options is not null, string.Join('\n', loaded.Problems));
        return await GatewayHost.StartAsync(loaded.Options, cancellationToken: Test);
    }

    private static string Installed()
    {
        using var package = System.Text.Json.JsonDocument.Parse(File.ReadAllText(Checkout.Package("@modelcontextprotocol", "server-memory", "package.json")));
        return package.RootElement.GetProperty("version").GetString()!;
    }

    [GeneratedRegex(@"<!-- file: (?<name>\S+) -->\n```yaml\n(?<text>.*?)```", RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex Files();

    [GeneratedRegex(@"^(?<line>postern .*?)  +\S", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex Commands();
}
