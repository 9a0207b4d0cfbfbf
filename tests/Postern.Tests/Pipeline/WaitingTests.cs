using Postern.Core.Approvals;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Core.Recording;
using Postern.Gateway.Approvals;
using Postern.Tests.Doubles;
using Postern.Tests.Gateway;

namespace Postern.Tests.Pipeline;

/// <summary>Callers that are kept waiting for people, and everything that can happen to them meanwhile.</summary>
public sealed class WaitingTests : IDisposable
{
    private const string Touch = """{"gesture":"touch","exhibit":"hall/statue"}""";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(45);
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(60);
    private static readonly Identity Alice = Samples.Person("alice", "visitors");

    private readonly ToyGateway _gateway = new(PipelineTests.Policy);

    public void Dispose() => _gateway.Dispose();

    [Fact]
    [Guarantee("G7")]
    public async Task The_answer_lets_the_waiting_call_go_on_and_the_record_tells_it_in_order()
    {
        var (exchange, running) = await WaitAsync();

        Assert.Equal(AnswerResult.Accepted, await _gateway.AnswerAsync(await HoldAsync(), approve: true));

        await running.WaitAsync(Soon, TestContext.Current.CancellationToken);
        Assert.Null(exchange.Refused);
        Assert.Single(_gateway.Guide.Heard);
        Assert.Equal(["intent toy.touch", "intent durable", "cleared"], _gateway.Recorder.Log.Take(3));
        Assert.Equal(RefusalCode.HoldPending, Assert.Single(exchange.Signs).Code);
        Assert.Equal(0, _gateway.Leash.WaitingCount);
    }

    [Fact]
    public async Task A_caller_is_shown_a_sign_of_life_at_once_and_every_ten_seconds()
    {
        var (exchange, running) = await WaitAsync();

        for (var sign = 2; sign <= 5; sign++)
        {
            _gateway.Clock.Advance(ApprovalDesk.SignOfLife);
            await UntilAsync(() => exchange.Signs.Count == sign && Sleeps);
        }
        _gateway.Clock.Advance(ApprovalDesk.SignOfLife);
        await running.WaitAsync(Soon, TestContext.Current.CancellationToken);

        Assert.NotNull(exchange.Pending);
        Assert.Equal(Outcome.Pending, Assert.Single(_gateway.Recorder.Endings).Outcome);
        Assert.Empty(_gateway.Guide.Heard);
    }

    [Theory]
    [InlineData(-3600)]
    [InlineData(600)]
    [Row("F14")]
    public async Task A_clock_that_is_set_makes_nobody_wait_longer_or_shorter(int seconds)
    {
        var (exchange, running) = await WaitAsync();

        _gateway.Clock.Shift(TimeSpan.FromSeconds(seconds));
        for (var sign = 2; sign <= 5; sign++)
        {
            _gateway.Clock.Advance(ApprovalDesk.SignOfLife);
            await UntilAsync(() => exchange.Signs.Count == sign && Sleeps);
        }
        Assert.False(running.IsCompleted);
        _gateway.Clock.Advance(TimeSpan.FromSeconds(5));

        await running.WaitAsync(Soon, TestContext.Current.CancellationToken);
        Assert.NotNull(exchange.Pending);
    }

    [Fact]
    public async Task A_no_ends_the_waiting()
    {
        var (exchange, running) = await WaitAsync();

        await _gateway.AnswerAsync(await HoldAsync(), approve: false);

        await running.WaitAsync(Soon, TestContext.Current.CancellationToken);
        Assert.Equal(RefusalCode.HoldRejected, exchange.Refused!.Code);
        Assert.Empty(_gateway.Guide.Heard);
    }

    [Fact]
    [Row("F16")]
    public async Task An_approver_who_never_answers_ends_the_waiting_as_a_denial_and_the_next_call_asks_anew()
    {
        var exchange = _gateway.Exchange(Touch, TimeSpan.FromHours(2));
        var running = RunAsync(exchange);
        await UntilAsync(() => exchange.Signs.Count == 1);
        var first = await HoldAsync();

        while (!running.IsCompleted)
        {
            _gateway.Clock.Advance(ApprovalDesk.SignOfLife);
            await Task.Yield();
        }

        Assert.Equal(RefusalCode.HoldExpired, exchange.Refused!.Code);
        Assert.Equal((Outcome.Denied, first.Id), (Assert.Single(_gateway.Recorder.Endings).Outcome, _gateway.Recorder.Endings.Single().Hold));
        Assert.Equal(0, _gateway.Leash.WaitingCount);
        var again = await _gateway.AskAsync(Touch);
        Assert.NotEqual(first.Id, again.Pending!.Id);
        Assert.Empty(_gateway.Guide.Heard);
    }

