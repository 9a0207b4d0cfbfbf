using Postern.Conformance.Gateways;
using Postern.Tests;

namespace Postern.Conformance;

/// <summary>The main job as a newcomer sees it: the executable in a process of its own, nothing else running.</summary>
public sealed class DemoTests(DemoTests.AutoRun auto) : IClassFixture<DemoTests.AutoRun>
{
    /// <summary>One run of <c>demo --auto</c>, and the folder that it keeps.</summary>
    public sealed class AutoRun : IAsyncLifetime
    {
        internal PosternRun Run { get; private set; } = null!;

        internal string Folder { get; private set; } = "";

        public async ValueTask InitializeAsync()
        {
            Run = await PosternProcess.RunAsync("demo", "--auto");
            Folder = Run.Out.Split('\n').Single(line => line.TrimStart().StartsWith("folder ", StringComparison.Ordinal)).Trim()["folder ".Length..].Trim();
        }

        public ValueTask DisposeAsync()
        {
            Directory.Delete(Folder, recursive: true);
            return ValueTask.CompletedTask;
        }
    }

    [Fact]
    [Guarantee("G1")]
    [Guarantee("G7")]
    [Guarantee("G11")]
    [Guarantee("G12")]
    public void Five_acts_have_the_expected_outcome()
    {
        var run = auto.Run;

        Assert.True(run.ExitCode == 0, $"exit code {run.ExitCode}\n{run.Out}\n{run.Error}");
        foreach (var expected in (string[])
        [
            "1 · Allowed", "2 · Masked", "3 · Blocked", "4 · Held and approved", "5 · Replayed",
            "allow  support-reads-shop@1", "deny  never-delete@1", "hold  large-refunds@1", "approved by demo:bob",
            "the shop never saw the call", "the shop saw one refund and made one", "✓ 5 of 5 acts had the expected outcome",
        ])
        {
            Assert.Contains(expected, run.Out);
        }
        Assert.DoesNotContain("✗", run.Out);
    }

    [Fact]
    public void Its_output_fits_80_columns_and_needs_no_colour()
    {
        var run = auto.Run;

        Assert.DoesNotContain('\u001b', run.Out);
        // Only what is meant to be copied may be longer: it must not be broken.
        Assert.All(run.Out.Split('\n').Where(line => !line.TrimStart().StartsWith("postern ", StringComparison.Ordinal)), line => Assert.InRange(line.Length, 0, 80));
    }

    [Fact]
    public async Task What_it_leaves_behind_verifies_and_holds_no_secret()
    {
        var folder = auto.Folder;

        var verified = await PosternProcess.RunAsync("verify", Path.Combine(folder, "data", "journal"), "--key", Path.Combine(folder, "data", "journal.pub.pem"));
        var journal = string.Concat(Directory.EnumerateFiles(Path.Combine(folder, "data", "journal"), "*.pjl").Select(file => System.Text.Encoding.Latin1.GetString(File.ReadAllBytes(file))));
        var shopSecret = (await File.ReadAllTextAsync(Path.Combine(folder, "secrets", "shop"), TestContext.Current.CancellationToken))["Bearer ".Length..];

        Assert.Equal((0, ""), (verified.ExitCode, verified.Error));
        // What kind of thing was done stands in it for everybody who has a copy; what was said does not.
        Assert.Contains("mcp.tools.call", journal);
        Assert.DoesNotContain("delete_customer", journal);
        // And to whoever has the keys it says what was done, without what masks and vaults keep.
        var opened = string.Concat(Recordings.Read(Path.Combine(folder, "data")).Records.Select(record => record.Payload + System.Text.Encoding.UTF8.GetString(record.Content.Span)));
        Assert.Contains("delete_customer", opened);
        foreach (var text in (string[])[journal, opened])
        {
            Assert.DoesNotContain(shopSecret, text);
            Assert.DoesNotContain("4111 1111 1111 1111", text);
            Assert.DoesNotContain("mia.hartmann@example.com", text);
            Assert.DoesNotContain("eyJ", text);
        }
    }
}
