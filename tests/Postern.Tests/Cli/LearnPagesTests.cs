namespace Postern.Tests.Cli;

/// <summary>Runs the commands that the learning pages show, on the policies that they show.</summary>
public sealed class LearnPagesTests
{
    [Theory]
    [InlineData("policy.md", "<!-- policy: ")]
    [InlineData("masking.md", "<!-- policy: ")]
    [InlineData("approvals.md", "<!-- policy: ")]
    [InlineData("grants.md", "<!-- policy: ")]
    [InlineData("http.md", "<!-- policy: ")]
    public async Task The_commands_of_the_page_succeed_on_every_policy_of_the_page(string page, string mark)
    {
        var specs = Specs.Folder("policy");
        var lines = await File.ReadAllLinesAsync(Path.Combine(specs, "..", "..", "..", "docs", "learn", page), TestContext.Current.CancellationToken);
        var policies = lines.Where(line => line.StartsWith(mark, StringComparison.Ordinal)).Select(line => line[mark.Length..^4].Trim()).Distinct().ToList();
        // A command line, then two spaces or more, then what it does.
        var commands = lines.Where(line => line.StartsWith("postern policy ", StringComparison.Ordinal) && line.Contains(" policy.yaml", StringComparison.Ordinal)).Select(line => line.Split("  ")[0]).Distinct().ToList();

        Assert.NotEmpty(policies);
        Assert.Contains("postern policy test policy.yaml", commands);
        foreach (var command in commands)
        {
            foreach (var policy in policies)
            {
                string[] arguments = [.. command.Split(' ').Skip(1).Select(word => word == "policy.yaml" ? Path.Combine(specs, policy) : word), "--config", Path.Combine(specs, "learn.postern.yaml")];
                var result = await CommandLine.RunAsync(arguments);
                Assert.True(result.ExitCode == 0, $"`{command}` on `{policy}` gave {result.ExitCode}: {result.Error}{result.Out}");
            }
        }
    }
}
