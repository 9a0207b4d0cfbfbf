using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Core.Policy;
using Postern.Core.Recording;
using Postern.Tests.Doubles;
using Postern.Tests.Pipeline;
using Postern.Tests.Policy;

namespace Postern.Tests.Limits;

/// <summary>policy.md section 6: limits refuse before forwarding, with the time to retry, and end a reply with an error.</summary>
public sealed class LimitTests : IDisposable
{
    private const string Look = """{"gesture":"look","exhibit":"hall/statue"}""";

    private ToyGateway _gateway = null!;

    public void Dispose() => _gateway.Dispose();

    private void Start(string limits, string more = "") => _gateway = new ToyGateway(PolicyOf(limits, more));

    private static string PolicyOf(string limits, string more = "") =>
        "version: 1\nrules:\n  - { id: look, who: anyone, on: { connection: museum, gestures: [look], exhibits: [\"**\"] }, then: allow, limits: { " + limits + " } }\n" + more;

    [Fact]
    [Row("D08")]
    public async Task So_many_calls_in_a_time_that_slides_and_then_the_time_to_retry()
    {
        Start("calls: 2/10m");
        Assert.Null((await _gateway.AskAsync(Look)).Refused);
        _gateway.Clock.Advance(TimeSpan.FromMinutes(4));
        Assert.Null((await _gateway.AskAsync(Look)).Refused);

        var refusal = (await _gateway.AskAsync(Look)).Refused!;

        Assert.Equal((RefusalCode.Limit, RetryMode.After, TimeSpan.FromMinutes(6), "look@1"), (refusal.Code, refusal.Retry, refusal.RetryAfter, refusal.Rule));
        Assert.Equal(2, _gateway.Guide.Heard.Count);
        Assert.Equal(Outcome.Denied, _gateway.Recorder.Endings.Last().Outcome);
        Assert.Null((await _gateway.AskAsync(Look, Samples.Person("zoe", "visitors"))).Refused); // one identity's use is not another's
        _gateway.Clock.Shift(TimeSpan.FromHours(1));
        Assert.NotNull((await _gateway.AskAsync(Look)).Refused); // a clock that is set does not give more
        _gateway.Clock.Advance(TimeSpan.FromMinutes(6));
        Assert.Null((await _gateway.AskAsync(Look)).Refused);
        Assert.NotNull((await _gateway.AskAsync(Look)).Refused);
    }

    [Theory]
    [InlineData("agent", false)]
    [InlineData("connection", false)]
    [InlineData("identity", true)]
    public async Task Whose_calls_are_counted_together_is_said(string per, bool another)
    {
        Start($"calls: 1/h, per: {per}");
        await _gateway.AskAsync(Look);

        Assert.Equal(another, (await _gateway.AskAsync(Look, Samples.Person("zoe"))).Refused is null);
        Assert.Equal(per != "connection", (await _gateway.AskAsync(Look, new Identity { Issuer = "demo", Subject = "zoe", Kind = IdentityKind.Person, Agent = "else" })).Refused is null || per == "identity");
    }

    [Fact]
    public async Task Another_version_of_the_policy_goes_on_counting()
    {
        Start("calls: 1/h");
        await _gateway.AskAsync(Look);

        _gateway.Publish(PolicyOf("calls: 1/h", "  - { id: other, who: anyone, on: { connection: museum, gestures: [wave], exhibits: [\"**\"] }, then: allow }\n"));

        Assert.NotNull((await _gateway.AskAsync(Look)).Refused);
    }

    [Fact]
    public async Task All_limits_of_all_matching_rules_count_and_a_refused_call_is_counted_against_none()
    {
        Start("calls: 10/h", "  - { id: tight, who: anyone, on: { connection: museum, gestures: [look], exhibits: [hall/statue] }, then: allow, limits: { calls: 1/h } }\n");
        await _gateway.AskAsync(Look);
        for (var more = 0; more < 12; more++) Assert.Equal("tight@1", (await _gateway.AskAsync(Look)).Refused!.Rule);

        var rest = 0;
        while ((await _gateway.AskAsync("""{"gesture":"look","exhibit":"hall/vase"}""")).Refused is null) rest++;
        Assert.Equal(9, rest);
    }

