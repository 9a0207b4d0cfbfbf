using System.Diagnostics;
using System.Globalization;
using Postern.Tests;

namespace Postern.Conformance.Faults;

/// <summary>The policy file changes all the time: to others, to nonsense, to half of itself, to nothing.</summary>
public sealed class PolicyStormTests
{
    private const int Changes = 60;

    [Fact]
    [Guarantee("G5")]
    [Guarantee("G15")]
    [Row("F15")]
    public async Task Under_a_storm_of_reloads_every_operation_is_decided_under_one_version_that_was_whole()
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        await using var bed = await FaultBed.StartAsync(cancellationToken);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var load = bed.LoadAsync(4, over.Token);

        for (var change = 0; change < Changes; change++)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"reads-{change}");
            var valid = WitnessServer.Policy.Replace("support-reads", name, StringComparison.Ordinal);
            switch (change % 5)
            {
                case 0:
                    await WriteAsync(valid);
                    break;
                case 1:
                    await WriteAsync(valid.Replace("then: allow", "then: deny", StringComparison.Ordinal));
                    break;
                case 2:
                    await WriteAsync(valid.Replace("then: allow", "then: perhaps", StringComparison.Ordinal));
                    break;
                case 3:
                    // In place, and cut inside a word: what a reader sees while somebody writes.
                    await File.WriteAllTextAsync(bed.Gateway.PolicyFile, valid[..(valid.IndexOf("then: allow", StringComparison.Ordinal) + 9)], cancellationToken);
                    break;
                default:
                    File.Delete(bed.Gateway.PolicyFile);
                    break;
            }
            // It looks at once, and not only every two seconds.
            await HangUpAsync(bed, cancellationToken);
            await Task.Delay(100, cancellationToken);
        }
        await WriteAsync(WitnessServer.Policy);
        await HangUpAsync(bed, cancellationToken);
        await Task.Delay(500, cancellationToken);
        await over.CancelAsync();
        await load;

        var recording = await bed.JudgeAsync(cancellationToken);
        var decisions = recording.Calls.Select(story => story.Intent.Decision).ToArray();
        // One version is one policy; what it decided names the rule of that policy, and never one of a file that was not whole.
        foreach (var version in decisions.GroupBy(decision => decision.Version))
        {
            Assert.Single(version.Select(decision => decision.Hash).Distinct());
            Assert.InRange(version.SelectMany(decision => decision.Rules.Select(rule => rule.Rule)).Distinct().Count(), 0, 1);
        }
        var rules = decisions.SelectMany(decision => decision.Rules.Select(rule => rule.Rule)).ToHashSet(StringComparer.Ordinal);
        foreach (var rule in rules.Where(rule => rule.StartsWith("reads-", StringComparison.Ordinal))) Assert.True(int.Parse(rule[6..], CultureInfo.InvariantCulture) % 5 < 2, $"`{rule}` stands in a file that is no policy");
        Assert.True(decisions.Select(decision => decision.Version).Distinct().Count() >= 3, "hardly any of the changes was ever in force");
        Assert.Contains(decisions, decision => decision.Kind == "deny");

        // As an editor saves: whole or not at all.
        async Task WriteAsync(string text)
        {
            await File.WriteAllTextAsync(bed.Gateway.PolicyFile + ".new", text, cancellationToken);
            File.Move(bed.Gateway.PolicyFile + ".new", bed.Gateway.PolicyFile, overwrite: true);
        }
    }

    private static async Task HangUpAsync(FaultBed bed, CancellationToken cancellationToken)
    {
        using var kill = Process.Start("kill", ["-HUP", bed.Gateway.ProcessId.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync(cancellationToken);
    }
}
