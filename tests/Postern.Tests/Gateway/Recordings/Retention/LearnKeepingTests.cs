using System.Text.Json;
using System.Text.RegularExpressions;
using Postern.Tests.Cli;

namespace Postern.Tests.Gateway.Recordings.Retention;

/// <summary>Runs the commands of docs/learn/evidence.md on keeping and erasing at a running gateway.</summary>
public sealed partial class LearnKeepingTests
{
    private static readonly string Policy = $$"""
        {{RunningGateway.Policy}}
          - id: keepers
            who: { users: [carol] }
            on: { admin: [sessions.hold] }
            then: allow
          - id: two-of-them
            who: { users: [carol] }
            on: { admin: [sessions.erase, sessions.release] }
            then: hold
            hold: { approvers: { groups: [on-call], count: 1 }, expires: 30m }
        """;

    [Fact, Row("U11")]
    public async Task The_commands_of_the_page_do_what_it_says()
    {
        var page = await File.ReadAllTextAsync(Repository.PathOf("docs", "learn", "evidence.md"), TestContext.Current.CancellationToken);
        var commands = Commands().Matches(page).Select(command => command.Value).ToList();
        Assert.Equal(4, commands.Count);
        await using var gateway = await RunningGateway.StartAsync(Policy);
        using var onCall = await Browser.SignInAsync(gateway, "bob");
        await gateway.CallToolAsync("alice", "get_customer", """{"customer":"C-101"}""");
        using var listed = await gateway.ApiAsync("/sessions", gateway.TokenOf("alice"));
        var session = JsonDocument.Parse(await listed.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).RootElement.GetProperty("items")[0].GetProperty("id").GetString()!;
        var environment = new Dictionary<string, string> { ["POSTERN_GATEWAY"] = gateway.Host.Url, ["POSTERN_TOKEN"] = gateway.TokenOf("carol") };

        foreach (var command in commands)
        {
            string[] words = [.. Words().Matches(command.Replace("SESSION", session, StringComparison.Ordinal)).Select(word => word.Value.Trim('"')).Skip(1)];
            var run = await CommandLine.RunAsync(words, environment);
            if (words[1] is "erase" or "release")
            {
                // The person's token alone is not enough: somebody else agrees, and the same command again does it.
                Assert.True(run.ExitCode == 5, $"`{command}` gave {run.ExitCode}: {run.Error}{run.Out}");
                var hold = HoldOf().Match(run.Out + run.Error);
                Assert.True(hold.Success, run.Out + run.Error);
                await onCall.AnswerAsync(hold.Groups["id"].Value, "approve", "agreed");
                run = await CommandLine.RunAsync(words, environment);
            }
            Assert.True(run.ExitCode == 0, $"`{command}` gave {run.ExitCode}: {run.Error}{run.Out}");
            if (words[1] == "held") Assert.Contains("case 12", run.Out, StringComparison.Ordinal);
        }

        var replay = await CommandLine.RunAsync("sessions", "replay", session, "--journal", gateway.DataFolder);
        Assert.Contains("by demo:carol: asked for by the person", replay.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("C-101", replay.Out, StringComparison.Ordinal);
    }

    [GeneratedRegex("^postern sessions (hold|held|release|erase).*$", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex Commands();

    [GeneratedRegex("\"[^\"]*\"|\\S+")]
    private static partial Regex Words();

    [GeneratedRegex("/approve/(?<id>[0-9A-Z]{26})", RegexOptions.ExplicitCapture)]
    private static partial Regex HoldOf();
}
