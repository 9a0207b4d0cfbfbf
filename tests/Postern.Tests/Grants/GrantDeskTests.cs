using System.Collections.Immutable;
using Postern.Core.Approvals;
using Postern.Core.Grants;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Core.Recording;
using Postern.Tests.Doubles;
using Postern.Tests.Pipeline;

namespace Postern.Tests.Grants;

/// <summary>From asking to the end of a grant, through the real pipeline and stores.</summary>
public sealed class GrantDeskTests : IDisposable
{
    internal const string Policy =
        """
        version: 1
        requests:
          - id: touch-statues
            who: { groups: [visitors] }
            grant: { on: { connection: museum, gestures: [touch], exhibits: ["hall/*"] } }
            for: { default: 30m, max: 2h }
            approvers: { groups: [guards], count: 1 }
          - id: alarm
            who: { groups: [guards] }
            grant: { on: { connection: museum, gestures: [touch], exhibits: ["**"] } }
            for: { max: 15m }
            approvers: { groups: [directors] }
            break_glass: true
        """;

    private const string Touch = """{"gesture":"touch","exhibit":"hall/statue"}""";

    private readonly ToyGateway _gateway = new(Policy);

    public void Dispose() => _gateway.Dispose();

    [Fact]
    public async Task A_refusal_says_that_it_may_be_asked_for_where_and_of_whom()
    {
        var refusal = (await _gateway.AskAsync(Touch)).Refused!;

        Assert.Equal(RefusalCode.NotPermitted, refusal.Code);
        Assert.Equal("https://gate.example/request/touch-statues?agent=test-agent", refusal.RequestUrl);
        Assert.Equal(["guards"], refusal.Approvers);
        Assert.Contains("request `touch-statues`, for at most 2h", refusal.Reason, StringComparison.Ordinal);
        Assert.Null((await _gateway.AskAsync(Touch, Samples.Person("zoe", "cleaners"))).Refused!.RequestUrl);
    }

    [Fact]
    [Guarantee("G10")]
    public async Task When_people_agree_it_permits_at_once_and_the_record_names_it()
    {
        var grant = await AskedAsync();
        Assert.NotNull((await _gateway.AskAsync(Touch)).Refused);

        Assert.Equal(AnswerResult.Accepted, await _gateway.AnswerAsync(await HoldOf(grant), approve: true));

        Assert.Null((await _gateway.AskAsync(Touch)).Refused);
        Assert.Equal([grant.Id], _gateway.Recorder.Intents.Last().Decision.Grants);
        var given = (await _gateway.GrantStore.FindAsync(grant.Id, CancellationToken.None))!;
        Assert.Equal((GrantState.Active, _gateway.Clock.GetUtcNow() + TimeSpan.FromMinutes(30)), (given.State, given.EndsAt));
        Assert.Equal(["demo:bob"], given.Approvers);
        Assert.Equal(HoldState.Consumed, (await HoldOf(grant)).State);
        Assert.Equal(["grant.asked", "hold.opened", "hold.answered", "grant.given"], _gateway.Recorder.Occurrences.Select(noted => noted.Kind));
    }

    [Fact]
    [Row("A18")]
    public async Task A_grant_is_for_one_identity_one_agent_and_its_entry_alone()
    {
        await GivenAsync();

        Assert.NotNull((await _gateway.AskAsync(Touch, Samples.Person("zoe", "visitors"))).Refused);
        Assert.NotNull((await _gateway.AskAsync(Touch, Through("alice", "other-agent"))).Refused);
        Assert.NotNull((await _gateway.AskAsync(Touch, Through("alice", null))).Refused);
        Assert.NotNull((await _gateway.AskAsync("""{"gesture":"touch","exhibit":"cellar/statue"}""")).Refused);
        Assert.NotNull((await _gateway.AskAsync(Touch, Samples.Person("alice", "cleaners"))).Refused);
        Assert.Null((await _gateway.AskAsync(Touch)).Refused);
    }

    [Theory]
    [Row("A18")]
    [InlineData(-60)]
    [InlineData(0)]
    [InlineData(7201)]
    [InlineData(int.MaxValue)]
    public async Task Longer_than_the_entry_says_or_no_time_at_all_cannot_be_asked_for(int seconds)
    {
        var answer = await _gateway.Grants.AskAsync(Samples.Person("alice", "visitors"), new GrantAsk("touch-statues", TimeSpan.FromSeconds(seconds), "why", "test-agent"), CancellationToken.None);

        Assert.Contains("is granted for 1s to 2h", Assert.IsType<GrantAnswer.Invalid>(answer).Complaint, StringComparison.Ordinal);
        Assert.Empty(await _gateway.Holds.ListAsync(null, 10, CancellationToken.None));
    }

