using Postern.Core.Approvals;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Core.Recording;
using Postern.Core.Sessions;
using Postern.Gateway.Approvals;
using Postern.Tests.Gateway;

namespace Postern.Tests.Pipeline;

/// <summary>An identity is revoked: what runs, what is about to run and what waits on its credentials ends; what it signs in for anew does not.</summary>
public sealed class RevocationTests : IDisposable
{
    private const string Look = """{"gesture":"look","exhibit":"hall/statue"}""";
    private const string Touch = """{"gesture":"touch","exhibit":"hall/statue"}""";

    private readonly TemporaryFolder _folder = new();
    private readonly SqliteHoldStore _holds;
    private readonly ToyGateway _gateway;

    public RevocationTests()
    {
        _holds = SqliteHoldStore.Open(_folder.Path);
        _gateway = new ToyGateway(PipelineTests.Policy.Replace("groups: [visitors]", "groups: [visitors, staff]", StringComparison.Ordinal), _holds);
    }

    public void Dispose()
    {
        _gateway.Dispose();
        _holds.Dispose();
        _folder.Dispose();
    }

    [Fact]
    [Row("J18")]
    [Guarantee("G10")]
    public async Task What_runs_is_cut_at_once_and_others_go_on()
    {
        var go = new TaskCompletionSource();
        var reached = new SemaphoreSlim(0);
        _gateway.Guide.Before = async cancelled =>
        {
            reached.Release();
            await go.Task.WaitAsync(cancelled);
        };
        var alice = _gateway.AskAsync(Look, Alice());
        var other = _gateway.AskAsync(Look, Person("zoe"));
        await reached.WaitAsync();
        await reached.WaitAsync();

        Assert.Equal(1, _gateway.Leash.Revoke("demo:alice", _gateway.Clock.GetUtcNow()));

        Assert.Equal(RefusalCode.CredentialEnded, (await alice).Refused!.Code);
        Assert.Equal(Outcome.Unknown, Assert.Single(_gateway.Recorder.Endings).Outcome);
        go.SetResult();
        Assert.Null((await other).Refused);
    }

    [Fact]
    [Row("J18")]
    [Guarantee("G10")]
    public async Task What_was_let_in_before_and_comes_to_its_target_afterwards_is_cut_there()
    {
        _gateway.Recorder.HoldCommits = true; // the disk is slow: the intent of a call that was let in is not written yet
        var running = _gateway.AskAsync(Look, Alice());

        Assert.Equal(0, _gateway.Leash.Revoke("demo:alice", _gateway.Clock.GetUtcNow()));
        _gateway.Recorder.ReleaseOne();

        Assert.Equal(RefusalCode.CredentialEnded, (await running).Refused!.Code);
        Assert.Empty(_gateway.Guide.Heard);
        Assert.Equal(Outcome.Failed, Assert.Single(_gateway.Recorder.Endings).Outcome);
    }

    [Fact]
    [Row("F03")]
    [Row("U02")]
    public async Task When_the_record_breaks_what_is_in_flight_is_cut_and_told_why()
    {
        var reached = new TaskCompletionSource();
        _gateway.Guide.Before = async cancelled =>
        {
            reached.SetResult();
            await Task.Delay(Timeout.Infinite, cancelled);
        };
        var running = _gateway.AskAsync(Look, Alice());
        await reached.Task;

        Assert.Equal(1, _gateway.Leash.Cut(static (_, _) => true, ClearanceEnd.RecordBroken));

        Assert.Equal(RefusalCode.RecordUnavailable, (await running).Refused!.Code);
    }

    [Fact]
    [Row("J18")]
    public async Task A_credential_that_is_issued_afterwards_counts()
    {
        _gateway.Leash.Revoke("demo:alice", _gateway.Clock.GetUtcNow());
        Assert.Equal(RefusalCode.CredentialEnded, (await _gateway.AskAsync(Look, Alice())).Refused!.Code);

        _gateway.Clock.Advance(TimeSpan.FromSeconds(1));

        Assert.Null((await _gateway.AskAsync(Look, Alice())).Refused);
        Assert.True(_gateway.Leash.Revocations.Covers(Person("alice"))); // of unknown age
        _gateway.Leash.Revocations.Forget(_gateway.Clock.GetUtcNow() + TimeSpan.FromDays(2));
        Assert.False(_gateway.Leash.Revocations.Covers(Person("alice")));
    }

