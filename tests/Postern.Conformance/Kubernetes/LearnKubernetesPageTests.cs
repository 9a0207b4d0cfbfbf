using System.Diagnostics;
using System.Text.RegularExpressions;
using Postern.Conformance.Clients;
using Postern.Conformance.Peers;
using Postern.Demo.Issuer;
using Postern.Gateway;
using Postern.Gateway.Configuration;
using Postern.Tests;

namespace Postern.Conformance.Kubernetes;

/// <summary>Does what the page about Kubernetes says, with the files that it shows, as a person at a command line.</summary>
public sealed partial class LearnKubernetesPageTests(SharedApiServer shared) : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("postern-learn-");
    private readonly string _page = File.ReadAllText(Path.Combine(Checkout.Root, "docs", "learn", "kubernetes.md"));

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    [Row("K13")]
    public async Task The_files_and_commands_of_the_page_do_what_it_says()
    {
        var server = await shared.StartedAsync();
        foreach (Match file in Files().Matches(_page)) await File.WriteAllTextAsync(Path.Combine(_folder.FullName, file.Groups["name"].Value), file.Groups["text"].Value, Test);
        File.Copy(server.Authority, Path.Combine(_folder.FullName, "cluster-ca.pem"));
        await File.WriteAllTextAsync(Path.Combine(_folder.FullName, "cluster-credential"), $"Bearer {server.Tokens["admin"]}", Test);
        await server.CreateAsync("/api/v1/namespaces", """{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"payments"}}""", Test);
        await server.CreateAsync("/api/v1/namespaces/payments/secrets", """{"apiVersion":"v1","kind":"Secret","metadata":{"name":"planted"},"stringData":{"password":"canary-1f77"}}""", Test);
        await server.CreateAsync("/api/v1/namespaces/payments/configmaps", """{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings"},"data":{"password":"canary-1f77","mode":"fast"}}""", Test);
        await server.CreateAsync("/api/v1/namespaces/payments/configmaps", """{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"old"}}""", Test);

        var commands = Commands().Matches(_page).Select(command => command.Groups["line"].Value).ToArray();
        Assert.Equal(9, commands.Length);
        foreach (var command in commands.Where(command => command.StartsWith("postern policy", StringComparison.Ordinal)))
        {
            var words = command.Split(' ').Skip(1).Select(word => word.EndsWith(".yaml", StringComparison.Ordinal) ? Path.Combine(_folder.FullName, word) : word);
            var run = await PosternProcess.RunAsync([.. words]);
            Assert.True(run.ExitCode == 0, $"`{command}`: {run.Out}{run.Error}");
        }

        var url = $"http://127.0.0.1:{FreePort.Take()}";
        await using var issuer = await DemoIssuer.StartAsync(new DemoIssuerOptions { DefaultAudience = url }, Test);
        await using var gateway = await ServeAsync(issuer, url);

        // Nobody is signed in and nobody is there: no page opens, nothing waits.
        var early = await PosternAsync("kube", "login", "prod", "--gateway", gateway.Url);
        Assert.Equal(3, early.ExitCode);
        Assert.Contains("postern login", early.Error, StringComparison.Ordinal);
        var clock = Stopwatch.StartNew();
        var token = await PosternAsync("kube", "token", "--gateway", gateway.Url);
        Assert.Equal(3, token.ExitCode);
        Assert.InRange(clock.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(20));
        Assert.Equal(7, (await PosternAsync("kube", "login", "other", "--gateway", gateway.Url)).ExitCode);

        var login = await PosternProcess.RunAsync(["login", "--browser", "--gateway", gateway.Url], Surroundings, async line =>
        {
            if (Regex.Match(line, "http://127[^ ]+/authorize[^ ]+", RegexOptions.NonBacktracking) is { Success: true } page) await PickAsync(page.Value, "alice");
        });
        Assert.True(login.ExitCode == 0, login.Error);
        var written = await PosternAsync("kube", "login", "prod", "--gateway", gateway.Url);
        Assert.True(written.ExitCode == 0, written.Error);
        Assert.Contains("postern-prod", written.Error, StringComparison.Ordinal);
        var kubeconfig = await File.ReadAllTextAsync(Path.Combine(_folder.FullName, "kubeconfig"), Test);
        Assert.Contains("current-context: postern-prod", kubeconfig, StringComparison.Ordinal);
        Assert.DoesNotContain("eyJ", kubeconfig, StringComparison.Ordinal);

        var runs = new Dictionary<string, PosternRun>();
        foreach (var command in commands.Where(command => command.StartsWith("kubectl", StringComparison.Ordinal)))
        {
            var run = KubectlAsync(command.Split(' ')[1..]);
            if (command.Contains("delete", StringComparison.Ordinal)) await ApprovalDeskVisit.AnswerNextAsync(gateway.Url, "bob", "approve", Test);
            runs[command.Split(' ')[3] + command.Split(' ')[4]] = await run;
        }
        Assert.Contains("planted", runs["getsecrets"].Out, StringComparison.Ordinal);
        Assert.Contains("[masked:settings]", runs["getconfigmap"].Out, StringComparison.Ordinal);
        Assert.Contains("mode: fast", runs["getconfigmap"].Out, StringComparison.Ordinal);
        Assert.Contains("Postern refused this on purpose", runs["getpods"].Error, StringComparison.Ordinal);
        Assert.True(runs["deleteconfigmap"].ExitCode == 0, runs["deleteconfigmap"].Error);
        Assert.All(runs.Values, run => Assert.DoesNotContain("canary", run.Out + run.Error, StringComparison.Ordinal));
    }

    private Dictionary<string, string?> Surroundings => new(StringComparer.Ordinal)
    {
        ["XDG_STATE_HOME"] = Path.Combine(_folder.FullName, "state"), ["HOME"] = _folder.FullName, ["KUBECONFIG"] = Path.Combine(_folder.FullName, "kubeconfig"), ["POSTERN_TOKEN"] = null,
        ["PATH"] = $"{ApiServer.Programs}:{Environment.GetEnvironmentVariable("PATH")}",
    };

    private Task<PosternRun> PosternAsync(params string[] arguments) => PosternProcess.RunAsync("dotnet", [PosternProcess.Library, .. arguments], Surroundings);

    private Task<PosternRun> KubectlAsync(string[] arguments) => PosternProcess.RunAsync(Path.Combine(ApiServer.Programs, "kubectl"), arguments, Surroundings);

    private static async Task PickAsync(string url, string person)
    {
        using var browser = new Browser();
        await browser.PressAsync(await browser.OpenAsync(url, Test), "persona", person, cancellationToken: Test);
    }

    /// <summary>What <c>postern serve --config postern.yaml</c> does, with the test's issuer, cluster and ports laid over the file by the environment.</summary>
    private async Task<GatewayHost> ServeAsync(DemoIssuer issuer, string url)
    {
        var server = await shared.StartedAsync();
        var environment = new Dictionary<string, string>
        {
            ["POSTERN__LISTEN__URL"] = url, ["POSTERN__LISTEN__MANAGEMENT"] = "none", ["POSTERN__LISTEN__KUBERNETES"] = "https://127.0.0.1:0",
            ["POSTERN__ISSUERS__CORP__AUTHORITY"] = issuer.Issuer, ["POSTERN__ISSUERS__CORP__CLIENTID"] = DemoClient.GatewayId, ["POSTERN__ISSUERS__CORP__CLIENTSECRET"] = DemoClient.GatewaySecret,
            ["POSTERN__CONNECTIONS__PROD__URL"] = server.Url, ["POSTERN__HOLDS__WAIT"] = "2s",
        };
        var loaded = ConfigurationLoader.Load(Path.Combine(_folder.FullName, "postern.yaml"), environment, ["kubernetes"]);
        Assert.True(loaded.Options is not null, string.Join('\n', loaded.Problems));
        return await GatewayHost.StartAsync(loaded.Options, cancellationToken: Test);
    }

    [GeneratedRegex(@"<!-- file: (?<name>\S+) -->\n```yaml\n(?<text>.*?)```", RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex Files();

    [GeneratedRegex(@"^(?<line>(postern|kubectl) .*?)  +\S", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex Commands();
}