    [Fact]
    public async Task Asking_needs_a_reason_and_an_entry_that_is_for_the_asker()
    {
        Assert.IsType<GrantAnswer.Invalid>(await AskAsync(reason: " "));
        Assert.IsType<GrantAnswer.Invalid>(await AskAsync(reason: new string('x', 1_001)));
        Assert.IsType<GrantAnswer.NotFound>(await AskAsync(entry: "nothing"));
        Assert.IsType<GrantAnswer.NotFound>(await AskAsync(who: Samples.Person("zoe", "cleaners")));
        Assert.Empty(_gateway.Recorder.Occurrences);
    }

    [Fact]
    [Row("A14")]
    public async Task The_identical_request_is_one_question_and_another_reason_is_another()
    {
        var first = await AskedAsync();

        Assert.Equal(first.Id, (await AskedAsync()).Id);
        Assert.NotEqual(first.Id, (await AskedAsync("something else")).Id);
        Assert.Equal(2, (await _gateway.Holds.OpenAsync(_gateway.Clock.GetUtcNow(), CancellationToken.None)).Length);
        Assert.Equal(2, (await _gateway.GrantStore.ListAsync(null, 10, CancellationToken.None)).Length);
    }

    [Fact]
    [Row("A04")]
    [Guarantee("G8")]
    public async Task Nobody_gives_access_to_themselves()
    {
        var grant = await AskedAsync(who: Samples.Person("bob", "visitors", "guards"));

        Assert.Equal(AnswerResult.NotAllowed, await _gateway.AnswerAsync(await HoldOf(grant), approve: true, "bob"));
        Assert.Equal(GrantState.Asked, (await _gateway.GrantStore.FindAsync(grant.Id, CancellationToken.None))!.State);
    }

    [Fact]
    public async Task A_no_gives_nothing_and_says_so()
    {
        var grant = await AskedAsync();

        await _gateway.AnswerAsync(await HoldOf(grant), approve: false);

        var closed = (await _gateway.GrantStore.FindAsync(grant.Id, CancellationToken.None))!;
        Assert.Equal((GrantState.NotGiven, "a person said no"), (closed.State, closed.ClosedBecause));
        Assert.NotNull((await _gateway.AskAsync(Touch)).Refused);
    }

    [Fact]
    [Row("A17")]
    [Guarantee("G10")]
    public async Task What_runs_at_the_end_is_cut_within_a_second()
    {
        await GivenAsync();
        var ends = _gateway.Clock.GetUtcNow() + TimeSpan.FromMinutes(30);
        _gateway.Clock.Advance(TimeSpan.FromMinutes(30) - TimeSpan.FromSeconds(1)); // connects one second before the end
        var running = await RunningAsync();

        _gateway.Clock.Advance(TimeSpan.FromMilliseconds(999));
        Assert.False(running.IsCompleted);
        _gateway.Clock.Advance(TimeSpan.FromMilliseconds(501));

        Assert.True(_gateway.Clock.GetUtcNow() - ends <= TimeSpan.FromSeconds(1));
        Assert.Equal(RefusalCode.GrantExpired, (await running).Refused!.Code);
        Assert.Equal(Outcome.Unknown, _gateway.Recorder.Endings.Last().Outcome);
        Assert.NotNull((await _gateway.AskAsync(Touch)).Refused);
        await _gateway.Grants.SweepAsync(CancellationToken.None);
        Assert.Equal("grant.ended", _gateway.Recorder.Occurrences.Last().Kind);
    }

    [Fact]
    [Guarantee("G10")]
    public async Task What_another_grant_or_a_rule_gives_too_goes_on()
    {
        await GivenAsync();
        _gateway.Clock.Advance(TimeSpan.FromMinutes(20));
        await GivenAsync("renewed");
        var running = await RunningAsync();

        _gateway.Clock.Advance(TimeSpan.FromMinutes(11));
        Assert.False(running.IsCompleted);
        _gateway.Clock.Advance(TimeSpan.FromMinutes(20));

        Assert.Equal(RefusalCode.GrantExpired, (await running).Refused!.Code);
    }

