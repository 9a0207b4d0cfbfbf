using System.Text.Json;
using Postern.Conformance.Peers;
using Postern.Demo;

namespace Postern.Conformance;

/// <summary><c>postern connections</c> as processes, against real servers over stdio and the demo shop over HTTP.</summary>
public sealed class ConnectionsTests : IAsyncLifetime
{
    private const string Configuration =
        """
        # what stands here stays
        issuers:
          corp: { authority: "https://login.example.com/" }   # ours

        connections:
          # the first
          first: { protocol: http, url: "http://127.0.0.1:9/" }

        policy: [policy.yaml]

        """;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("postern-connections-");
    private DemoStage _stage = null!;

    private string ConfigurationFile => Path.Combine(_folder.FullName, "postern.yaml");

    public async ValueTask InitializeAsync()
    {
        _stage = await DemoStage.StartAsync(new DemoOptions(), TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(ConfigurationFile, Configuration);
        await File.WriteAllTextAsync(Path.Combine(_folder.FullName, "policy.yaml"), "version: 1\nrules: []\n");
    }

    public async ValueTask DisposeAsync()
    {
        await _stage.DisposeAsync();
        Directory.Delete(_stage.Folder, recursive: true);
        _folder.Delete(recursive: true);
    }

    [Theory]
    [InlineData("everything", "server-everything")]
    [InlineData("files", "server-filesystem")]
    public async Task A_server_over_stdio_is_asked_added_and_drafted(string name, string server)
    {
        var run = await RunAsync("connections", "add", name, "--stdio", $"'{Checkout.NodeExecutable}' '{Checkout.Package("@modelcontextprotocol", server, "dist", "index.js")}'{(name == "files" ? $" '{_folder.FullName}'" : "")}", "--tags", "local,try");

        Assert.True(run.ExitCode == 0, run.Error + run.Out);
        await IsGoodAsync(name);
    }

    [Fact]
    public async Task The_shop_over_HTTP_is_asked_with_its_credential_added_and_drafted()
    {
        var run = await RunAsync("connections", "add", "shop", _stage.Shop.Url, "--credential-file", Path.Combine(_stage.Folder, "secrets", "shop"), "--for", "support", "--approvers", "on-call,user:carol");

        Assert.True(run.ExitCode == 0, run.Error + run.Out);
        Assert.DoesNotContain(await File.ReadAllTextAsync(Path.Combine(_stage.Folder, "secrets", "shop"), Test), run.Out + run.Error + await File.ReadAllTextAsync(ConfigurationFile, Test), StringComparison.Ordinal);
        await IsGoodAsync("shop");
    }

    [Fact]
    public async Task A_target_that_does_not_let_the_gateway_in_changes_nothing_and_is_explained()
    {
        var without = await RunAsync("connections", "add", "shop", _stage.Shop.Url);
        var elsewhere = await RunAsync("connections", "add", "shop", "http://127.0.0.1:9/mcp");
        var foreign = await RunAsync("connections", "add", "shop", _stage.Issuer.Issuer + "/jwks");

        Assert.Equal((8, 8, 8), (without.ExitCode, elsewhere.ExitCode, foreign.ExitCode));
        Assert.Contains("status 401; give it a credential", without.Error, StringComparison.Ordinal);
        Assert.Contains("ConnectionRefused; see that", elsewhere.Error, StringComparison.Ordinal);
        Assert.Contains("see that the URL's path is the MCP endpoint", foreign.Error, StringComparison.Ordinal);
        Assert.Equal(Configuration, await File.ReadAllTextAsync(ConfigurationFile, Test));
        Assert.Equal(["policy.yaml", "postern.yaml"], _folder.GetFiles().Select(file => file.Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_dry_run_shows_both_files_and_writes_neither()
    {
        var run = await RunAsync("connections", "add", "api", "http://127.0.0.1:9/", "--protocol", "http", "--offline", "--dry-run");

        Assert.Equal(0, run.ExitCode);
        Assert.Contains("+  api:\n+    protocol: http\n", run.Out, StringComparison.Ordinal);
        Assert.Contains("+  - id: api-reads\n", run.Out, StringComparison.Ordinal);
        Assert.Equal(Configuration, await File.ReadAllTextAsync(ConfigurationFile, Test));
        Assert.False(File.Exists(Path.Combine(_folder.FullName, "policy-api.yaml")));
    }

    [Theory]
    [InlineData("http", "http://127.0.0.1:9/")]
    [InlineData("kubernetes", "https://127.0.0.1:9/")]
    [InlineData("postgres", "postgresql://127.0.0.1:9/shop")]
    [InlineData("mcp", "http://127.0.0.1:9/mcp")]
    public async Task The_draft_for_every_protocol_loads_and_its_tests_pass(string protocol, string url)
    {
        if (protocol == "postgres") await File.WriteAllTextAsync(ConfigurationFile, "listen: { postgres: { tls: optional } }\n" + Configuration, Test);
        var run = await RunAsync(["connections", "add", "target", url, "--protocol", protocol, "--offline", .. protocol == "postgres" ? ["--user", "app"] : Array.Empty<string>()]);

        Assert.True(run.ExitCode == 0, run.Error + run.Out);
        var test = await PosternProcess.RunAsync("policy", "test", Path.Combine(_folder.FullName, "policy-target.yaml"), "--config", ConfigurationFile);
        Assert.True(test.ExitCode == 0, test.Error + test.Out);
    }

    [Fact]
    public async Task What_a_person_may_call_is_told_by_the_gateway_and_nothing_else()
    {
        var alice = await AsAsync("alice", "connections", "tools", "shop", "-o", "json");
        var stranger = await AsAsync("carol", "connections", "tools", "shop");
        var shown = await AsAsync("alice", "connections", "show", "shop", "-o", "json");
        var absent = await AsAsync("alice", "connections", "show", "shopp");

        Assert.Equal((0, ""), (alice.ExitCode, alice.Error));
        Assert.Equal(
            ["get_customer always", "get_order always", "list_orders always", "refund sometimes"],
            JsonDocument.Parse(alice.Out).RootElement.EnumerateArray().Select(tool => $"{tool.GetProperty("name").GetString()} {tool.GetProperty("may").GetString()}"));
        Assert.Equal(7, stranger.ExitCode);
        Assert.Equal(0, shown.ExitCode);
        Assert.Equal(["get_customer", "get_order", "list_orders", "refund"], JsonDocument.Parse(shown.Out).RootElement.GetProperty("tools").EnumerateArray().Select(tool => tool.GetString()));
        Assert.Equal(7, absent.ExitCode);
        Assert.Contains("did you mean `shop`?", absent.Error, StringComparison.Ordinal);
    }

    /// <summary>The file is the old one and the entry; the draft is the golden one, loads with what was there, and passes; nothing of it is in force.</summary>
    private async Task IsGoodAsync(string name)
    {
        var after = await File.ReadAllTextAsync(ConfigurationFile, Test);
        var at = after.IndexOf($"  {name}:\n", StringComparison.Ordinal);
        Assert.Equal(Configuration, after[..at] + after[after.IndexOf("\npolicy:", StringComparison.Ordinal)..]);
        var draft = Path.Combine(_folder.FullName, $"policy-{name}.yaml");
        var golden = Path.Combine(Checkout.Root, "tests", "specs", "setup", $"policy-{name}.yaml");
        if (Environment.GetEnvironmentVariable("POSTERN_UPDATE_GENERATED") is not null) File.Copy(draft, golden, overwrite: true);
        Assert.Equal(await File.ReadAllTextAsync(golden, Test), await File.ReadAllTextAsync(draft, Test));
        var check = await PosternProcess.RunAsync("policy", "check", "--strict", Path.Combine(_folder.FullName, "policy.yaml"), draft, "--config", ConfigurationFile);
        Assert.True(check.ExitCode == 0, check.Error + check.Out);
        var test = await PosternProcess.RunAsync("policy", "test", draft, "--config", ConfigurationFile);
        Assert.True(test.ExitCode == 0, test.Error + test.Out);
        Assert.Contains("policy: [policy.yaml]", after, StringComparison.Ordinal);
    }

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    private Task<PosternRun> RunAsync(params string[] arguments) => PosternProcess.RunAsync([.. arguments, "--config", ConfigurationFile]);

    private Task<PosternRun> AsAsync(string person, params string[] arguments) => PosternProcess.RunAsync(
        "dotnet", [PosternProcess.Library, .. arguments, "--gateway", _stage.Gateway.Url], new Dictionary<string, string?>(StringComparer.Ordinal) { ["POSTERN_TOKEN"] = _stage.Issuer.IssueToken(person) });
}
