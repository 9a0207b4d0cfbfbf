using System.Text.Json;
using Postern.Tests.Gateway;

namespace Postern.Tests.Cli;

/// <summary>The commands on versions, against a gateway.</summary>
public sealed class PolicyVersionCommandTests : IAsyncLifetime
{
    private const string Policy = RunningGateway.Policy +
        """

          - id: pipelines
            who: { workloads: [triage-bot] }
            on: { admin: [policy.apply, policy.read] }
            then: allow
          - id: second-pair-of-eyes
            who: { users: [bob] }
            on: { admin: [policy.apply] }
            then: hold
            hold: { approvers: { users: [carol], count: 1 } }
        """;

    private RunningGateway _gateway = null!;

    public async ValueTask InitializeAsync() => _gateway = await RunningGateway.StartAsync(Policy);

    public async ValueTask DisposeAsync() => await _gateway.DisposeAsync();

    [Fact]
    public async Task Versions_are_published_listed_shown_compared_and_rolled_back()
    {
        using var folder = new TemporaryFolder();
        var file = folder.Write("policy.yaml", Policy + "\n# more\n");

        var applied = await RunAsync("triage-bot", "policy", "apply", file, "--reason", "more", "-o", "json");
        Assert.Equal((0, ""), (applied.ExitCode, applied.Error));
        Assert.Equal(2, JsonDocument.Parse(applied.Out).RootElement.GetProperty("version").GetInt32());

        var history = await RunAsync("triage-bot", "policy", "history");
        Assert.Matches(@"VERSION +APPLIED +AUTHOR +SOURCE +REASON +HASH\n2 .*demo:triage-bot +api +more +[0-9a-f]{12}\n1 .*gateway:postern +folder", history.Out);
        var shown = await RunAsync("triage-bot", "policy", "show");
        Assert.Contains("\n# policy.yaml\nversion: 1\n", shown.Out, StringComparison.Ordinal);
        Assert.EndsWith("# more\n", shown.Out, StringComparison.Ordinal);
        var diff = await RunAsync("triage-bot", "policy", "diff", "1", "2");
        Assert.StartsWith("--- policy.yaml\n+++ policy.yaml\n@@ ", diff.Out, StringComparison.Ordinal);
        Assert.Contains("\n+# more\n", diff.Out, StringComparison.Ordinal);

        var stale = await RunAsync("triage-bot", "policy", "rollback", "1", "--reason", "less", "--from", "1");
        Assert.Equal(1, stale.ExitCode);
        Assert.Contains("Version 2 is in force now", stale.Error, StringComparison.Ordinal);
        Assert.Equal(0, (await RunAsync("triage-bot", "policy", "rollback", "1", "--reason", "less")).ExitCode);
        Assert.Contains("rollback", (await RunAsync("triage-bot", "policy", "show", "3", "-o", "json")).Out, StringComparison.Ordinal);
        Assert.Equal(7, (await RunAsync("triage-bot", "policy", "rollback", "9", "--reason", "less")).ExitCode);
        Assert.Equal(7, (await RunAsync("alice", "policy", "history")).ExitCode);
    }

    [Fact]
    public async Task What_is_held_refused_or_bad_has_its_exit_code()
    {
        using var folder = new TemporaryFolder();
        var file = folder.Write("policy.yaml", Policy + "\n# more\n");
        var bad = folder.Write("bad.yaml", "version: 1\nrules: [{id: x}]");

        var held = await RunAsync("bob", "policy", "apply", file, "--reason", "more");
        Assert.Equal(5, held.ExitCode);
        Assert.Contains("/approve/", held.Out, StringComparison.Ordinal);
        Assert.Contains("repeat the same command", held.Error, StringComparison.Ordinal);
        Assert.Equal(4, (await RunAsync("alice", "policy", "apply", file, "--reason", "more")).ExitCode);
        var refused = await RunAsync("triage-bot", "policy", "apply", bad, "--reason", "more");
        Assert.Equal(9, refused.ExitCode);
        Assert.Contains("bad.yaml:2:", refused.Error, StringComparison.Ordinal);
        Assert.Equal(2, (await RunAsync("triage-bot", "policy", "apply", Path.Combine(folder.Path, "none.yaml"), "--reason", "more")).ExitCode);
    }

    private Task<CommandLineResult> RunAsync(string subject, params string[] arguments) =>
        CommandLine.RunAsync([.. arguments, "--gateway", _gateway.Host.Url], new Dictionary<string, string> { ["POSTERN_TOKEN"] = _gateway.TokenOf(subject) });
}
