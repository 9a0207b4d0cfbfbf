using System.Text.RegularExpressions;
using Postern.Gateway.Configuration;
using Postern.Tests.Cli;

namespace Postern.Tests.Gateway.Identities;

/// <summary>Runs the page on revocation: its configuration loads, its policy passes its tests, its commands do what stands beside them.</summary>
public sealed partial class LearnRevocationPageTests : IDisposable
{
    private static readonly string _page = File.ReadAllText(Repository.PathOf("docs", "learn", "revocation.md"));

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    [Row("J18")]
    public async Task The_files_and_commands_of_the_page_do_what_it_says()
    {
        foreach (Match file in Files().Matches(_page)) _folder.Write(file.Groups["name"].Value, file.Groups["text"].Value);
        foreach (var secret in new[] { "scim.token", "introspection.secret", "shop.token" }) _folder.Write(secret, "a-secret-of-thirty-two-characters-or-more");
        var configuration = Path.Combine(_folder.Path, "postern.yaml");
        var loaded = ConfigurationLoader.Load(configuration, [], ["mcp"]);
        Assert.True(loaded.Options is not null, string.Join('\n', loaded.Problems));
        var issuer = Assert.Single(loaded.Options.Issuers);
        Assert.Equal(("externalId", TimeSpan.FromSeconds(30), TimeSpan.FromMinutes(2)), (issuer.Scim!.Subject, issuer.Introspection!.Every, issuer.Introspection.MaxStale));

        var policy = Files().Matches(_page).Single(file => file.Groups["name"].Value == "policy.yaml").Groups["text"].Value;
        await using var gateway = await RunningGateway.StartAsync(policy[..policy.IndexOf("tests:", StringComparison.Ordinal)].Replace("[service-desk]", "[admins]", StringComparison.Ordinal));
        var environment = new Dictionary<string, string> { ["POSTERN_GATEWAY"] = gateway.Host.Url, ["POSTERN_TOKEN"] = gateway.TokenOf("carol") };
        var commands = Commands().Matches(_page).Select(command => command.Groups["line"].Value).ToArray();
        Assert.Equal(9, commands.Length);
        foreach (var command in commands)
        {
            string[] words = [.. Words().Matches(command).Select(word => word.Value.Trim('"')).Skip(1)];
            var isPolicy = words[0] == "policy";
            words = isPolicy
                ? [.. words.Select(word => word == "policy.yaml" ? Path.Combine(_folder.Path, word) : word), "--config", configuration]
                : [.. words.Select(word => word.Replace("corp:", "demo:", StringComparison.Ordinal))];
            var run = await CommandLine.RunAsync(words, environment);
            // Restoring is held, as the page says.
            Assert.True(run.ExitCode == (words is ["identities", "restore", ..] ? 5 : 0), $"`{command}` gave {run.ExitCode}: {run.Error}{run.Out}");
            if (words is ["identities", "list"])
            {
                Assert.Contains("lost laptop", run.Out, StringComparison.Ordinal);
                Assert.Contains("demo:nightly-agent", run.Out, StringComparison.Ordinal);
            }
        }
    }

    [GeneratedRegex(@"<!-- file: (?<name>\S+) -->\n```yaml\n(?<text>.*?)```", RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex Files();

    [GeneratedRegex(@"^(?<line>postern .*?)  +\S", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex Commands();

    [GeneratedRegex("\"[^\"]*\"|\\S+")]
    private static partial Regex Words();
}
