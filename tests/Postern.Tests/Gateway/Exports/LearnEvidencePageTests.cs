using Postern.Gateway.Configuration;
using Postern.Tests.Cli;

namespace Postern.Tests.Gateway.Exports;

/// <summary>Reads the configuration of docs/learn/evidence.md and runs its commands.</summary>
public sealed class LearnEvidencePageTests
{
    [Fact]
    public void The_configuration_of_the_page_loads()
    {
        using var folder = new TemporaryFolder();
        var page = File.ReadAllText(Repository.PathOf("docs", "learn", "evidence.md"));
        var shown = page.Split("<!-- configuration -->\n```yaml\n").Skip(1).Select(rest => rest.Split("```")[0]).ToList();
        Assert.NotEmpty(shown);

        foreach (var yaml in shown)
        {
            var file = folder.Write("postern.yaml", "issuers: { corp: { authority: https://login.example.com } }\npolicy: [policy.yaml]\n" + yaml);
            var loaded = ConfigurationLoader.Load(file, [], ["mcp"]);
            Assert.True(loaded.Options is not null, string.Join('\n', loaded.Problems));
        }
    }

    [Fact]
    public async Task The_commands_of_the_page_do_what_it_says()
    {
        using var recorded = await RecordedFolder.CreateAsync();
        var commands = (await File.ReadAllLinesAsync(Repository.PathOf("docs", "learn", "evidence.md"), TestContext.Current.CancellationToken)).Where(line => line.StartsWith("postern ", StringComparison.Ordinal) && !line.Contains("--reason", StringComparison.Ordinal) && !line.EndsWith(" held", StringComparison.Ordinal)).ToList();
        Assert.Equal(2, commands.Count);

        foreach (var command in commands)
        {
            var words = command.Split(' ').Skip(1).Select(word => word.Replace("SESSION", RecordedFolder.Session, StringComparison.Ordinal).Replace("DATA", recorded.Path, StringComparison.Ordinal).Replace("evidence.zip", Path.Combine(recorded.Path, "evidence.zip"), StringComparison.Ordinal));
            var result = await CommandLine.RunAsync([.. words]);
            Assert.True(result.ExitCode == 0, $"`{command}` gave {result.ExitCode}: {result.Error}{result.Out}");
        }
    }
}