    [Theory]
    [InlineData(0, AnswerResult.Over, RefusalCode.HoldExpired)]
    [InlineData(-1, AnswerResult.Accepted, null)]
    [Row("A08")]
    public async Task An_answer_at_the_instant_of_expiry_has_one_outcome_for_the_approver_and_the_caller(long ticks, AnswerResult told, string? code)
    {
        var exchange = _gateway.Exchange(Touch, TimeSpan.FromHours(2));
        var running = RunAsync(exchange);
        await UntilAsync(() => exchange.Signs.Count == 1 && Sleeps);
        var hold = await HoldAsync();

        _gateway.Clock.Advance(hold.ExpiresAt - _gateway.Clock.GetUtcNow() + TimeSpan.FromTicks(ticks));
        Assert.Equal(told, await _gateway.AnswerAsync(hold, approve: true));
        await _gateway.Desk.SweepAsync(CancellationToken.None);

        await running.WaitAsync(Soon, TestContext.Current.CancellationToken);
        Assert.Equal(code, exchange.Refused?.Code);
        Assert.Equal(code is null ? 1 : 0, _gateway.Guide.Heard.Count);
    }

    [Fact]
    [Row("A09")]
    public async Task When_approve_and_deny_race_either_it_was_used_before_the_no_or_it_never_runs()
    {
        for (var round = 0; round < 100; round++)
        {
            using var gateway = new ToyGateway(PipelineTests.Policy);
            var exchange = gateway.Exchange(Touch, round % 2 == 0 ? Patience : TimeSpan.Zero);
            var running = gateway.Pipeline.RunAsync(exchange, Alice, CancellationToken.None).AsTask();
            await UntilAsync(() => exchange.Signs.Count == 1 || running.IsCompleted);
            var hold = (await gateway.Holds.ListAsync(null, 1, CancellationToken.None)).Single();

            var answers = await Task.WhenAll(
                Task.Run(() => gateway.AnswerAsync(hold, approve: true, "bob")), Task.Run(() => gateway.AnswerAsync(hold, approve: false, "carol")));
            await running.WaitAsync(Soon, TestContext.Current.CancellationToken);
            var repeat = await gateway.AskAsync(Touch);

            if (answers[1] == AnswerResult.Accepted)
            {
                Assert.Empty(gateway.Guide.Heard);
                Assert.Equal(RefusalCode.HoldRejected, repeat.Refused!.Code);
            }
            else
            {
                Assert.Equal((AnswerResult.Accepted, AnswerResult.Over), (answers[0], answers[1]));
                Assert.Single(gateway.Guide.Heard);
            }
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Row("A09")]
    public async Task An_approval_that_was_not_used_yet_is_taken_back_by_a_no(bool onDisk)
    {
        using var folder = new TemporaryFolder();
        using var store = onDisk ? SqliteHoldStore.Open(folder.Path) : null;
        using var gateway = new ToyGateway(PipelineTests.Policy, store);
        var hold = (await gateway.AskAsync(Touch)).Pending!;
        Assert.Equal(AnswerResult.Accepted, await gateway.AnswerAsync(hold, approve: true, "bob"));
        Assert.Equal(AnswerResult.Over, await gateway.AnswerAsync(hold, approve: true, "carol"));

        Assert.Equal(AnswerResult.Accepted, await gateway.AnswerAsync(hold, approve: false, "bob"));

        Assert.Equal(RefusalCode.HoldRejected, (await gateway.AskAsync(Touch)).Refused!.Code);
        Assert.Equal(AnswerResult.Over, await gateway.AnswerAsync(hold, approve: true, "carol"));
        Assert.Empty(gateway.Guide.Heard);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Row("A16")]
    [Row("F17")]
    public async Task What_is_approved_after_the_caller_left_is_not_executed_and_the_repeat_finds_the_approval(bool bySaying)
    {
        using var gone = new CancellationTokenSource();
        var exchange = _gateway.Exchange(Touch, Patience);
        var running = RunAsync(exchange, callerGone: gone.Token);
        await UntilAsync(() => exchange.Signs.Count == 1);

        if (bySaying) exchange.Waiting!.Leave();
        else await gone.CancelAsync();
        await running.WaitAsync(Soon, TestContext.Current.CancellationToken);
        await _gateway.AnswerAsync(await HoldAsync(), approve: true);

        Assert.Empty(_gateway.Guide.Heard);
        Assert.Empty(_gateway.Recorder.Clearings);
        Assert.Equal(Outcome.Pending, Assert.Single(_gateway.Recorder.Endings).Outcome);
        Assert.Null((await _gateway.AskAsync(Touch)).Refused);
        Assert.Single(_gateway.Guide.Heard);
    }

    [Fact]
    [Row("A16")]
    public async Task Who_leaves_while_the_answer_comes_uses_no_approval()
    {
        for (var round = 0; round < 100; round++)
        {
            using var gateway = new ToyGateway(PipelineTests.Policy);
            using var gone = new CancellationTokenSource();
            var exchange = gateway.Exchange(Touch, Patience);
            var running = gateway.Pipeline.RunAsync(exchange, Alice, gone.Token).AsTask();
            await UntilAsync(() => exchange.Signs.Count == 1);
            var hold = (await gateway.Holds.ListAsync(null, 1, CancellationToken.None)).Single();

            // The leaving comes first; what is woken by the answer must see it.
            await gone.CancelAsync();
            await gateway.AnswerAsync(hold, approve: true);

            await running.WaitAsync(Soon, TestContext.Current.CancellationToken);
            Assert.Empty(gateway.Guide.Heard);
            Assert.Empty(gateway.Recorder.Clearings);
        }
    }

    [Fact]
    [Row("J17")]
    [Guarantee("G10")]
    public async Task The_end_of_the_credential_ends_the_waiting_and_what_is_approved_then_is_not_executed()
    {
        var exchange = _gateway.Exchange(Touch, TimeSpan.FromMinutes(5));
        var identity = new Identity { Issuer = "demo", Subject = "alice", Kind = IdentityKind.Person, Groups = ["visitors"], ExpiresAt = _gateway.Clock.GetUtcNow() + TimeSpan.FromSeconds(9) };
        var running = RunAsync(exchange, identity);
        await UntilAsync(() => exchange.Signs.Count == 1 && Sleeps);
        var hold = await HoldAsync();

        _gateway.Clock.Advance(TimeSpan.FromSeconds(9));
        await running.WaitAsync(Soon, TestContext.Current.CancellationToken);
        await _gateway.AnswerAsync(hold, approve: true);

        Assert.Equal(RefusalCode.CredentialEnded, exchange.Refused!.Code);
        Assert.Equal((Outcome.Pending, RefusalCode.CredentialEnded, hold.Id), (_gateway.Recorder.Endings.Single().Outcome, _gateway.Recorder.Endings.Single().Code, _gateway.Recorder.Endings.Single().Hold));
        Assert.Empty(_gateway.Guide.Heard);
    }

    [Fact]
    [Guarantee("G10")]
    public async Task Taking_a_right_away_ends_the_waiting()
    {
        var (exchange, running) = await WaitAsync();

        Assert.Equal(1, _gateway.Leash.Cut((identity, _) => identity.Subject == "alice", ClearanceEnd.CredentialEnded));

        await running.WaitAsync(Soon, TestContext.Current.CancellationToken);
        Assert.Equal(RefusalCode.CredentialEnded, exchange.Refused!.Code);
    }

    [Fact]
    [Row("A19")]
    [Guarantee("G10")]
    public async Task A_policy_that_comes_to_deny_ends_the_waiting_at_once()
    {
        var (exchange, running) = await WaitAsync();

        _gateway.Publish(PipelineTests.Policy.Replace("gestures: [touch]", "gestures: [wave]", StringComparison.Ordinal));

        await running.WaitAsync(Soon, TestContext.Current.CancellationToken);
        Assert.Equal(RefusalCode.NotPermitted, exchange.Refused!.Code);
        await _gateway.AnswerAsync(await HoldAsync(), approve: true);
        Assert.Empty(_gateway.Guide.Heard);
    }

    [Fact]
    [Row("A19")]
    public async Task A_policy_that_comes_to_allow_lets_the_waiting_call_go_on_without_people()
    {
        var (exchange, running) = await WaitAsync();

        _gateway.Publish(PipelineTests.Policy.Replace("gestures: [look]", "gestures: [look, touch]", StringComparison.Ordinal).Replace("exhibits: [\"hall/*\"] }\n    then: hold", "exhibits: [\"attic/*\"] }\n    then: hold", StringComparison.Ordinal));

        await running.WaitAsync(Soon, TestContext.Current.CancellationToken);
        Assert.Null(exchange.Refused);
        Assert.Single(_gateway.Guide.Heard);
        Assert.Empty(_gateway.Recorder.Clearings);
    }

    [Fact]
    public async Task Stopping_sends_away_who_waits_at_once_and_whoever_comes_afterwards()
    {
        var (exchange, running) = await WaitAsync();

        await _gateway.Leash.StopAsync(TimeSpan.FromSeconds(10));
        await running.WaitAsync(Soon, TestContext.Current.CancellationToken);
        var late = await _gateway.AskAsync(Touch, patience: Patience).WaitAsync(Soon, TestContext.Current.CancellationToken);

        Assert.NotNull(exchange.Pending);
        Assert.NotNull(late.Pending);
    }

    [Fact]
    [Row("D08")]
    [Guarantee("G16")]
    public async Task Beyond_its_share_an_identity_is_not_kept_waiting_and_others_are_and_approvals_still_count()
    {
        using var gateway = new ToyGateway(PipelineTests.Policy, maxWaiting: 2);
        var two = Enumerable.Range(0, 2).Select(_ => gateway.AskAsync(Touch, patience: Patience)).ToList();
        await UntilAsync(() => gateway.Leash.WaitingCount == 2);

        var third = await gateway.AskAsync(Touch, patience: Patience).WaitAsync(Soon, TestContext.Current.CancellationToken);
        var other = gateway.AskAsync(Touch, Samples.Person("zoe", "visitors"), Patience);
        await UntilAsync(() => gateway.Leash.WaitingCount == 3);
        Assert.NotNull(third.Pending);
        Assert.Empty(third.Signs);

        // A repeat beyond the share does not wait, but it may use what is there.
        var hat = """{"gesture":"touch","exhibit":"hall/hat"}""";
        await gateway.AnswerAsync((await gateway.AskAsync(hat, patience: Patience)).Pending!, approve: true);
        Assert.Null((await gateway.AskAsync(hat, patience: Patience)).Refused);

        await gateway.AnswerAsync(third.Pending, approve: false);
        await Task.WhenAll(two).WaitAsync(Soon, TestContext.Current.CancellationToken);
        var again = gateway.AskAsync("""{"gesture":"touch","exhibit":"hall/coat"}""", patience: Patience);
        await UntilAsync(() => gateway.Leash.WaitingCount == 2);
        await gateway.Leash.StopAsync(TimeSpan.FromSeconds(1));
        await Task.WhenAll(again, other).WaitAsync(Soon, TestContext.Current.CancellationToken);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Row("A03")]
    [Guarantee("G7")]
    public async Task Of_a_thousand_calls_that_wait_and_repeat_at_once_exactly_one_runs(bool onDisk)
    {
        using var folder = new TemporaryFolder();
        using var store = onDisk ? SqliteHoldStore.Open(folder.Path) : null;
        using var gateway = new ToyGateway(PipelineTests.Policy, store);
        var waiting = Enumerable.Range(0, 500).Select(_ => gateway.AskAsync(Touch, patience: Patience)).ToList();
        await UntilAsync(() => gateway.Leash.WaitingCount == 500);
        Hold? hold = null;
        while (hold is null) hold = (await gateway.Holds.ListAsync(null, 1, CancellationToken.None)).FirstOrDefault();

        var repeats = Task.Run(() => Parallel.ForEachAsync(Enumerable.Range(0, 500), async (_, _) => await gateway.AskAsync(Touch)));
        Assert.Equal(AnswerResult.Accepted, await gateway.AnswerAsync(hold, approve: true));
        await repeats;
        // Those that came too late for the one approval ask anew, and wait for that until they are sent away.
        await gateway.Leash.StopAsync(TimeSpan.FromSeconds(1));
        await Task.WhenAll(waiting).WaitAsync(Soon, TestContext.Current.CancellationToken);

        Assert.Single(gateway.Guide.Heard);
        Assert.Single(gateway.Recorder.Clearings);
        Assert.Equal(1_000, gateway.Recorder.Endings.Count);
    }

    // The leash's sweep is one timer, a caller's sleep the other.
    private bool Sleeps => _gateway.Clock.Armed == 2;

    private async Task<(ToyExchange Exchange, Task Running)> WaitAsync()
    {
        var exchange = _gateway.Exchange(Touch, Patience);
        var running = RunAsync(exchange);
        await UntilAsync(() => exchange.Signs.Count == 1 && Sleeps);
        return (exchange, running);
    }

    private Task RunAsync(ToyExchange exchange, Identity? identity = null, CancellationToken callerGone = default) =>
        _gateway.Pipeline.RunAsync(exchange, identity ?? Alice, callerGone).AsTask();

    private async Task<Hold> HoldAsync() => (await _gateway.Holds.ListAsync(null, 1, CancellationToken.None)).Single();

    private static async Task UntilAsync(Func<bool> isReached)
    {
        using var patience = new CancellationTokenSource(Soon);
        while (!isReached())
        {
            patience.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }
}
