using System.Text;
using Postern.Core.Approvals;
using Postern.Core.Operations;
using Postern.Core.Sessions;
using Postern.Gateway.Approvals;
using Postern.Tests.Doubles;

namespace Postern.Tests.Gateway.Approvals;

/// <summary>What every hold store does alike, the real one and the one in memory: a double that forgives hides defects.</summary>
public abstract class HoldStoreContractTests
{
    private static readonly DateTimeOffset Now = new(2026, 3, 4, 12, 0, 0, TimeSpan.Zero);
    private static readonly CancellationToken None = CancellationToken.None;

    protected abstract IHoldStore Store { get; }

    [Fact]
    public async Task The_same_question_joins_only_a_live_hold_and_an_id_is_used_once()
    {
        var first = await Store.OpenOrJoinAsync(Open("1", "q"), Now, None);
        Assert.Equal("1", first.Id);
        Assert.Equal("1", (await Store.OpenOrJoinAsync(Open("2", "q"), Now.AddMinutes(30).AddTicks(-1), None)).Id);
        Assert.Equal("3", (await Store.OpenOrJoinAsync(Open("3", "q", Now.AddMinutes(30)), Now.AddMinutes(30), None)).Id);
        Assert.Equal("3", (await Store.FindByBindingAsync(first.Binding, None))!.Id);
        await Assert.ThrowsAnyAsync<Exception>(async () => await Store.OpenOrJoinAsync(Open("3", "another"), Now, None));
    }

    [Fact]
    public async Task Newest_is_what_was_opened_last_whatever_the_order_of_arrival()
    {
        await Store.OpenOrJoinAsync(Open("late", "a", Now.AddMinutes(2)), Now, None);
        await Store.OpenOrJoinAsync(Open("early", "b", Now.AddMinutes(1)), Now, None);
        await Store.OpenOrJoinAsync(Open("latest", "c", Now.AddMinutes(3)) with { Requester = "demo:zoe" }, Now, None);

        Assert.Equal(["latest", "late", "early"], (await Store.ListAsync(null, 10, None)).Select(hold => hold.Id));
        Assert.Equal(["late"], (await Store.ListAsync("demo:alice", 1, None)).Select(hold => hold.Id));
        Assert.Equal(["early", "late", "latest"], (await Store.OpenAsync(Now, None)).Select(hold => hold.Id).Order(StringComparer.Ordinal));
        Assert.Empty(await Store.ListAsync("demo:nobody", 10, None));
    }

    [Fact]
    [Guarantee("G7")]
    public async Task An_answer_counts_only_for_what_was_seen()
    {
        var seen = await Store.OpenOrJoinAsync(Open("1", "q"), Now, None);
        var bob = seen with { Answers = [Yes("demo:bob")] };
        var carol = seen with { Answers = [Yes("demo:carol")] };

        Assert.True(await Store.TryAnswerAsync(seen, bob, None));
        Assert.False(await Store.TryAnswerAsync(seen, carol, None));
        // As many answers as before, and not the same.
        Assert.False(await Store.TryAnswerAsync(carol, carol with { State = HoldState.Denied }, None));
        Assert.False(await Store.TryAnswerAsync(bob with { State = HoldState.Approved }, bob with { State = HoldState.Denied }, None));
        Assert.True(await Store.TryAnswerAsync(bob, bob with { State = HoldState.Approved, UsableUntil = Now.AddMinutes(5), Answers = [Yes("demo:bob"), Yes("demo:carol")] }, None));
        Assert.Equal(["demo:bob", "demo:carol"], (await Store.FindAsync("1", None))!.Answers.Select(answer => answer.Approver));
    }

    [Fact]
    [Guarantee("G9")]
    public async Task An_answer_changes_nothing_else_and_destroys_the_request_when_it_ends_the_question()
    {
        var seen = await Store.OpenOrJoinAsync(Open("1", "q"), Now, None);
        Assert.True(await Store.TryAnswerAsync(seen, seen with { Answers = [Yes("demo:bob")], Requester = "demo:mallory", Summary = "harmless" }, None));

        var open = (await Store.FindAsync("1", None))!;
        Assert.Equal(("demo:alice", seen.Summary), (open.Requester, open.Summary));
        Assert.False(open.Request.IsEmpty);
        Assert.True(await Store.TryAnswerAsync(open, open with { State = HoldState.Denied }, None));
        Assert.True((await Store.FindAsync("1", None))!.Request.IsEmpty);
        Assert.False(await Store.TryAnswerAsync(open with { State = HoldState.Denied }, open, None));
    }

