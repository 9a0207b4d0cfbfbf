using Postern.Conformance.Gateways;
using Postern.Core.Recording;

namespace Postern.Conformance.Kills;

/// <summary>The judge of the kill rounds sees each kind of broken promise; otherwise its silence would say nothing.</summary>
public sealed class KillJudgeTests
{
    private static readonly Dictionary<string, int> SawOne = new(StringComparer.Ordinal) { ["read:7"] = 1 };
    private static readonly Dictionary<string, string> Nothing = [];

    [Fact]
    public void A_sound_recording_draws_no_complaint()
    {
        var story = Story("allow", endings: 1);
        story.Replies.Append("read 7 is done");

        Assert.Empty(KillJudge.Complaints(Of(story), SawOne, new Dictionary<string, string>(StringComparer.Ordinal) { ["read:7"] = "read 7 is done" }));
    }

    [Fact]
    public void A_call_that_nobody_wrote_down_is_seen() => Assert.Single(KillJudge.Complaints(Of(), SawOne, Nothing));

    [Fact]
    public void A_held_call_that_ran_without_a_clearing_is_seen() => Assert.Single(KillJudge.Complaints(Of(Story("hold", endings: 1)), SawOne, Nothing));

    [Fact]
    public void A_call_that_ran_twice_is_seen() =>
        Assert.Single(KillJudge.Complaints(Of(Story("allow", endings: 1)), new Dictionary<string, int>(StringComparer.Ordinal) { ["read:7"] = 2 }, Nothing));

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void An_intent_without_exactly_one_ending_is_seen(int endings) => Assert.Single(KillJudge.Complaints(Of(Story("allow", endings)), SawOne, Nothing));

    [Fact]
    public void An_approval_that_two_operations_used_is_seen()
    {
        var first = Story("hold", endings: 1);
        var second = Story("hold", endings: 1);
        first.Clearings.Add(Clearing());
        second.Clearings.Add(Clearing());

        Assert.Single(KillJudge.Complaints(Of(first, second), SawOne, Nothing));
    }

    [Fact]
    public void An_answer_that_the_record_does_not_hold_is_seen() =>
        Assert.Single(KillJudge.Complaints(Of(Story("allow", endings: 1)), SawOne, new Dictionary<string, string>(StringComparer.Ordinal) { ["read:7"] = "read 7 is done" }));

    [Fact]
    public void A_recording_that_does_not_verify_is_seen() => Assert.Single(KillJudge.Complaints(Of() with { Problem = "bad record 3" }, new Dictionary<string, int>(), Nothing));

    private static Recording Of(params RecordedStory[] stories) => new(null, stories, []);

    private static RecordedStory Story(string decision, int endings)
    {
        var intent = new RecordedIntent(
            "op", "session", default, null!, null, null!, [new RecordedPart("mcp.tools.call", [])], null!, null, new RecordedDecision(decision, null, "", 1, "", [], []), null);
        var story = new RecordedStory(intent, """{"name":"read","arguments":{"n":7 }}""");
        for (var index = 0; index < endings; index++) story.Endings.Add(new RecordedEnding("op", default, "done", null, null, null, null, null));
        return story;
    }

    private static RecordedClearing Clearing() => new("op", default, "hold", "other", [], null!, 1);
}
