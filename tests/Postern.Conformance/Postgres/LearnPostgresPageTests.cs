using System.Globalization;
using System.Text.RegularExpressions;
using Postern.Conformance.Gateways;
using Postern.Conformance.Peers;
using Postern.Demo.Issuer;
using Postern.Gateway;
using Postern.Gateway.Configuration;

namespace Postern.Conformance.Postgres;

/// <summary>Does what the page about PostgreSQL says, with the files that it shows, against a real server.</summary>
public sealed partial class LearnPostgresPageTests(SharedCluster shared) : IDisposable
{
    private const string Script = $"""
        CREATE TABLE customers (id int PRIMARY KEY, name text, email text);
        INSERT INTO customers VALUES (1, 'Ada', 'ada@example.com'), (2, 'Grace', 'grace@example.com');
        CREATE TABLE orders (id int PRIMARY KEY, note text);
        INSERT INTO orders VALUES (1, 'new'), (2, 'new');
        GRANT SELECT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {Cluster.App};
        """;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("postern-learn-");
    private readonly string _page = File.ReadAllText(Path.Combine(Checkout.Root, "docs", "learn", "postgres.md"));

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task The_files_and_commands_of_the_page_do_what_it_says()
    {
        var cluster = await shared.StartedAsync();
        var database = shared.NewName("learn");
        await cluster.CreateDatabaseAsync(database, Script, Test);
        foreach (Match file in Files().Matches(_page)) await File.WriteAllTextAsync(Path.Combine(_folder.FullName, file.Groups["name"].Value), file.Groups["text"].Value, Test);
        await File.WriteAllTextAsync(Path.Combine(_folder.FullName, "app.password"), cluster.Password, Test);
        foreach (var (from, to) in new[] { ("ca.pem", "ca.pem"), ("server.pem", "gateway.pem"), ("server.key", "gateway.key") }) File.Copy(Path.Combine(cluster.Folder, from), Path.Combine(_folder.FullName, to));

        var check = await PosternProcess.RunAsync("policy", "check", Path.Combine(_folder.FullName, "policy.yaml"), "--config", Path.Combine(_folder.FullName, "postern.yaml"));
        Assert.True(check.ExitCode == 0, check.Out + check.Error);
        Assert.Contains("\npostern policy check policy.yaml --config postern.yaml ", _page, StringComparison.Ordinal);

        await using var issuer = await DemoIssuer.StartAsync(new DemoIssuerOptions { DefaultAudience = TestGateway.Audience }, Test);
        await using var gateway = await ServeAsync(issuer, cluster.Port, database);
        var environment = new Dictionary<string, string?>(StringComparer.Ordinal)
        {
            ["PGHOST"] = "127.0.0.1", ["PGPORT"] = gateway.PostgresAddress!.Split(':')[^1], ["PGDATABASE"] = "shop", ["PGUSER"] = "alice", ["PGSSLMODE"] = "verify-full",
            ["PGSSLROOTCERT"] = Path.Combine(_folder.FullName, "ca.pem"), ["PGPASSWORD"] = issuer.IssueToken("alice", client: "demo-agent"), ["PSQLRC"] = "/dev/null",
        };
        var commands = Commands().Matches(_page);
        Assert.Equal(6, commands.Count);
        foreach (Match command in commands)
        {
            var run = await PosternProcess.RunAsync(Path.Combine(Cluster.Programs, "psql"), ["-X", "-c", command.Groups["sql"].Value], environment);
            var said = Plain(run.Error + run.Out);
            var expected = string.Join("(?s:.*)", Plain(command.Groups["shown"].Value).Split('…').Select(Regex.Escape));
            Assert.True(Regex.IsMatch(said, $"^{expected}$", RegexOptions.None, TimeSpan.FromSeconds(5)), $"`{command.Groups["sql"].Value}` shows\n{run.Error}{run.Out}");
        }
        Assert.Equal("2", (await cluster.RunAsync(database, "select count(*) from orders", Test)).Trim());
    }

    /// <summary>What <c>postern serve --config postern.yaml</c> does, with the test's issuer and ports laid over the file by the environment.</summary>
    private async Task<GatewayHost> ServeAsync(DemoIssuer issuer, int port, string database)
    {
        var environment = new Dictionary<string, string>
        {
            ["POSTERN__LISTEN__URL"] = "http://127.0.0.1:0", ["POSTERN__LISTEN__MANAGEMENT"] = "none", ["POSTERN__LISTEN__POSTGRES__ADDRESS"] = "127.0.0.1:0",
            ["POSTERN__ISSUERS__CORP__AUTHORITY"] = issuer.Issuer, ["POSTERN__ISSUERS__CORP__AUDIENCE"] = TestGateway.Audience,
            ["POSTERN__CONNECTIONS__SHOP__URL"] = string.Create(CultureInfo.InvariantCulture, $"postgresql://127.0.0.1:{port}/{database}"), ["POSTERN__HOLDS__STATEMENTWAIT"] = "1s",
        };
        var loaded = ConfigurationLoader.Load(Path.Combine(_folder.FullName, "postern.yaml"), environment, ["postgres"]);
        Assert.True(loaded.Options is not null, string.Join('\n', loaded.Problems));
        return await GatewayHost.StartAsync(loaded.Options, cancellationToken: Test);
    }

    /// <summary>Without what only makes columns stand in line.</summary>
    private static string Plain(string text) => Dashes().Replace(string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)), "-");

    [GeneratedRegex(@"<!-- file: (?<name>\S+) -->\n```yaml\n(?<text>.*?)```", RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex Files();

    [GeneratedRegex("""^\$ psql -c "(?<sql>[^"\n]+)"\n(?<shown>(?:(?!\$ |```).*\n)+)""", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex Commands();

    [GeneratedRegex("-{2,}")]
    private static partial Regex Dashes();
}
