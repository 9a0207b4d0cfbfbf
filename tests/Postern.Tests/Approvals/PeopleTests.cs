using System.Collections.Immutable;
using Postern.Core.Approvals;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Tests.Doubles;
using Postern.Tests.Pipeline;

namespace Postern.Tests.Approvals;

/// <summary>Who counts, and how often: distinct people, never the one who asked, as they are when their answer is used.</summary>
public sealed class PeopleTests : IDisposable
{
    private const string Policy =
        """
        version: 1
        rules:
          - id: touch
            who: anyone
            on: { connection: museum, gestures: [touch], exhibits: ["**"] }
            then: hold
            hold: { approvers: [ { groups: [guards], count: 2 }, { groups: [directors], users: [eve], count: 1 } ] }
        """;

    private const string Touch = """{"gesture":"touch","exhibit":"hall/statue"}""";

    private readonly People _people = new(["demo:alice", "demo:alice-admin", "demo:alice-robot"], ["demo:bob", "demo:bob2"]);
    private readonly ToyGateway _gateway;

    public PeopleTests() => _gateway = new ToyGateway(Policy, people: _people);

    public void Dispose() => _gateway.Dispose();

    [Theory]
    [Row("A04")]
    [Guarantee("G8")]
    [InlineData("alice", AnswerResult.NotAllowed)]
    [InlineData("alice-admin", AnswerResult.NotAllowed)]
    [InlineData("bob", AnswerResult.Accepted)]
    public async Task Nobody_answers_what_any_account_of_theirs_asked_for(string who, AnswerResult expected)
    {
        var hold = (await _gateway.AskAsync(Touch, Samples.Person("alice"))).Pending!;

        Assert.Equal(expected, await _gateway.AnswerAsync(hold, approve: true, who, "guards", "directors"));
    }

    [Fact]
    [Row("A04")]
    [Guarantee("G8")]
    public async Task What_ones_service_account_asked_for_one_does_not_answer_and_no_workload_answers()
    {
        var robot = new Identity { Issuer = "demo", Subject = "alice-robot", Kind = IdentityKind.Workload };
        var hold = (await _gateway.AskAsync(Touch, robot)).Pending!;

        Assert.Equal(AnswerResult.NotAllowed, await _gateway.AnswerAsync(hold, approve: true, "alice", "guards"));
        var worker = new Identity { Issuer = "demo", Subject = "cron", Kind = IdentityKind.Workload, Groups = ["guards"], InteractiveSince = _gateway.Clock.GetUtcNow() };
        Assert.Equal(AnswerResult.NotFound, await _gateway.Desk.AnswerAsync(hold.Id, worker, approve: true, "", CancellationToken.None));
    }

    [Fact]
    [Row("A11")]
    [Guarantee("G8")]
    public async Task One_person_counts_once_whatever_account_they_use()
    {
        var hold = (await _gateway.AskAsync(Touch)).Pending!;

        Assert.Equal(AnswerResult.Accepted, await _gateway.AnswerAsync(hold, approve: true, "bob", "guards", "directors"));
        Assert.Equal(AnswerResult.AlreadyAnswered, await _gateway.AnswerAsync(hold, approve: true, "bob2", "guards"));
        Assert.Equal(HoldState.Open, (await FindAsync(hold)).State);
        Assert.Equal(AnswerResult.Accepted, await _gateway.AnswerAsync(hold, approve: true, "carol", "guards"));
        Assert.Equal(HoldState.Approved, (await FindAsync(hold)).State);
    }

    [Fact]
    [Row("A11")]
    public async Task Several_requirements_are_each_met_and_a_named_person_serves()
    {
        var hold = (await _gateway.AskAsync(Touch)).Pending!;

        await _gateway.AnswerAsync(hold, approve: true, "bob", "guards");
        await _gateway.AnswerAsync(hold, approve: true, "carol", "guards");
        Assert.Equal(HoldState.Open, (await FindAsync(hold)).State);
        await _gateway.AnswerAsync(hold, approve: true, "eve", "nobody-in-particular");

        Assert.Equal(HoldState.Approved, (await FindAsync(hold)).State);
        Assert.Null((await _gateway.AskAsync(Touch)).Refused);
    }