    [Fact]
    [Row("J18")]
    [Guarantee("G7")]
    public async Task An_approval_that_it_asked_for_is_not_used_by_whoever_signs_in_again()
    {
        var held = await _gateway.AskAsync(Touch, Alice());
        Assert.Equal(AnswerResult.Accepted, await _gateway.AnswerAsync(held.Pending!, approve: true));

        Assert.Equal(1, await _gateway.Desk.RevokeAsync("demo:alice", _gateway.Clock.GetUtcNow()));

        Assert.NotNull((await _gateway.AskAsync(Touch, Alice())).Pending);
        Assert.Empty(_gateway.Guide.Heard);
    }

    [Fact]
    [Row("J18")]
    [Guarantee("G8")]
    public async Task An_approval_that_it_gave_is_void()
    {
        var held = await _gateway.AskAsync(Touch, Alice());
        Assert.Equal(AnswerResult.Accepted, await _gateway.AnswerAsync(held.Pending!, approve: true, who: "bob"));

        Assert.Equal(0, await _gateway.Desk.RevokeAsync("demo:zoe", _gateway.Clock.GetUtcNow()));
        Assert.Equal(1, await _gateway.Desk.RevokeAsync("demo:bob", _gateway.Clock.GetUtcNow()));
        Assert.Equal(0, await _gateway.Desk.RevokeAsync("demo:bob", _gateway.Clock.GetUtcNow()));

        var repeated = await _gateway.AskAsync(Touch, Alice());
        Assert.NotNull(repeated.Pending);
        Assert.NotEqual(held.Pending!.Id, repeated.Pending.Id);
        Assert.Empty(_gateway.Guide.Heard);
        Assert.Contains(_gateway.Recorder.Occurrences, note => note.Kind == "hold.expired" && note.Facts.Contains(new("revoked", "demo:bob")));
    }

    [Fact]
    [Row("J18")]
    public async Task Whoever_waits_for_people_is_sent_away()
    {
        var exchange = _gateway.Exchange(Touch, TimeSpan.FromMinutes(1));
        var running = _gateway.Pipeline.RunAsync(exchange, Alice(), CancellationToken.None).AsTask();
        while (exchange.Signs.IsEmpty) await Task.Delay(1, TestContext.Current.CancellationToken);

        Assert.Equal(1, _gateway.Leash.Revoke("demo:alice", _gateway.Clock.GetUtcNow()));

        await running;
        Assert.Equal(RefusalCode.CredentialEnded, exchange.Refused!.Code);
    }

    public static TheoryData<RevocationOf, string> Subjects => new()
    {
        { RevocationOf.Identity, "demo:alice" }, { RevocationOf.Group, "demo:visitors" }, { RevocationOf.Agent, "demo:agent-1" },
        { RevocationOf.Session, "demo:s-1" }, { RevocationOf.Token, "demo:t-1" }, { RevocationOf.Family, "demo:f-1" },
    };

    [Theory]
    [MemberData(nameof(Subjects))]
    [Row("J18")]
    [Guarantee("G10")]
    public async Task Whatever_of_a_credential_is_revoked_what_runs_on_it_is_cut_what_waits_is_void_and_others_go_on(RevocationOf of, string subject)
    {
        var go = new TaskCompletionSource();
        var reached = new SemaphoreSlim(0);
        var held = await _gateway.AskAsync(Touch, Marked("alice", 1));
        var others = await _gateway.AskAsync(Touch, Marked("zoe", 2));
        Assert.Equal(AnswerResult.Accepted, await _gateway.AnswerAsync(held.Pending!, approve: true));
        Assert.Equal(AnswerResult.Accepted, await _gateway.AnswerAsync(others.Pending!, approve: true));
        _gateway.Guide.Before = async cancelled =>
        {
            reached.Release();
            await go.Task.WaitAsync(cancelled);
        };
        var alice = _gateway.AskAsync(Look, Marked("alice", 1));
        var other = _gateway.AskAsync(Look, Marked("zoe", 2));
        await reached.WaitAsync(TestContext.Current.CancellationToken);
        await reached.WaitAsync(TestContext.Current.CancellationToken);
        var revocation = Revocation.Now(RevocationSubject.TryParse(of, subject)!.Value, _gateway.Clock.GetUtcNow(), TimeSpan.FromHours(1));

        Assert.Equal(1, _gateway.Leash.Revoke(revocation));
        Assert.Equal(1, await _gateway.Desk.RevokeAsync(revocation.Subject, _gateway.Clock.GetUtcNow()));

        Assert.Equal(RefusalCode.CredentialEnded, (await alice).Refused!.Code);
        go.SetResult();
        Assert.Null((await other).Refused);
        Assert.Equal(RefusalCode.CredentialEnded, (await _gateway.AskAsync(Look, Marked("alice", 1))).Refused!.Code); // the same credential again
        Assert.Null((await _gateway.AskAsync(Touch, Marked("zoe", 2))).Refused); // another's approval is good
        _gateway.Guide.Before = null;
        _gateway.Clock.Advance(TimeSpan.FromSeconds(1));
        // What names one session, token or family is over for good, however late it was renewed; people, groups and agents begin anew.
        var anew = await _gateway.AskAsync(Look, Marked("alice", 1, _gateway.Clock.GetUtcNow()));
        Assert.Equal(of is RevocationOf.Session or RevocationOf.Token or RevocationOf.Family ? RefusalCode.CredentialEnded : null, anew.Refused?.Code);
        _gateway.Leash.Revocations.Remove(revocation.Subject);
        Assert.Null((await _gateway.AskAsync(Look, Marked("alice", 1))).Refused);
        Assert.NotNull((await _gateway.AskAsync(Touch, Marked("alice", 1))).Pending); // restored, but what was agreed to is not
    }