    [Fact]
    [Guarantee("G7")]
    public async Task An_approval_is_used_once_voided_once_and_only_while_it_lasts()
    {
        var (one, two) = (OperationId.New(Now), OperationId.New(Now));
        var used = await ApprovedAsync("1", "q");
        Assert.False(await Store.TryConsumeAsync("1", one, used.UsableUntil!.Value, None));
        Assert.True(await Store.TryConsumeAsync("1", one, Now, None));
        Assert.False(await Store.TryConsumeAsync("1", two, Now, None));
        Assert.False(await Store.TryVoidAsync("1", None));
        Assert.Equal(one, (await Store.FindAsync("1", None))!.ConsumedBy);
        Assert.False(await Store.TryContinueAsync("1", two, one, Now, None));
        Assert.True(await Store.TryContinueAsync("1", one, two, Now, None));
        Assert.False(await Store.TryContinueAsync("1", one, two, Now, None));

        await ApprovedAsync("2", "other");
        Assert.True(await Store.TryVoidAsync("2", None));
        Assert.False(await Store.TryVoidAsync("2", None));
        Assert.False(await Store.TryConsumeAsync("2", one, Now, None));
    }

    [Fact]
    [Row("A08")]
    public async Task What_is_past_its_time_expires_once_and_nothing_else_does()
    {
        await Store.OpenOrJoinAsync(Open("open", "a"), Now, None);
        await ApprovedAsync("approved", "b");
        await ApprovedAsync("consumed", "c");
        await Store.TryConsumeAsync("consumed", OperationId.New(Now), Now, None);
        await Store.OpenOrJoinAsync(Open("later", "d", Now.AddHours(1)), Now, None);

        Assert.Empty(await Store.ExpireAsync(Now, None));
        Assert.Equal(["approved"], await Store.ExpireAsync(Now.AddMinutes(10), None));
        Assert.Equal(["open"], await Store.ExpireAsync(Now.AddMinutes(30), None));
        Assert.Empty(await Store.ExpireAsync(Now.AddMinutes(31), None));
        Assert.Equal(["later"], (await Store.OpenAsync(Now.AddMinutes(31), None)).Select(hold => hold.Id));
        Assert.Equal(HoldState.Consumed, (await Store.FindAsync("consumed", None))!.State);
        Assert.True((await Store.FindAsync("open", None))!.Request.IsEmpty);
    }

    [Fact]
    [Row("J18")]
    public async Task A_revoked_identitys_questions_and_answers_end_unless_they_were_used()
    {
        await Store.OpenOrJoinAsync(Open("asked", "a"), Now, None);
        await Store.OpenOrJoinAsync(Open("others", "b") with { Requester = "demo:zoe" }, Now, None);
        await ApprovedAsync("used", "c");
        await Store.TryConsumeAsync("used", OperationId.New(Now), Now, None);
        var given = await Store.OpenOrJoinAsync(Open("given", "d") with { Requester = "demo:zoe" }, Now, None);
        await Store.TryAnswerAsync(given, given with { Answers = [Yes("demo:alice")] }, None);

        Assert.Equal(["asked", "given"], (await Store.RevokeAsync(RevocationSubject.OfIdentity("demo:alice"), None)).Order(StringComparer.Ordinal));
        Assert.Empty(await Store.RevokeAsync(RevocationSubject.OfIdentity("demo:alice"), None));
        Assert.Equal(["others"], (await Store.OpenAsync(Now, None)).Select(hold => hold.Id));
        Assert.True((await Store.FindAsync("asked", None))!.Request.IsEmpty);
    }

    private async Task<Hold> ApprovedAsync(string id, string question)
    {
        var open = await Store.OpenOrJoinAsync(Open(id, question), Now, None);
        var approved = open with { State = HoldState.Approved, UsableUntil = Now.AddMinutes(10), Answers = [Yes("demo:bob")] };
        Assert.True(await Store.TryAnswerAsync(open, approved, None));
        return approved;
    }

    private static Answer Yes(string who) => new(who, who, ["demo:guards"], true, "seen", Now);

    private static Hold Open(string id, string question, DateTimeOffset? openedAt = null) => HoldViewTests.Sample() with
    {
        Id = id, Binding = Digest.Of(Encoding.UTF8.GetBytes(question)), Requester = "demo:alice", State = HoldState.Open, Answers = [], UsableUntil = null,
        OpenedAt = openedAt ?? Now, ExpiresAt = (openedAt ?? Now).AddMinutes(30),
    };
}

public sealed class MemoryHoldStoreContractTests : HoldStoreContractTests
{
    protected override IHoldStore Store { get; } = new MemoryHoldStore();
}

public sealed class SqliteHoldStoreContractTests : HoldStoreContractTests, IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly SqliteHoldStore _store;

    public SqliteHoldStoreContractTests() => _store = SqliteHoldStore.Open(_folder.Path);

    protected override IHoldStore Store => _store;

    public void Dispose()
    {
        _store.Dispose();
        _folder.Dispose();
    }
}
