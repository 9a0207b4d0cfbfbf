using System.Text;
using Postern.Conformance.Gateways;
using Postern.Core.Recording;

namespace Postern.Conformance.Faults;

/// <summary>The judge of kills and faults sees each kind of broken promise; otherwise its silence would say nothing.</summary>
public sealed class InvariantJudgeTests
{
    private static readonly Dictionary<string, int> SawOne = new(StringComparer.Ordinal) { ["read:7"] = 1 };

    [Fact]
    public void A_sound_recording_draws_no_complaint()
    {
        var story = Story("allow", endings: 1, "read 7 is done");

        Assert.Empty(Complaints(Of(SawOne, story) with { Captures = [Received("read 7 is done"), Received("read 7 is done", isWhole: false)], Agreed = [], PeakMemory = 1 }));
    }

    [Fact]
    public void A_call_that_nobody_wrote_down_is_seen() => Assert.StartsWith("I1", Assert.Single(Complaints(Of(SawOne))), StringComparison.Ordinal);

    [Fact]
    public void A_held_call_that_ran_without_a_clearing_is_seen() => Assert.StartsWith("I1", Assert.Single(Complaints(Of(SawOne, Story("hold", endings: 1)))), StringComparison.Ordinal);

    [Fact]
    public void A_call_that_ran_twice_is_seen() =>
        Assert.StartsWith("I4", Assert.Single(Complaints(Of(new(StringComparer.Ordinal) { ["read:7"] = 2 }, Story("allow", endings: 1)))), StringComparison.Ordinal);

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void An_intent_without_exactly_one_ending_is_seen(int endings) => Assert.StartsWith("I3", Assert.Single(Complaints(Of(SawOne, Story("allow", endings)))), StringComparison.Ordinal);

    [Fact]
    public void An_approval_that_two_operations_used_is_seen()
    {
        var first = Story("hold", endings: 1);
        var second = Story("hold", endings: 1);
        first.Clearings.Add(Clearing());
        second.Clearings.Add(Clearing());

        Assert.StartsWith("I4", Assert.Single(Complaints(Of(SawOne, first, second))), StringComparison.Ordinal);
    }

    [Fact]
    public void An_agreement_that_was_lost_is_seen() => Assert.StartsWith("I4", Assert.Single(Complaints(Of([], Story("hold", endings: 1)) with { Agreed = ["read:7"] })), StringComparison.Ordinal);

    [Fact]
    public void A_sentence_that_the_record_does_not_hold_is_seen() =>
        Assert.StartsWith("I2", Assert.Single(Complaints(Of(SawOne, Story("allow", endings: 1)) with { Sentences = new Dictionary<string, string>(StringComparer.Ordinal) { ["read:7"] = "read 7 is done" } })), StringComparison.Ordinal);

    [Theory]
    [InlineData("read 7 is done, and more", true, false)]
    [InlineData("read 7 is done, and more", false, false)]
    [InlineData("read 7 is done", true, true)] // a whole answer that is shorter than what was recorded as released
    [InlineData("read 8 is done, twice", true, false)] // another call's answer
    [InlineData("data: step 1, card\n\ndata: step 3, card\n\n", false, true)]
    [InlineData("data: step 1, card\n\ndata: step 2, card\n\ndata: step 3, card\n\ndata: step 4, card", false, true)]
    public void Bytes_that_the_record_does_not_hold_are_seen(string received, bool isWhole, bool isLonger)
    {
        var isStream = received.StartsWith("data:", StringComparison.Ordinal);
        string[] frames = isStream ? ["step 1, card", "step 2, card", "step 3, card"] : [isLonger ? "read 7 is done, twice" : "read 7 is done"];

        var complaint = Assert.Single(Complaints(Of(SawOne, Story("allow", endings: 1, frames)) with { Captures = [new Capture("read:7", Encoding.UTF8.GetBytes(received), isStream, isWhole)] }));

        Assert.StartsWith("I2", complaint, StringComparison.Ordinal);
    }

    [Fact]
    public void A_stream_that_breaks_off_inside_an_event_is_sound() =>
        Assert.Empty(Complaints(Of(SawOne, Story("allow", endings: 1, "step 1, card", "step 2, card")) with { Captures = [new Capture("read:7", "data: step 1, card\n\ndata: step 2, c"u8.ToArray(), true, false)] }));

    [Fact]
    public void What_is_masked_is_seen_at_the_caller_and_in_the_record()
    {
        var complaints = Complaints(Of(SawOne, Story("allow", endings: 1, "read 7 is done, card 1")) with { Canary = "card 1", Captures = [Received("read 7 is done, card 1")] });

        Assert.Equal(2, complaints.Count(complaint => complaint.StartsWith("I6", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_recording_that_does_not_verify_is_seen() =>
        Assert.StartsWith("I5", Assert.Single(Complaints(Of([]) with { Recording = new Recording("bad record 3", [], []) })), StringComparison.Ordinal);

    [Fact]
    public void Memory_beyond_its_bound_is_seen() =>
        Assert.StartsWith("I7", Assert.Single(Complaints(Of([]) with { PeakMemory = InvariantJudge.MostMemory + 1 })), StringComparison.Ordinal);

    private static string[] Complaints(Evidence evidence) => [.. InvariantJudge.Complaints(evidence)];

    private static Capture Received(string text, bool isWhole = true) => new("read:7", Encoding.UTF8.GetBytes(text), IsStream: false, isWhole);

    private static Evidence Of(Dictionary<string, int> seen, params RecordedStory[] stories) =>
        new(new Recording(null, stories, []), seen, stories.ToLookup(story => InvariantJudge.KeyOf(story.Request), StringComparer.Ordinal));

    private static RecordedStory Story(string decision, int endings, params string[] frames)
    {
        var intent = new RecordedIntent(
            "op", "session", default, null!, null, null!, [new RecordedPart("mcp.tools.call", [])], null!, null, new RecordedDecision(decision, null, "", 1, "", [], []), null);
        var story = new RecordedStory(intent, """{"name":"read","arguments":{"n":7 }}""");
        foreach (var frame in frames) story.Add(frame);
        for (var index = 0; index < endings; index++) story.Endings.Add(new RecordedEnding("op", default, "done", null, null, null, null, null));
        return story;
    }

    private static RecordedClearing Clearing() => new("op", default, "hold", "other", [], null!, 1);
}