    [Theory]
    [Row("A10")]
    [Guarantee("G8")]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Whoever_left_the_group_since_no_longer_serves_it_when_the_answer_is_used(bool left)
    {
        var hold = (await _gateway.AskAsync(Touch)).Pending!;
        await _gateway.AnswerAsync(hold, approve: true, "bob", "guards", "directors");
        await _gateway.AnswerAsync(hold, approve: true, "carol", "guards");
        Assert.Equal(HoldState.Approved, (await FindAsync(hold)).State);

        _gateway.Clock.Advance(TimeSpan.FromMinutes(1));
        _people.Saw(new Identity { Issuer = "demo", Subject = "carol", Kind = IdentityKind.Person, Groups = left ? ["cleaners"] : ["guards"], IssuedAt = _gateway.Clock.GetUtcNow() });
        var exchange = await _gateway.AskAsync(Touch);

        Assert.Equal(left, exchange.Refused is not null);
        Assert.Equal(left ? 0 : 1, _gateway.Guide.Heard.Count);
        if (left) Assert.NotEqual(hold.Id, exchange.Pending!.Id);
    }

    [Fact]
    [Row("A10")]
    public async Task What_an_issuer_said_before_the_answer_takes_nothing_from_it()
    {
        _people.Saw(new Identity { Issuer = "demo", Subject = "carol", Kind = IdentityKind.Person, Groups = [], IssuedAt = _gateway.Clock.GetUtcNow() - TimeSpan.FromHours(1) });
        var hold = (await _gateway.AskAsync(Touch)).Pending!;
        await _gateway.AnswerAsync(hold, approve: true, "bob", "guards", "directors");
        await _gateway.AnswerAsync(hold, approve: true, "carol", "guards");

        Assert.Null((await _gateway.AskAsync(Touch)).Refused);
    }

    [Fact]
    public async Task One_no_ends_it_whoever_agreed_before()
    {
        var hold = (await _gateway.AskAsync(Touch)).Pending!;
        await _gateway.AnswerAsync(hold, approve: true, "bob", "guards", "directors");
        await _gateway.AnswerAsync(hold, approve: false, "carol", "guards");

        Assert.Equal(HoldState.Denied, (await FindAsync(hold)).State);
        Assert.Equal(RefusalCode.HoldRejected, (await _gateway.AskAsync(Touch)).Refused!.Code);
    }

    [Fact]
    [Row("A14")]
    public async Task So_many_questions_of_one_identity_wait_and_the_next_is_not_put()
    {
        using var gateway = new ToyGateway(Policy, maxOpen: 3);
        for (var at = 0; at < 3; at++) Assert.Equal(RefusalCode.HoldPending, (await gateway.AskAsync(Exhibit(at))).Refused!.Code);

        Assert.All(await Task.WhenAll(Enumerable.Range(3, 20).Select(at => gateway.AskAsync(Exhibit(at)))), exchange =>
        {
            Assert.Equal((RefusalCode.Limit, RetryMode.After), (exchange.Refused!.Code, exchange.Refused.Retry));
            Assert.Null(exchange.Pending);
        });

        Assert.Equal(RefusalCode.HoldPending, (await gateway.AskAsync(Exhibit(0))).Refused!.Code); // the identical question is no further one
        Assert.Equal(RefusalCode.HoldPending, (await gateway.AskAsync(Exhibit(9), Samples.Person("zoe"))).Refused!.Code);
        Assert.Equal(4, (await gateway.Holds.OpenAsync(gateway.Clock.GetUtcNow(), CancellationToken.None)).Length);
        gateway.Clock.Advance(TimeSpan.FromMinutes(31));
        Assert.Equal(RefusalCode.HoldPending, (await gateway.AskAsync(Exhibit(5))).Refused!.Code);
    }

    [Fact]
    [Row("A14")]
    public async Task How_long_people_took_is_in_the_record()
    {
        var hold = (await _gateway.AskAsync(Touch)).Pending!;
        _gateway.Clock.Advance(TimeSpan.FromSeconds(42));
        await _gateway.AnswerAsync(hold, approve: true, "bob", "guards");

        Assert.Contains(_gateway.Recorder.Occurrences.Last().Facts, fact => fact is { Key: "seconds", Value: "42" });
    }

    private static string Exhibit(int number) => $$"""{"gesture":"touch","exhibit":"hall/{{number}}"}""";

    private async Task<Hold> FindAsync(Hold hold) => (await _gateway.Holds.FindAsync(hold.Id, CancellationToken.None))!;
}
