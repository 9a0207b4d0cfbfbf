using Postern.Core.Approvals;
using Postern.Core.Grants;
using Postern.Core.Pipeline;
using Postern.Tests.Doubles;
using Postern.Tests.Grants;
using Postern.Tests.Pipeline;

namespace Postern.Tests.Approvals;

/// <summary>
/// Every short history of what people, callers, clocks and restarts can do to one hold, and to one grant, against a literal model of what may come of it.
/// </summary>
public sealed class HistoryTests
{
    private const string HoldPolicy =
        """
        version: 1
        rules:
          - { id: touch, who: anyone, on: { connection: museum, gestures: [touch], exhibits: ["**"] }, then: hold, hold: { approvers: { groups: [guards] }, expires: 30m, valid: 10m } }
        """;

    private enum Event
    {
        Call,
        Approve,
        Deny,
        Short,
        Long,
        Sweep,
        RevokeApprover,
        Restart,
        ClockBack,
    }

    private enum Change
    {
        Approve,
        Deny,
        Use,
        TakeBack,
        Short,
        Long,
        RevokeApprover,
        Restart,
        ClockBack,
        Narrow,
    }

    /// <summary>All of one length, after the first call; on the real store shorter ones.</summary>
    [Theory]
    [Row("A02")]
    [Row("A08")]
    [Row("A09")]
    [Row("A19")]
    [Guarantee("G7")]
    [InlineData(false, 3)]
    [InlineData(true, 2)]
    public async Task Every_history_of_a_hold_ends_as_the_model_says(bool isReal, int length)
    {
        using var gateway = new ToyGateway(HoldPolicy, isReal ? null : new MemoryHoldStore(), maxOpen: int.MaxValue, grants: new MemoryGrantStore());
        var number = 0;
        foreach (var history in Histories<Event>(length))
        {
            var message = $$"""{"gesture":"touch","exhibit":"hall/{{number++}}"}""";
            var model = new HoldModel();
            Hold? hold = null;
            foreach (var (step, at) in history.Prepend(Event.Call).Select((step, at) => (step, at)))
            {
                var expected = model.After(step, gateway.Clock.GetUtcNow());
                string? found = null;
                switch (step)
                {
                    case Event.Call:
                        var exchange = await gateway.AskAsync(message);
                        found = exchange.Refused?.Code ?? "forwarded";
                        hold = exchange.Pending ?? hold;
                        break;
                    case Event.Approve:
                    case Event.Deny:
                        found = (await gateway.AnswerAsync(hold!, step == Event.Approve, step == Event.Approve ? "bob" : "carol")).ToString();
                        break;
                    case Event.Short:
                        gateway.Clock.Advance(TimeSpan.FromMinutes(11));
                        break;
                    case Event.Long:
                        gateway.Clock.Advance(TimeSpan.FromMinutes(31));
                        break;
                    case Event.Sweep:
                        await gateway.Desk.SweepAsync(CancellationToken.None);
                        break;
                    case Event.RevokeApprover:
                        await gateway.Desk.RevokeAsync("demo:bob", gateway.Clock.GetUtcNow());
                        break;
                    case Event.Restart:
                        await gateway.RestartGrantsAsync();
                        break;
                    case Event.ClockBack:
                        gateway.Clock.Shift(TimeSpan.FromMinutes(-20));
                        break;
                }
                Assert.True(expected == found, $"{string.Join(" ", history)}: step {at} ({step}) gave `{found}`, expected `{expected}`");
            }
            Assert.True(model.Forwarded == gateway.Guide.Heard.Count(heard => heard == message), string.Join(" ", history));
        }
        Assert.Equal((int)Math.Pow(Enum.GetValues<Event>().Length, length), number);
    }

