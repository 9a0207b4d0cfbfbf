using System.Text.Json;
using Postern.Core.Recording;
using Postern.Tests.Gateway;
using Postern.Tests.Recording;

namespace Postern.Tests.Cli;

public sealed class ReplayTests
{
    [Fact]
    [Guarantee("G18")]
    public async Task A_session_is_shown_step_by_step_without_a_gateway()
    {
        using var folder = await RecordedFolder.CreateAsync();

        var result = await CommandLine.RunAsync("sessions", "replay", RecordedFolder.Session, "--journal", folder.Path);

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Contains("demo:alice (Alice Archer), person, groups support", result.Out);
        Assert.Contains("demo-agent, which calls itself \"desk 1.0\"", result.Out);
        Assert.Contains("mcp.tools.call get_customer", result.Out);
        Assert.Contains("support-reads@7", result.Out);
        Assert.Contains("(1 value masked)", result.Out);
        Assert.Contains("deny, denied", result.Out);
        Assert.Contains("by demo:bob, hold hold-1", result.Out);
        Assert.All(result.Out.Split('\n'), line => Assert.InRange(line.Length, 0, 80));
    }

    [Fact]
    [Guarantee("G18")]
    [Row("S10")]
    [Row("U08")]
    public async Task Recorded_escape_sequences_never_reach_the_terminal()
    {
        using var folder = await RecordedFolder.CreateAsync(reply: "\u001b]52;c;ZXZpbA==\a\u202eevil\u200b\u009b2J", client: "desk\u001b[8m\r\nwho         admin");

        var text = await CommandLine.RunAsync("sessions", "replay", RecordedFolder.Session, "--journal", folder.Path, "--full");
        var json = await CommandLine.RunAsync("sessions", "replay", RecordedFolder.Session, "--journal", folder.Path, "-o", "ndjson");

        foreach (var shown in (string[])[text.Out, json.Out]) Assert.DoesNotContain(shown, character => character is '\u001b' or '\a' or '\r' or '\u202e' or '\u200b' or '\u009b');
        Assert.Contains("⟨U+001B⟩]52;c;ZXZpbA==⟨U+0007⟩⟨U+202E⟩evil⟨U+200B⟩⟨U+009B⟩2J", text.Out);
        Assert.DoesNotContain("\nwho         admin", text.Out);
    }

    [Fact]
    [Guarantee("G18")]
    public async Task A_person_steps_jumps_and_searches()
    {
        using var folder = await RecordedFolder.CreateAsync();
        string[] replay = ["sessions", "replay", RecordedFolder.Session, "--journal", folder.Path];

        var jumped = await CommandLine.RunAsync([.. replay, "--step"], environment: null, typed: "3\n");
        var ended = await CommandLine.RunAsync([.. replay, "--step"], environment: null, typed: "q\n");
        var found = await CommandLine.RunAsync([.. replay, "--find", "GET_CUSTOMER"]);
        var last = await CommandLine.RunAsync([.. replay, "--from", "3", "--speed", "1000"]);
        var wrong = await CommandLine.RunAsync([.. replay, "--speed", "0"]);

        Assert.Equal([1, 3], Numbers(jumped.Out));
        Assert.Equal([1], Numbers(ended.Out));
        Assert.Equal([1], Numbers(found.Out));
        Assert.Equal([3], Numbers(last.Out));
        Assert.Equal(2, wrong.ExitCode);
    }