    [Fact]
    [Row("D08")]
    public async Task So_many_at_once_and_the_next_when_one_is_over()
    {
        Start("concurrent: 1");
        var go = new TaskCompletionSource();
        var reached = new TaskCompletionSource();
        _gateway.Guide.Before = async _ =>
        {
            reached.TrySetResult();
            await go.Task;
        };
        var first = _gateway.AskAsync(Look);
        await reached.Task;

        var refusal = (await _gateway.AskAsync(Look)).Refused!;
        Assert.Equal((RefusalCode.Limit, TimeSpan.FromSeconds(1)), (refusal.Code, refusal.RetryAfter));
        go.SetResult();
        Assert.Null((await first).Refused);
        Assert.Null((await _gateway.AskAsync(Look)).Refused);
    }

    [Fact]
    public async Task A_reply_that_is_too_long_ends_with_an_error_and_is_never_cut_short_in_silence()
    {
        Start("bytes: 100");
        _gateway.Guide.Answers = static _ => ["\"" + new string('a', 60) + "\"", "\"" + new string('b', 60) + "\"", "\"end\""];

        var exchange = await _gateway.AskAsync(Look);

        Assert.Equal(RefusalCode.Limit, exchange.Refused!.Code);
        Assert.DoesNotContain(exchange.Replied, reply => reply.Contains('b', StringComparison.Ordinal) || reply.Contains("end", StringComparison.Ordinal));
        Assert.Equal((Outcome.Unknown, RefusalCode.Limit), (_gateway.Recorder.Endings.Last().Outcome, _gateway.Recorder.Endings.Last().Code));
    }

    [Fact]
    public async Task What_takes_too_long_is_cut()
    {
        Start("time: 10s");
        var reached = new TaskCompletionSource();
        _gateway.Guide.Before = async cancelled =>
        {
            reached.SetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, cancelled);
        };
        var running = _gateway.AskAsync(Look);
        await reached.Task;

        _gateway.Clock.Advance(TimeSpan.FromSeconds(9.9));
        Assert.False(running.IsCompleted);
        _gateway.Clock.Advance(TimeSpan.FromSeconds(0.6));

        Assert.Equal(RefusalCode.Limit, (await running).Refused!.Code);
    }

    [Fact]
    public async Task People_are_not_asked_for_what_could_not_be_forwarded()
    {
        Start("calls: 1/h");
        await _gateway.AskAsync(Look);
        _gateway.Publish(PolicyOf("calls: 1/h", "  - { id: ask, on: { gestures: [look] }, then: guard, hold: { approvers: { groups: [guards] } } }\n"));

        Assert.Equal(RefusalCode.Limit, (await _gateway.AskAsync(Look)).Refused!.Code);
        Assert.Empty(await _gateway.Holds.ListAsync(null, 10, CancellationToken.None));
    }

    [Theory]
    [InlineData("calls: 100", "`calls` must be a number from 1 to 1000000 and the time it is for, at most 7d, such as `100/h` or `5/10m`; found `100`")]
    [InlineData("calls: 0/h", "`calls` must be a number from 1 to 1000000 and the time it is for, at most 7d, such as `100/h` or `5/10m`; found `0/h`")]
    [InlineData("calls: 1/8d", "`calls` must be a number from 1 to 1000000 and the time it is for, at most 7d, such as `100/h` or `5/10m`; found `1/8d`")]
    [InlineData("concurrent: -1", "`concurrent` must be a whole number above zero, found `-1`")]
    [InlineData("bytes: lots", "`bytes` must be a size such as `65536`, `64KiB` or `10MiB`, found `lots`")]
    [InlineData("per: planet", "`per` is one of `identity`, `agent`, `connection`; found `planet`")]
    [InlineData("cals: 1/h", "unknown key `cals`; did you mean `calls`?")]
    public void A_bad_limit_loads_nothing(string limits, string complaint)
    {
        _gateway = new ToyGateway("version: 1");
        var result = PolicyText.Load("rules: [{id: a, who: anyone, on: {doors: [cellar]}, then: allow, limits: {" + limits + "}}]");

        Assert.Null(result.Set);
        Assert.Contains(result.Problems, problem => problem.Message == complaint);
    }

    [Fact]
    public void A_deny_has_nothing_to_limit()
    {
        _gateway = new ToyGateway("version: 1");

        Assert.Null(PolicyText.Load("rules: [{id: a, on: {doors: [cellar]}, then: deny, limits: {calls: 1/h}}]").Set);
    }
}