    [Theory]
    [Row("A08")]
    [Row("A09")]
    [Row("A17")]
    [Row("A18")]
    [Row("A19")]
    [Guarantee("G10")]
    [InlineData(3)]
    public async Task Every_history_of_a_grant_permits_what_the_model_permits(int length)
    {
        foreach (var history in Histories<Change>(length))
        {
            using var gateway = new ToyGateway(GrantDeskTests.Policy, new MemoryHoldStore(), grants: new MemoryGrantStore());
            await gateway.RestartGrantsAsync(); // as every gateway begins
            var model = new GrantModel(gateway.Clock.GetUtcNow());
            var grant = Assert.IsType<GrantAnswer.Asked>(await gateway.Grants.AskAsync(Samples.Person("alice", "visitors"), new GrantAsk("touch-statues", null, "to dust it", "test-agent"), CancellationToken.None)).Grant;
            var hold = (await gateway.Holds.FindAsync(grant.Hold!, CancellationToken.None))!;
            foreach (var change in history)
            {
                switch (change)
                {
                    case Change.Approve:
                    case Change.Deny:
                        await gateway.AnswerAsync(hold, change == Change.Approve, change == Change.Approve ? "bob" : "carol");
                        break;
                    case Change.Use:
                        break;
                    case Change.TakeBack:
                        await gateway.Grants.RevokeAsync(grant.Id, gateway.Fresh("bob", ["guards"]), "enough", isAdministrator: false, CancellationToken.None);
                        break;
                    case Change.Short:
                        gateway.Clock.Advance(TimeSpan.FromMinutes(11));
                        break;
                    case Change.Long:
                        gateway.Clock.Advance(TimeSpan.FromMinutes(31));
                        break;
                    case Change.RevokeApprover:
                        await gateway.Desk.RevokeAsync("demo:bob", gateway.Clock.GetUtcNow());
                        await gateway.Grants.RevokeAllAsync("demo:bob");
                        break;
                    case Change.Restart:
                        await gateway.RestartGrantsAsync();
                        break;
                    case Change.ClockBack:
                        gateway.Clock.Shift(TimeSpan.FromHours(-1));
                        break;
                    case Change.Narrow:
                        gateway.Publish(GrantDeskTests.Policy.Replace("hall/*", "hall/s*", StringComparison.Ordinal));
                        break;
                }
                model.After(change);
                // As the gateway does every few seconds.
                await gateway.Desk.SweepAsync(CancellationToken.None);
                await gateway.Grants.SweepAsync(CancellationToken.None);
                var isPermitted = (await gateway.AskAsync("""{"gesture":"touch","exhibit":"hall/statue"}""")).Refused is null;
                Assert.True(model.Permits == isPermitted, $"{string.Join(" ", history)}: after {change} it is {(isPermitted ? "permitted" : "refused")}, expected otherwise");
            }
        }
    }

    [Fact]
    [Row("A08")]
    [Guarantee("G7")]
    public async Task A_clock_that_is_set_back_hides_no_newer_question_behind_an_older_one()
    {
        using var gateway = new ToyGateway(HoldPolicy);
        const string touch = "{\"gesture\":\"touch\",\"exhibit\":\"hall/statue\"}";
        await gateway.AnswerAsync((await gateway.AskAsync(touch)).Pending!, approve: true);
        Assert.Null((await gateway.AskAsync(touch)).Refused);

        gateway.Clock.Shift(TimeSpan.FromHours(-1));
        await gateway.AnswerAsync((await gateway.AskAsync(touch)).Pending!, approve: true);

        Assert.Null((await gateway.AskAsync(touch)).Refused);
        Assert.Equal(2, gateway.Guide.Heard.Count);
    }

    private static IEnumerable<T[]> Histories<T>(int length)
        where T : struct, Enum
    {
        var events = Enum.GetValues<T>();
        var total = (int)Math.Pow(events.Length, length);
        for (var number = 0; number < total; number++)
        {
            var history = new T[length];
            for (var (at, rest) = (0, number); at < length; at++, rest /= events.Length) history[at] = events[rest % events.Length];
            yield return history;
        }
    }