    [Fact]
    [Row("A09")]
    [Guarantee("G10")]
    public async Task Taking_it_back_cuts_what_runs_at_once()
    {
        var grant = await GivenAsync();
        var running = await RunningAsync();

        Assert.Equal(GrantRevocation.NotFresh, await RevokeAsync(grant, Samples.Person("bob", "guards")));
        Assert.Equal(GrantRevocation.NotFound, await RevokeAsync(grant, _gateway.Fresh("zoe", ["cleaners"])));
        Assert.False(running.IsCompleted);
        Assert.Equal(GrantRevocation.Revoked, await RevokeAsync(grant, _gateway.Fresh("bob", ["guards"])));

        Assert.Equal(RefusalCode.GrantExpired, (await running).Refused!.Code);
        Assert.NotNull((await _gateway.AskAsync(Touch)).Refused);
        Assert.Equal(GrantRevocation.Over, await RevokeAsync(grant, _gateway.Fresh("bob", ["guards"])));
        Assert.Equal("grant.revoked", _gateway.Recorder.Occurrences.Last().Kind);
    }

    [Fact]
    public async Task Ones_own_is_given_back_with_any_credential()
    {
        var grant = await GivenAsync();

        Assert.Equal(GrantRevocation.Revoked, await RevokeAsync(grant, Samples.Person("alice", "visitors")));
        Assert.NotNull((await _gateway.AskAsync(Touch)).Refused);
    }

    [Fact]
    [Row("A19")]
    public async Task Another_scope_in_the_policy_voids_what_was_given_and_what_was_asked()
    {
        await GivenAsync();
        var asked = await AskedAsync("more");
        var running = await RunningAsync();

        _gateway.Publish(Policy.Replace("hall/*", "**", StringComparison.Ordinal));

        Assert.Equal(RefusalCode.NotPermitted, (await running).Refused!.Code);
        Assert.NotNull((await _gateway.AskAsync(Touch)).Refused);
        await _gateway.AnswerAsync(await HoldOf(asked), approve: true);
        var closed = (await _gateway.GrantStore.FindAsync(asked.Id, CancellationToken.None))!;
        Assert.Equal((GrantState.NotGiven, "the policy changed what may be asked for"), (closed.State, closed.ClosedBecause));
    }

    [Fact]
    [Row("A19")]
    public async Task More_people_in_the_policy_than_agreed_give_nothing_and_a_shorter_time_counts()
    {
        var asked = await AskedAsync();
        _gateway.Publish(Policy.Replace("guards], count: 1", "guards], count: 2", StringComparison.Ordinal));
        await _gateway.AnswerAsync(await HoldOf(asked), approve: true);
        Assert.Equal(GrantState.NotGiven, (await _gateway.GrantStore.FindAsync(asked.Id, CancellationToken.None))!.State);

        _gateway.Publish(Policy);
        var second = await AskedAsync("again");
        _gateway.Publish(Policy.Replace("default: 30m, max: 2h", "default: 5m, max: 10m", StringComparison.Ordinal));
        await _gateway.AnswerAsync(await HoldOf(second), approve: true);
        Assert.Equal(_gateway.Clock.GetUtcNow() + TimeSpan.FromMinutes(10), (await _gateway.GrantStore.FindAsync(second.Id, CancellationToken.None))!.EndsAt);
    }

    [Fact]
    [Guarantee("G1")]
    public async Task What_cannot_be_written_down_is_not_given_and_is_given_when_it_can_be()
    {
        var grant = await AskedAsync();
        var hold = await HoldOf(grant);
        // The answer itself is written; what follows from it cannot be.
        await _gateway.Holds.TryAnswerAsync(hold, hold with { State = HoldState.Approved, UsableUntil = _gateway.Clock.GetUtcNow() + TimeSpan.FromMinutes(10), Answers = [new Answer("demo:bob", "bob", ["demo:guards"], true, "", _gateway.Clock.GetUtcNow())] }, CancellationToken.None);
        _gateway.Recorder.FailNotes = true;

        await Assert.ThrowsAsync<RecordingException>(async () => await _gateway.Grants.SweepAsync(CancellationToken.None));
        Assert.NotNull((await _gateway.AskAsync(Touch)).Refused);

        _gateway.Recorder.FailNotes = false;
        _gateway.Clock.Advance(TimeSpan.FromMinutes(4));
        await _gateway.Grants.SweepAsync(CancellationToken.None);
        Assert.Null((await _gateway.AskAsync(Touch)).Refused);
        Assert.Equal(hold.OpenedAt + TimeSpan.FromMinutes(30), (await _gateway.GrantStore.FindAsync(grant.Id, CancellationToken.None))!.EndsAt);
    }

    [Fact]
    public async Task It_lives_over_a_restart_to_the_same_end()
    {
        await GivenAsync();
        _gateway.Clock.Advance(TimeSpan.FromMinutes(10));

        await _gateway.RestartGrantsAsync();

        Assert.Null((await _gateway.AskAsync(Touch)).Refused);
        _gateway.Clock.Advance(TimeSpan.FromMinutes(20));
        Assert.NotNull((await _gateway.AskAsync(Touch)).Refused);
    }