    [Fact]
    [Row("J18")]
    public async Task Whoever_is_blocked_stays_out_with_new_credentials_until_they_are_restored()
    {
        var subject = RevocationSubject.OfIdentity("demo:alice");
        _gateway.Leash.Revoke(Revocation.Block(subject, _gateway.Clock.GetUtcNow()));
        _gateway.Leash.Revoke("demo:alice", _gateway.Clock.GetUtcNow()); // a weaker one takes nothing of it back
        _gateway.Clock.Advance(TimeSpan.FromDays(40));
        _gateway.Leash.Revocations.Forget(_gateway.Clock.GetUtcNow());

        Assert.Equal(RefusalCode.CredentialEnded, (await _gateway.AskAsync(Look, Alice())).Refused!.Code);
        Assert.NotNull(_gateway.Leash.Revocations.Remove(subject));
        Assert.Null((await _gateway.AskAsync(Look, Alice())).Refused);
    }

    [Fact]
    [Row("J18")]
    [Guarantee("G10")]
    public async Task Whoever_left_a_group_loses_at_once_what_runs_waits_and_was_agreed_to_on_it()
    {
        var exchange = _gateway.Exchange(Touch, TimeSpan.FromMinutes(1));
        var waiting = _gateway.Pipeline.RunAsync(exchange, Alice(), CancellationToken.None).AsTask();
        while (exchange.Signs.IsEmpty) await Task.Delay(1, TestContext.Current.CancellationToken);
        var reached = new TaskCompletionSource();
        _gateway.Guide.Before = async cancelled =>
        {
            reached.TrySetResult();
            await Task.Delay(Timeout.Infinite, cancelled);
        };
        var running = _gateway.AskAsync(Look, Alice());
        await reached.Task;

        _gateway.Leash.Standing = identity => identity.Subject == "alice" ? identity.With([], []) : identity;
        Assert.Equal(1, _gateway.Leash.Reconsider(identity => identity.Key == "demo:alice"));

        Assert.Equal(RefusalCode.NotPermitted, (await running).Refused!.Code);
        await waiting;
        Assert.Equal(RefusalCode.NotPermitted, exchange.Refused!.Code);
        Assert.Equal(RefusalCode.NotPermitted, (await _gateway.AskAsync(Look, Alice())).Refused!.Code);
        Assert.DoesNotContain(_gateway.Guide.Heard, heard => heard.Contains("touch", StringComparison.Ordinal));
    }

    private static Identity Marked(string subject, int number, DateTimeOffset issuedAt = default) => new()
    {
        Issuer = "demo", Subject = subject, Kind = IdentityKind.Person, Groups = number == 1 ? ["visitors"] : ["guests", "staff"], Agent = $"agent-{number}", SessionId = $"s-{number}", TokenId = $"t-{number}", Family = $"f-{number}", IssuedAt = issuedAt,
    };

    private Identity Alice() => Person("alice", _gateway.Clock.GetUtcNow());

    private static Identity Person(string subject, DateTimeOffset issuedAt = default) => new() { Issuer = "demo", Subject = subject, Kind = IdentityKind.Person, Groups = ["visitors"], IssuedAt = issuedAt };
}