    /// <summary>One hold at a time, by the clock on the wall.</summary>
    private sealed class HoldModel
    {
        private HoldState? _state;
        private DateTimeOffset _expires;
        private DateTimeOffset _usable;

        public int Forwarded { get; private set; }

        public string? After(Event step, DateTimeOffset now)
        {
            switch (step)
            {
                case Event.Call when _state == HoldState.Approved && now < _usable:
                    (_state, Forwarded) = (HoldState.Consumed, Forwarded + 1);
                    return "forwarded";
                case Event.Call when _state == HoldState.Denied && now < _expires:
                    return RefusalCode.HoldRejected;
                case Event.Call when _state == HoldState.Open && now < _expires:
                    return RefusalCode.HoldPending;
                case Event.Call:
                    (_state, _expires) = (HoldState.Open, now + TimeSpan.FromMinutes(30));
                    return RefusalCode.HoldPending;
                case Event.Approve when _state == HoldState.Open && now < _expires:
                    (_state, _usable) = (HoldState.Approved, now + TimeSpan.FromMinutes(10));
                    return nameof(AnswerResult.Accepted);
                case Event.Deny when (_state == HoldState.Open && now < _expires) || (_state == HoldState.Approved && now < _usable):
                    _state = HoldState.Denied;
                    return nameof(AnswerResult.Accepted);
                case Event.Approve:
                case Event.Deny:
                    return nameof(AnswerResult.Over);
                case Event.Sweep when (_state == HoldState.Open && now >= _expires) || (_state == HoldState.Approved && now >= _usable):
                    _state = HoldState.Expired;
                    return null;
                case Event.RevokeApprover when _state == HoldState.Approved:
                    _state = HoldState.Expired;
                    return null;
                default:
                    return null;
            }
        }
    }

    /// <summary>One grant, by the wall and by what has really passed.</summary>
    private sealed class GrantModel(DateTimeOffset wall)
    {
        private readonly DateTimeOffset _expires = wall + TimeSpan.FromMinutes(30);
        private DateTimeOffset _wall = wall;
        private DateTimeOffset _latest = wall;
        private DateTimeOffset _kept = wall;
        private TimeSpan _passed;
        private bool _isAsked = true;
        private bool _isActive;
        private bool _isNarrowed;
        private DateTimeOffset _ends;
        private TimeSpan _endsAfter;

        public bool Permits => _isActive && !_isNarrowed;

        public void After(Change change)
        {
            switch (change)
            {
                case Change.Approve when _isAsked && _wall < _expires:
                    _isAsked = false;
                    _isActive = !_isNarrowed;
                    (_ends, _endsAfter) = (_wall + TimeSpan.FromMinutes(30), _passed + TimeSpan.FromMinutes(30));
                    break;
                case Change.Deny:
                    _isAsked = false;
                    break;
                case Change.TakeBack:
                case Change.RevokeApprover:
                    _isActive = false;
                    break;
                case Change.Short:
                    Pass(TimeSpan.FromMinutes(11));
                    break;
                case Change.Long:
                    Pass(TimeSpan.FromMinutes(31));
                    break;
                case Change.ClockBack:
                    _wall -= TimeSpan.FromHours(1);
                    break;
                case Change.Narrow:
                    _isNarrowed = true;
                    break;
                case Change.Restart:
                    _latest = _kept = _wall > _kept ? _wall : _kept;
                    if (_isActive && _ends - _latest < _endsAfter - _passed) _endsAfter = _passed + (_ends - _latest);
                    break;
            }
            if (_wall > _latest) _latest = _wall;
            if (_wall >= _expires) _isAsked = false;
            if (_isActive) _kept = _latest > _kept ? _latest : _kept;
            if (_isActive && (_wall >= _ends || _passed >= _endsAfter)) _isActive = false;
        }

        private void Pass(TimeSpan by)
        {
            _wall += by;
            _latest += by;
            _passed += by;
        }
    }
}