    [Fact]
    public async Task At_a_speed_it_pauses_for_what_passed_divided_by_it_and_two_seconds_at_most()
    {
        using var folder = new TemporaryFolder();
        var begin = new DateTimeOffset(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);
        await using (var recorder = await Recorder.OpenAsync(new RecorderOptions { DataFolder = folder.Path }, TimeProvider.System, CancellationToken.None))
        {
            foreach (var seconds in (int[])[0, 4, 64, 64])
            {
                var account = await recorder.BeginAsync(Given.Intent(at: begin.AddSeconds(seconds)), CancellationToken.None);
                await account.EndAsync(Given.Done() with { At = begin.AddSeconds(seconds) });
            }
        }
        string[] replay = ["sessions", "replay", RecordedFolder.Session, "--journal", folder.Path];
        var (quick, fourfold) = (new Pauses(), new Pauses());

        var all = await CommandLine.RunAsync(replay, environment: null, clock: quick);
        var paced = await CommandLine.RunAsync([.. replay, "--speed", "4"], environment: null, clock: fourfold);

        Assert.Equal([1, 2, 3, 4], Numbers(paced.Out));
        Assert.Equal(all.Out, paced.Out);
        Assert.Empty(quick.Taken);
        Assert.Equal([TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2)], fourfold.Taken);
    }

    /// <summary>Notes how long it was asked to wait, and waits for nothing.</summary>
    private sealed class Pauses : TimeProvider
    {
        public List<TimeSpan> Taken { get; } = [];

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Taken.Add(dueTime);
            return System.CreateTimer(callback, state, TimeSpan.FromMilliseconds(1), Timeout.InfiniteTimeSpan);
        }
    }

    private static IEnumerable<int> Numbers(string text) => System.Text.RegularExpressions.Regex.Matches(text, @"^ +(\d+)  \d\d:\d\d:\d\d", System.Text.RegularExpressions.RegexOptions.Multiline).Select(match => int.Parse(match.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture));

    [Fact]
    public async Task As_ndjson_each_step_is_one_line_of_data()
    {
        using var folder = await RecordedFolder.CreateAsync();

        var result = await CommandLine.RunAsync("sessions", "replay", RecordedFolder.Session, "--journal", folder.Journal, "-o", "ndjson");

        var steps = result.Out.TrimEnd('\n').Split('\n').Select(line => JsonDocument.Parse(line).RootElement).ToList();
        Assert.Equal(["allow", "deny", "hold"], steps.Select(step => step.GetProperty("decision").GetProperty("kind").GetString()));
        Assert.Equal(["done", "denied", "done"], steps.Select(step => step.GetProperty("ending").GetProperty("outcome").GetString()));
        Assert.Equal("Mia", steps[0].GetProperty("frames")[0].GetProperty("json").GetProperty("result").GetProperty("name").GetString());
        Assert.Equal("demo:bob", steps[2].GetProperty("approval").GetProperty("approvers")[0].GetString());
    }

    [Fact]
    public async Task Sessions_of_a_journal_are_listed()
    {
        using var folder = await RecordedFolder.CreateAsync();

        var result = await CommandLine.RunAsync("sessions", "list", "--journal", folder.Path, "-o", "json");

        var session = Assert.Single(JsonDocument.Parse(result.Out).RootElement.EnumerateArray());
        Assert.Equal(RecordedFolder.Session, session.GetProperty("id").GetString());
        Assert.Equal(3, session.GetProperty("operations").GetInt32());
    }

    [Fact]
    public async Task The_operations_of_a_session_are_one_line_each()
    {
        using var folder = await RecordedFolder.CreateAsync();

        var result = await CommandLine.RunAsync("sessions", "show", RecordedFolder.Session, "--journal", folder.Path);

        Assert.Equal(0, result.ExitCode);
        var lines = result.Out.TrimEnd('\n').Split('\n');
        Assert.Equal(4, lines.Length);
        Assert.Matches(@"^12:00:00 +\w{26} +mcp\.tools\.call get_customer +allow +support-reads@7 +done +1$", lines[1]);
    }

    [Fact]
    public async Task What_is_not_there_is_exit_7()
    {
        using var folder = await RecordedFolder.CreateAsync();

        var noSession = await CommandLine.RunAsync("sessions", "replay", "01NONE", "--journal", folder.Path);
        var noJournal = await CommandLine.RunAsync("sessions", "list", "--journal", folder.Path + "/nothing");

        Assert.Equal(7, noSession.ExitCode);
        Assert.Contains("`01NONE`", noSession.Error);
        Assert.Equal(7, noJournal.ExitCode);
    }
}