    [Theory]
    [Row("A08")]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_clock_that_is_set_back_gives_no_time_again(bool restarted)
    {
        await GivenAsync();
        _gateway.Clock.Advance(TimeSpan.FromMinutes(25));
        await _gateway.Grants.SweepAsync(CancellationToken.None);

        _gateway.Clock.Shift(TimeSpan.FromHours(-3));
        if (restarted) await _gateway.RestartGrantsAsync();

        Assert.Null((await _gateway.AskAsync(Touch)).Refused);
        _gateway.Clock.Advance(TimeSpan.FromMinutes(5));
        Assert.NotNull((await _gateway.AskAsync(Touch)).Refused);
    }

    [Fact]
    [Row("A08")]
    public async Task A_clock_that_is_set_forward_ends_it()
    {
        await GivenAsync();
        var running = await RunningAsync();

        _gateway.Clock.Shift(TimeSpan.FromMinutes(30));
        _gateway.Clock.Advance(TimeSpan.FromMilliseconds(500));

        Assert.Equal(RefusalCode.GrantExpired, (await running).Refused!.Code);
    }

    [Fact]
    [Row("A20")]
    public async Task Breaking_the_glass_is_for_people_who_signed_in_just_now_and_is_recorded_first()
    {
        var bob = _gateway.Fresh("bob", ["guards"]);
        Assert.IsType<GrantAnswer.NotFresh>(await AskAsync("alarm", Samples.Person("bob", "guards")));
        Assert.IsType<GrantAnswer.Invalid>(await AskAsync("alarm", bob, reason: ""));
        _gateway.Recorder.FailNotes = true;
        await Assert.ThrowsAsync<RecordingException>(async () => await AskAsync("alarm", bob));
        Assert.NotNull((await _gateway.AskAsync(Touch, Through("bob", "test-agent", "guards"))).Refused);
        _gateway.Recorder.FailNotes = false;

        var given = Assert.IsType<GrantAnswer.Given>(await AskAsync("alarm", bob)).Grant;

        Assert.Equal(TimeSpan.FromMinutes(15), given.EndsAt - given.GivenAt);
        Assert.Equal("grant.break_glass", Assert.Single(_gateway.Recorder.Occurrences).Kind);
        Assert.Null((await _gateway.AskAsync(Touch, Through("bob", "test-agent", "guards"))).Refused);
    }

    private ValueTask<GrantAnswer> AskAsync(string entry = "touch-statues", Identity? who = null, string reason = "to dust it") =>
        _gateway.Grants.AskAsync(who ?? Samples.Person("alice", "visitors"), new GrantAsk(entry, null, reason, "test-agent"), CancellationToken.None);

    private async Task<Grant> AskedAsync(string reason = "to dust it", Identity? who = null) => Assert.IsType<GrantAnswer.Asked>(await AskAsync(who: who, reason: reason)).Grant;

    private async Task<Grant> GivenAsync(string reason = "to dust it")
    {
        var grant = await AskedAsync(reason);
        Assert.Equal(AnswerResult.Accepted, await _gateway.AnswerAsync(await HoldOf(grant), approve: true));
        return (await _gateway.GrantStore.FindAsync(grant.Id, CancellationToken.None))!;
    }

    private async Task<Hold> HoldOf(Grant grant) => (await _gateway.Holds.FindAsync(grant.Hold!, CancellationToken.None))!;

    private ValueTask<GrantRevocation> RevokeAsync(Grant grant, Identity by) => _gateway.Grants.RevokeAsync(grant.Id, by, "enough", isAdministrator: false, CancellationToken.None);

    private static Identity Through(string who, string? agent, params ImmutableArray<string> groups) => new()
    {
        Issuer = "demo", Subject = who, Kind = IdentityKind.Person, Agent = agent, Groups = groups.IsDefaultOrEmpty ? ["visitors"] : groups,
    };

    /// <summary>An operation that reached the guide and goes on until it is cut.</summary>
    private async Task<Task<ToyExchange>> RunningAsync()
    {
        var reached = new TaskCompletionSource();
        _gateway.Guide.Before = async cancelled =>
        {
            _gateway.Guide.Before = null;
            reached.SetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, cancelled);
        };
        var running = _gateway.AskAsync(Touch);
        await reached.Task.WaitAsync(TimeSpan.FromSeconds(30));
        return running;
    }
}
