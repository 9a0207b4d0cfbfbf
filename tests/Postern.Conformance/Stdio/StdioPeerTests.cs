using System.Runtime.InteropServices;
using Postern.Conformance.Clients;
using Postern.Conformance.Gateways;
using Postern.Conformance.Peers;
using Postern.Gateway.Configuration;
using Postern.Tests;

namespace Postern.Conformance.Stdio;

/// <summary>The servers over stdio that people run, unchanged, behind Postern; and the clients that people use before it.</summary>
public sealed class StdioPeerTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("postern-peer-");

    private static string KubernetesServer { get; } = $"kubernetes-mcp-server-linux-{(RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? "arm64" : "amd64")}";

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData("v1", "legacy")]
    [InlineData("v2", "legacy")]
    [InlineData("v2", "auto")]
    public async Task Server_everything_serves_the_official_clients(string client, string era)
    {
        await using var gateway = await StartAsync(Node("server-everything", "stdio"), Allow("echo, get-sum"));
        await using var agent = await NodeAgent.ConnectAsync(client, gateway.ConnectionUrl, gateway.Token("alice"), era, Test);

        Assert.Equal(["echo", "get-sum"], (await agent.ListAsync(Test)).Order(StringComparer.Ordinal));
        Assert.Equal("Echo: over stdio", (await agent.CallAsync("echo", new { message = "over stdio" }, Test)).Text);
        Assert.Contains("5", (await agent.CallAsync("get-sum", new { a = 2, b = 3 }, Test)).Text, StringComparison.Ordinal);
        Assert.True((await agent.CallAsync("get-env", new { }, Test)).IsError);
    }

    [Fact]
    [Guarantee("G12")]
    public async Task Server_everything_tells_its_environment_and_nothing_of_the_gateway_is_in_it()
    {
        Environment.SetEnvironmentVariable("STDIO_PEER_CANARY", "peer-canary");
        await using var gateway = await StartAsync(Node("server-everything", "stdio"), Allow("get-env"));
        await using var agent = await SdkAgent.ConnectAsync(gateway.ConnectionUrl, gateway.Token("alice"), Test);

        var environment = (await agent.CallAsync("get-env", new { }, Test)).Text;

        Assert.Contains("PATH", environment, StringComparison.Ordinal);
        Assert.DoesNotContain("peer-canary", environment, StringComparison.Ordinal);
        Assert.DoesNotContain("POSTERN", environment, StringComparison.Ordinal);
    }

    [Fact]
    [Row("P19")]
    public async Task Server_filesystem_reads_what_policy_allows_and_nothing_else()
    {
        await File.WriteAllTextAsync(Path.Combine(_folder.FullName, "customers.csv"), "Ada,ada@example.com\n", Test);
        const string Policy = """
            version: 1
            rules:
              - id: support-reads
                who:  { groups: [support] }
                on:   { connection: target, tools: [read_text_file, list_directory] }
                then: allow
            masks:
              - id: emails
                on: { connection: target }
                detect: [email]
                as: redact
            """;
        await using var gateway = await StartAsync(Node("server-filesystem", _folder.FullName), Policy);
        await using var agent = await SdkAgent.ConnectAsync(gateway.ConnectionUrl, gateway.Token("alice"), Test);

        Assert.Equal(["list_directory", "read_text_file"], (await agent.ListAsync(Test)).Order(StringComparer.Ordinal));
        var read = await agent.CallAsync("read_text_file", new { path = Path.Combine(_folder.FullName, "customers.csv") }, Test);
        Assert.Contains("Ada,[masked:emails]", read.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("ada@example.com", read.Json, StringComparison.Ordinal);
        Assert.True((await agent.CallAsync("read_text_file", new { path = "/etc/hostname" }, Test)).IsError);
        Assert.True((await agent.CallAsync("write_file", new { path = Path.Combine(_folder.FullName, "new"), content = "x" }, Test)).IsError);
        Assert.False(File.Exists(Path.Combine(_folder.FullName, "new")));
    }

    [Fact]
    [Guarantee("G14")]
    [Row("P23")]
    public async Task Server_memory_keeps_the_memories_of_two_people_apart_and_remembers_across_sessions()
    {
        var stdio = Node("server-memory");
        await using var gateway = await StartAsync(stdio, Allow("create_entities, read_graph", "support, on-call"));
        var secret = new { entities = new[] { new { name = "alice-secret", entityType = "note", observations = new[] { "the launch is on Friday" } } } };
        await using (var alice = await NodeAgent.ConnectAsync("v1", gateway.ConnectionUrl, gateway.Token("alice"), "legacy", Test))
        {
            Assert.False((await alice.CallAsync("create_entities", secret, Test)).IsError);
        }
        await using var bob = await NodeAgent.ConnectAsync("v1", gateway.ConnectionUrl, gateway.Token("bob"), "legacy", Test);
        await using var again = await NodeAgent.ConnectAsync("v2", gateway.ConnectionUrl, gateway.Token("alice"), "auto", Test);

        Assert.DoesNotContain("alice-secret", (await bob.CallAsync("read_graph", new { }, Test)).Json, StringComparison.Ordinal);
        Assert.Contains("alice-secret", (await again.CallAsync("read_graph", new { }, Test)).Json, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("v1", "legacy")]
    [InlineData("v2", "auto")]
    public async Task Kubernetes_mcp_server_serves_both_eras_though_one_process_of_it_serves_one(string client, string era)
    {
        var stdio = Kubernetes(await KubeconfigAsync());
        await using var gateway = await StartAsync(stdio, Allow("configuration_view, pods_list"));
        await using var agent = await NodeAgent.ConnectAsync(client, gateway.ConnectionUrl, gateway.Token("alice"), era, Test);

        Assert.Equal(["configuration_view", "pods_list"], (await agent.ListAsync(Test)).Order(StringComparer.Ordinal));
        Assert.Contains("dead", (await agent.CallAsync("configuration_view", new { }, Test)).Text, StringComparison.Ordinal);
        var pods = await agent.CallAsync("pods_list", new { }, Test);
        Assert.True(pods.IsError);
        Assert.Contains("127.0.0.1:9", pods.Text, StringComparison.Ordinal);
    }

    [Fact]
    [Row("P24")]
    public async Task A_list_that_the_server_calls_public_is_private_to_whoever_it_was_filtered_for()
    {
        await using var bed = await StdioBed.StartAsync(Kubernetes(await KubeconfigAsync()), policy: Allow("pods_list"));

        var listed = (await bed.StandaloneAsync("tools/list")).Last.GetProperty("result");

        Assert.Equal("private", listed.GetProperty("cacheScope").GetString());
        Assert.Equal("pods_list", Assert.Single(listed.GetProperty("tools").EnumerateArray()).GetProperty("name").GetString());
    }

    [Fact]
    public async Task Server_postgres_answers_from_a_database_and_its_answers_are_masked()
    {
        await using var database = await NodeServer.StartPostgresAsync(Test);
        const string Policy = """
            version: 1
            rules:
              - id: support-reads
                who:  { groups: [support] }
                on:   { connection: target, tools: [query] }
                then: allow
            masks:
              - id: emails
                on: { connection: target }
                detect: [email]
                as: redact
            """;
        await using var gateway = await StartAsync(Node("server-postgres", $"postgresql://postgres:postgres@127.0.0.1:{new Uri(database.Url).Port}/postgres"), Policy);
        await using var agent = await NodeAgent.ConnectAsync("v1", gateway.ConnectionUrl, gateway.Token("alice"), "legacy", Test);

        var rows = await agent.CallAsync("query", new { sql = "select name, email from customers order by id" }, Test);
        var write = await agent.CallAsync("query", new { sql = "insert into customers values (3, 'x', 'y')" }, Test);

        Assert.Contains("Grace", rows.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("grace@example.com", rows.Json, StringComparison.Ordinal);
        Assert.Contains("[masked:emails]", rows.Text, StringComparison.Ordinal);
        Assert.True(write.IsError);
    }

    [Theory]
    [InlineData("legacy")]
    [InlineData("auto")]
    public async Task The_inspector_lists_and_calls(string era)
    {
        await using var gateway = await StartAsync(Node("server-everything", "stdio"), Allow("echo"));

        var listed = await Inspector.AskAsync(gateway.ConnectionUrl, gateway.Token("alice"), era, ["--method", "tools/list"], Test);
        var called = await Inspector.AskAsync(gateway.ConnectionUrl, gateway.Token("alice"), era, ["--method", "tools/call", "--tool-name", "echo", "--tool-arg", "message=hello"], Test);

        Assert.Contains("\"echo\"", listed.GetRawText(), StringComparison.Ordinal);
        Assert.DoesNotContain("get-env", listed.GetRawText(), StringComparison.Ordinal);
        Assert.Contains("Echo: hello", called.GetRawText(), StringComparison.Ordinal);
    }

    private static string Allow(string tools, string groups = "support") => $$"""
        version: 1
        rules:
          - id: people-call
            who:  { groups: [{{groups}}] }
            on:   { connection: target, tools: [{{tools}}] }
            then: allow
        """;

    private async Task<string> KubeconfigAsync()
    {
        var kubeconfig = Path.Combine(_folder.FullName, "kubeconfig");
        await File.WriteAllTextAsync(
            kubeconfig,
            """
            apiVersion: v1
            kind: Config
            clusters: [{ name: dead, cluster: { server: "https://127.0.0.1:9" } }]
            users: [{ name: nobody, user: { token: none } }]
            contexts: [{ name: dead, context: { cluster: dead, user: nobody } }]
            current-context: dead
            """,
            Test);
        return kubeconfig;
    }

    private StdioOptions Kubernetes(string kubeconfig) => new()
    {
        Command = Checkout.Package(KubernetesServer, "bin", KubernetesServer), Arguments = ["--kubeconfig", kubeconfig], Folder = _folder.FullName,
    };

    private StdioOptions Node(string server, params string[] arguments) => new()
    {
        Command = Checkout.NodeExecutable,
        Arguments = [Checkout.Package("@modelcontextprotocol", server, "dist", "index.js"), .. arguments],
        Folder = _folder.FullName,
        State = Path.Combine(_folder.FullName, "state"),
        Environment = [new("MEMORY_FILE_PATH", "{state}/memory.jsonl")],
    };

    private static Task<TestGateway> StartAsync(StdioOptions stdio, string policy) =>
        TestGateway.StartAsync(new ConnectionOptions { Name = TestGateway.Connection, Protocol = "mcp", Stdio = stdio }, policy, Test);
}
