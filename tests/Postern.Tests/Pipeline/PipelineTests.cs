using Postern.Core.Approvals;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Core.Recording;
using Postern.Gateway.Approvals;
using Postern.Tests.Doubles;

namespace Postern.Tests.Pipeline;

public sealed class PipelineTests
{
    private const string Look = """{"gesture":"look","exhibit":"hall/statue"}""";
    private const string Touch = """{"gesture":"touch","exhibit":"hall/statue"}""";
    private const string Steal = """{"gesture":"steal","exhibit":"hall/statue"}""";

    internal const string Policy = """
        version: 1
        rules:
          - id: visitors-look
            who: { groups: [visitors] }
            on: { connection: museum, gestures: [look], exhibits: ["hall/*"] }
            then: allow
          - id: touching-needs-a-guard
            who: { groups: [visitors] }
            on: { connection: museum, gestures: [touch], exhibits: ["hall/*"] }
            then: hold
            hold: { approvers: { groups: [guards], count: 1 }, expires: 30m, valid: 10m }
            message: Touching needs a guard.
        """;

    [Fact]
    [Guarantee("G1")]
    public async Task Nothing_reaches_the_target_before_the_intent_is_durable()
    {
        using var gateway = new ToyGateway(Policy);
        gateway.Recorder.HoldCommits = true;

        var asked = gateway.AskAsync(Look);
        Assert.Empty(gateway.Guide.Heard);
        Assert.Contains("intent toy.look", gateway.Recorder.Log);

        gateway.Recorder.HoldCommits = false;
        gateway.Recorder.ReleaseOne();
        var exchange = await asked;
        Assert.Single(gateway.Guide.Heard);
        Assert.Null(exchange.Refused);
        Assert.Equal(["intent toy.look", "intent durable", $$"""reply {"you":{{Look}}}""", "ending Done"], gateway.Recorder.Log);
    }

    [Fact]
    [Guarantee("G6")]
    public async Task The_target_receives_the_very_bytes_that_were_judged()
    {
        using var gateway = new ToyGateway(Policy);
        const string odd = """{ "gesture" : "look","exhibit":"hall\/statue" }""";

        await gateway.AskAsync(odd);

        Assert.Equal([odd], gateway.Guide.Heard);
    }

    [Fact]
    [Guarantee("G5")]
    public async Task A_denied_operation_never_reaches_the_target_and_is_recorded()
    {
        using var gateway = new ToyGateway(Policy);

        var exchange = await gateway.AskAsync(Steal);

        Assert.Empty(gateway.Guide.Heard);
        Assert.Equal(RefusalCode.NotPermitted, exchange.Refused!.Code);
        Assert.Equal(Outcome.Denied, Assert.Single(gateway.Recorder.Endings).Outcome);
    }

    [Fact]
    [Guarantee("G5")]
    public async Task What_cannot_be_written_down_is_not_done()
    {
        using var gateway = new ToyGateway(Policy);
        gateway.Recorder.FailIntents = true;

        var exchange = await gateway.AskAsync(Look);

        Assert.Empty(gateway.Guide.Heard);
        Assert.Equal(RefusalCode.RecordUnavailable, exchange.Refused!.Code);
    }

    [Fact]
    [Guarantee("G2")]
    public async Task A_reply_that_cannot_be_written_down_is_withheld()
    {
        using var gateway = new ToyGateway(Policy);
        gateway.Recorder.FailFrames = true;

        var exchange = await gateway.AskAsync(Look);

        Assert.Empty(exchange.Replied);
        Assert.Equal(RefusalCode.RecordUnavailable, exchange.Refused!.Code);
        Assert.Contains("may have taken effect", exchange.Refused.Reason, StringComparison.Ordinal);
        Assert.Equal(Outcome.Unknown, Assert.Single(gateway.Recorder.Endings).Outcome);
    }

    [Fact]
    [Guarantee("G7")]
    public async Task A_held_operation_runs_once_after_a_person_agreed_and_is_held_again_afterwards()
    {
        using var gateway = new ToyGateway(Policy);

        var first = await gateway.AskAsync(Touch);
        Assert.Equal("held", first.Refused!.Decision);
        Assert.Equal($"https://gate.example/approve/{first.Pending!.Id}", first.Refused.RequestUrl);
        Assert.Equal(["guards"], first.Refused.Approvers);
        Assert.Empty(gateway.Guide.Heard);

        Assert.Equal(AnswerResult.Accepted, await gateway.AnswerAsync(first.Pending, approve: true));
        var second = await gateway.AskAsync(Touch);
        Assert.Null(second.Refused);
        Assert.Single(gateway.Guide.Heard);
        var clearing = Assert.Single(gateway.Recorder.Clearings);
        Assert.Equal(first.Operation.Id, clearing.Continues);
        Assert.Equal(["demo:bob"], clearing.Approvers);

        var third = await gateway.AskAsync(Touch);
        Assert.NotNull(third.Pending);
        Assert.NotEqual(first.Pending.Id, third.Pending.Id);
        Assert.Single(gateway.Guide.Heard);
        Assert.Equal([Outcome.Pending, Outcome.Done, Outcome.Pending], gateway.Recorder.Endings.Select(ending => ending.Outcome));
    }

    [Fact]
    [Guarantee("G7")]
    public async Task The_approval_is_spent_before_the_clearing_is_written_and_the_clearing_before_the_forward()
    {
        using var gateway = new ToyGateway(Policy);
        var held = await gateway.AskAsync(Touch);
        await gateway.AnswerAsync(held.Pending!, approve: true);
        gateway.Recorder.FailClearings = true;

        var broken = await gateway.AskAsync(Touch);
        Assert.Equal(RefusalCode.RecordUnavailable, broken.Refused!.Code);
        Assert.Empty(gateway.Guide.Heard);

        gateway.Recorder.FailClearings = false;
        var again = await gateway.AskAsync(Touch);
        Assert.NotNull(again.Pending);
        Assert.Empty(gateway.Guide.Heard);
    }

    [Fact]
    public async Task Identical_questions_are_one_hold()
    {
        using var gateway = new ToyGateway(Policy);

        var first = await gateway.AskAsync(Touch);
        var second = await gateway.AskAsync(Touch);

        Assert.Equal(first.Pending!.Id, second.Pending!.Id);
        Assert.Single(gateway.Recorder.Occurrences, occurrence => occurrence.Kind == "hold.opened");
    }

    [Fact]
    [Row("A01")]
    [Guarantee("G7")]
    public async Task An_approval_is_good_for_nothing_but_what_was_approved()
    {
        using var gateway = new ToyGateway(Policy);
        var held = await gateway.AskAsync(Touch);
        await gateway.AnswerAsync(held.Pending!, approve: true);

        var alice = Samples.Person("alice", "visitors");
        (string Message, Identity Who)[] others =
        [
            ("""{"gesture":"touch","exhibit":"hall/vase"}""", alice),
            ("""{"gesture":"touch","exhibit":"hall/statue","words":{"softly":true}}""", alice),
            (Touch, Samples.Person("mallory", "visitors")),
            (Touch, new Identity { Issuer = "demo", Subject = "alice", Kind = IdentityKind.Person, Agent = "another-agent", Groups = ["visitors"] }),
            (Touch, new Identity { Issuer = "demo", Subject = "alice", Kind = IdentityKind.Person, Agent = null, Groups = ["visitors"] }),
        ];
        foreach (var (message, who) in others)
        {
            var exchange = await gateway.AskAsync(message, who);
            Assert.NotNull(exchange.Pending);
        }
        Assert.Empty(gateway.Guide.Heard);

        Assert.Null((await gateway.AskAsync(Touch)).Refused);
    }

    [Fact]
    [Row("A01")]
    public void Every_field_that_an_approval_covers_changes_its_binding()
    {
        Operation Make(Func<Connection, Connection>? on = null, Digest? definition = null, string request = Touch)
        {
            var read = ToyOperations.Read((on ?? (same => same))(Samples.Museum), System.Text.Encoding.UTF8.GetBytes(request), DateTimeOffset.UnixEpoch);
            return new Operation { Id = read.Id, Connection = read.Connection, Parts = read.Parts, Request = read.Request, RequestShape = read.RequestShape, DigestOf = static o => Digest.Of(o.Request.Span), Definition = definition };
        }
        var alice = Samples.Person();
        Digest[] bindings =
        [
            ApprovalBinding.Of(alice, Make()),
            ApprovalBinding.Of(alice, Make(connection => connection with { Name = "other" })),
            ApprovalBinding.Of(alice, Make(connection => connection with { Target = "toy://elsewhere" })),
            ApprovalBinding.Of(alice, Make(connection => connection with { Protocol = "toy2" })),
            ApprovalBinding.Of(alice, Make(definition: Digest.Of("v1"u8))),
            ApprovalBinding.Of(alice, Make(definition: Digest.Of("v2"u8))),
            ApprovalBinding.Of(alice, Make(request: Look)),
            ApprovalBinding.Of(new Identity { Issuer = "demo2", Subject = "alice", Kind = IdentityKind.Person, Agent = "test-agent" }, Make()),
            ApprovalBinding.Of(new Identity { Issuer = "demo", Subject = "alicE", Kind = IdentityKind.Person, Agent = "test-agent" }, Make()),
            ApprovalBinding.Of(new Identity { Issuer = "demo", Subject = "alice", Kind = IdentityKind.Workload, Agent = "test-agent" }, Make()),
            ApprovalBinding.Of(new Identity { Issuer = "demo", Subject = "alice", Kind = IdentityKind.Person, Agent = "" }, Make()),
            ApprovalBinding.Of(new Identity { Issuer = "demo", Subject = "alice", Kind = IdentityKind.Person }, Make()),
        ];

        Assert.Equal(bindings.Length, bindings.Distinct().Count());
        Assert.Equal(bindings[0], ApprovalBinding.Of(Samples.Person(), Make()));
    }

    [Fact]
    [Row("A02")]
    public async Task An_approval_is_spent_even_when_the_target_failed()
    {
        using var gateway = new ToyGateway(Policy);
        var held = await gateway.AskAsync(Touch);
        await gateway.AnswerAsync(held.Pending!, approve: true);
        gateway.Guide.Before = _ => throw new UpstreamException(RefusalCode.UpstreamUnavailable, "connection refused");

        var failed = await gateway.AskAsync(Touch);
        Assert.Equal(RefusalCode.UpstreamUnavailable, failed.Refused!.Code);

        gateway.Guide.Before = null;
        Assert.NotNull((await gateway.AskAsync(Touch)).Pending);
        Assert.Single(gateway.Guide.Heard);
    }

    [Fact]
    [Row("A02")]
    [Row("A08")]
    public async Task An_approval_that_was_not_used_in_time_is_void()
    {
        using var gateway = new ToyGateway(Policy);
        var held = await gateway.AskAsync(Touch);
        await gateway.AnswerAsync(held.Pending!, approve: true);

        gateway.Clock.Advance(TimeSpan.FromMinutes(10));

        Assert.NotNull((await gateway.AskAsync(Touch)).Pending);
        Assert.Empty(gateway.Guide.Heard);
    }

    [Fact]
    [Row("A03")]
    [Guarantee("G7")]
    public async Task Of_a_thousand_parallel_repeats_exactly_one_runs()
    {
        using var gateway = new ToyGateway(Policy);
        var held = await gateway.AskAsync(Touch);
        await gateway.AnswerAsync(held.Pending!, approve: true);

        await Parallel.ForEachAsync(Enumerable.Range(0, 1_000), async (_, _) => await gateway.AskAsync(Touch));

        Assert.Single(gateway.Guide.Heard);
        Assert.Single(gateway.Recorder.Clearings);
        Assert.Equal(1_001, gateway.Recorder.Endings.Count);
    }

    // On the store that gateways use as well: a double may be more forgiving than what it stands for.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Row("A19")]
    [Guarantee("G7")]
    public async Task A_policy_that_changed_between_answer_and_use_decides_again(bool onDisk)
    {
        using var folder = new ScratchFolder();
        using var store = onDisk ? SqliteHoldStore.Open(folder.Path) : null;
        using var gateway = new ToyGateway(Policy, store);
        var held = await gateway.AskAsync(Touch);
        await gateway.AnswerAsync(held.Pending!, approve: true);

        gateway.Publish(Policy.Replace("count: 1", "count: 2", StringComparison.Ordinal));
        var stricter = await gateway.AskAsync(Touch).WaitAsync(TimeSpan.FromSeconds(10));
        Assert.NotNull(stricter.Pending);
        Assert.Empty(gateway.Guide.Heard);

        await gateway.AnswerAsync(stricter.Pending, approve: true, "bob");
        Assert.NotNull((await gateway.AskAsync(Touch)).Pending);
        await gateway.AnswerAsync(stricter.Pending, approve: true, "carol");
        gateway.Publish(Policy.Replace("then: hold", "then: deny", StringComparison.Ordinal).Replace("hold: { approvers: { groups: [guards], count: 1 }, expires: 30m, valid: 10m }", "", StringComparison.Ordinal));
        Assert.Equal("denied", (await gateway.AskAsync(Touch)).Refused!.Decision);
        Assert.Empty(gateway.Guide.Heard);
    }

    [Fact]
    [Row("A09")]
    public async Task One_denial_ends_it_and_the_repeat_is_told_so()
    {
        using var gateway = new ToyGateway(Policy);
        var held = await gateway.AskAsync(Touch);

        Assert.Equal(AnswerResult.Accepted, await gateway.AnswerAsync(held.Pending!, approve: false));
        Assert.Equal(AnswerResult.Over, await gateway.AnswerAsync(held.Pending!, approve: true, "carol"));

        Assert.Equal(RefusalCode.HoldRejected, (await gateway.AskAsync(Touch)).Refused!.Code);
        Assert.Empty(gateway.Guide.Heard);
    }

    [Fact]
    [Row("A04")]
    [Row("A05")]
    [Guarantee("G8")]
    public async Task The_requester_a_token_a_stranger_and_an_old_sign_in_cannot_answer()
    {
        using var gateway = new ToyGateway(Policy);
        var hold = (await gateway.AskAsync(Touch, Samples.Person("alice", "visitors", "guards"))).Pending!;

        Assert.Equal(AnswerResult.NotAllowed, await gateway.AnswerAsync(hold, approve: true, "alice", "guards"));
        Assert.Equal(AnswerResult.NotFound, await gateway.AnswerAsync(hold, approve: true, "mallory", "visitors"));
        var token = Samples.Person("bob", "guards");
        Assert.Equal(AnswerResult.NotFresh, await gateway.Desk.AnswerAsync(hold.Id, token, approve: true, "", CancellationToken.None));
        var stale = gateway.Fresh("bob", ["guards"]);
        gateway.Clock.Advance(ApprovalDesk.FreshSignIn + TimeSpan.FromSeconds(1));
        Assert.Equal(AnswerResult.NotFresh, await gateway.Desk.AnswerAsync(hold.Id, stale, approve: true, "", CancellationToken.None));
        var robot = new Identity { Issuer = "demo", Subject = "bot", Kind = IdentityKind.Workload, Groups = ["guards"], InteractiveSince = gateway.Clock.GetUtcNow() };
        Assert.Equal(AnswerResult.NotFound, await gateway.Desk.AnswerAsync(hold.Id, robot, approve: true, "", CancellationToken.None));

        Assert.Equal(AnswerResult.Accepted, await gateway.AnswerAsync(hold, approve: true));
    }

    [Fact]
    [Row("A11")]
    [Guarantee("G8")]
    public async Task A_quorum_counts_distinct_people()
    {
        using var gateway = new ToyGateway(Policy.Replace("count: 1", "count: 2", StringComparison.Ordinal));
        var hold = (await gateway.AskAsync(Touch)).Pending!;

        Assert.Equal(AnswerResult.Accepted, await gateway.AnswerAsync(hold, approve: true, "bob"));
        Assert.Equal(AnswerResult.AlreadyAnswered, await gateway.AnswerAsync(hold, approve: true, "bob"));
        Assert.NotNull((await gateway.AskAsync(Touch)).Pending);

        Assert.Equal(AnswerResult.Accepted, await gateway.AnswerAsync(hold, approve: true, "carol"));
        Assert.Null((await gateway.AskAsync(Touch)).Refused);
    }

    [Fact]
    public async Task A_caller_that_can_wait_is_woken_by_the_answer()
    {
        using var gateway = new ToyGateway(Policy);
        var waiting = gateway.AskAsync(Touch, patience: TimeSpan.FromMinutes(1));
        Hold? hold = null;
        while (hold is null) hold = (await gateway.Holds.ListAsync(null, 1, CancellationToken.None)).FirstOrDefault();

        await gateway.AnswerAsync(hold, approve: true);

        Assert.Null((await waiting.WaitAsync(TimeSpan.FromSeconds(10))).Refused);
        Assert.Single(gateway.Guide.Heard);
    }

    [Fact]
    [Row("A16")]
    public async Task What_is_approved_after_the_caller_left_is_not_executed()
    {
        using var gateway = new ToyGateway(Policy);
        using var gone = new CancellationTokenSource();
        var waiting = gateway.AskAsync(Touch, patience: TimeSpan.FromMinutes(1), callerGone: gone.Token);
        Hold? hold = null;
        while (hold is null) hold = (await gateway.Holds.ListAsync(null, 1, CancellationToken.None)).FirstOrDefault();

        await gone.CancelAsync();
        await waiting;
        await gateway.AnswerAsync(hold, approve: true);

        Assert.Empty(gateway.Guide.Heard);
        Assert.Equal(Outcome.Pending, Assert.Single(gateway.Recorder.Endings).Outcome);
    }

    [Fact]
    [Row("A14")]
    public async Task A_flood_of_identical_denials_is_counted_and_still_refused()
    {
        using var gateway = new ToyGateway(Policy);
        gateway.Recorder.CountDenials = true;

        var exchange = await gateway.AskAsync(Steal);

        Assert.NotNull(exchange.Refused);
        Assert.Equal(["counted"], gateway.Recorder.Log);
    }

    [Fact]
    [Guarantee("G10")]
    public async Task Publishing_a_policy_ends_what_it_no_longer_permits()
    {
        using var gateway = new ToyGateway(Policy);
        var reached = new TaskCompletionSource();
        gateway.Guide.Before = async cancelled =>
        {
            reached.SetResult();
            await Task.Delay(Timeout.Infinite, cancelled);
        };
        var running = gateway.AskAsync(Look);
        await reached.Task;

        gateway.Publish(Policy.Replace("gestures: [look]", "gestures: [wave]", StringComparison.Ordinal));

        var exchange = await running.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.Equal(RefusalCode.NotPermitted, exchange.Refused!.Code);
        Assert.Equal(Outcome.Unknown, Assert.Single(gateway.Recorder.Endings).Outcome);
    }

    [Fact]
    [Row("J17")]
    [Guarantee("G10")]
    public async Task Nothing_outlives_its_credential_by_a_second()
    {
        using var gateway = new ToyGateway(Policy);
        var reached = new TaskCompletionSource();
        gateway.Guide.Before = async cancelled =>
        {
            reached.SetResult();
            await Task.Delay(Timeout.Infinite, cancelled);
        };
        var identity = new Identity { Issuer = "demo", Subject = "alice", Kind = IdentityKind.Person, Groups = ["visitors"], ExpiresAt = gateway.Clock.GetUtcNow() + TimeSpan.FromMinutes(1) };
        var running = gateway.AskAsync(Look, identity);
        await reached.Task;

        gateway.Clock.Advance(TimeSpan.FromSeconds(59));
        Assert.False(running.IsCompleted);
        gateway.Clock.Advance(TimeSpan.FromSeconds(2));

        Assert.Equal(RefusalCode.CredentialEnded, (await running.WaitAsync(TimeSpan.FromSeconds(10))).Refused!.Code);
    }

    [Fact]
    [Row("J17")]
    [Guarantee("G10")]
    public async Task What_ends_badly_when_it_is_cut_spares_no_other_and_does_not_end_the_sweep()
    {
        using var gateway = new ToyGateway(Policy);
        var reached = new SemaphoreSlim(0);
        gateway.Guide.Before = async cancelled =>
        {
            await using var badly = cancelled.UnsafeRegister(static _ => throw new InvalidOperationException("badly"), null);
            reached.Release();
            await Task.Delay(Timeout.Infinite, cancelled);
        };
        Identity Until(string subject) => new() { Issuer = "demo", Subject = subject, Kind = IdentityKind.Person, Groups = ["visitors"], ExpiresAt = gateway.Clock.GetUtcNow() + TimeSpan.FromMinutes(1) };
        var running = new[] { gateway.AskAsync(Look, Until("alice")), gateway.AskAsync(Look, Until("zoe")) };
        for (var i = 0; i < running.Length; i++) await reached.WaitAsync(TestContext.Current.CancellationToken);

        // The sweep runs on a timer's thread, where an exception ends the gateway; here it would end this test.
        gateway.Clock.Advance(TimeSpan.FromSeconds(61));

        foreach (var one in running) Assert.Equal(RefusalCode.CredentialEnded, (await one.WaitAsync(TimeSpan.FromSeconds(10))).Refused!.Code);
    }

    [Fact]
    public async Task Stopping_waits_for_what_is_in_flight_then_cuts_it()
    {
        using var gateway = new ToyGateway(Policy);
        var reached = new TaskCompletionSource();
        gateway.Guide.Before = async cancelled =>
        {
            reached.SetResult();
            await Task.Delay(Timeout.Infinite, cancelled);
        };
        var running = gateway.AskAsync(Look);
        await reached.Task;

        var stopping = gateway.Leash.StopAsync(TimeSpan.FromSeconds(5)).AsTask();
        Assert.False(stopping.IsCompleted);
        gateway.Clock.Advance(TimeSpan.FromSeconds(6));

        await stopping.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.Equal(RefusalCode.GatewayUnavailable, (await running.WaitAsync(TimeSpan.FromSeconds(10))).Refused!.Code);
    }

    [Fact]
    [Guarantee("G2")]
    public async Task What_was_released_before_the_target_broke_off_is_on_the_wire_before_the_refusal()
    {
        using var gateway = new ToyGateway(Policy);
        gateway.Recorder.HoldCommits = true; // a slow disk
        gateway.Guide.Answers = _ => ["{\"n\":1}", "{\"n\":2}"];
        gateway.Guide.After = () => throw new UpstreamException(RefusalCode.UpstreamInvalid, "broke off");
        var running = gateway.AskAsync(Look);
        gateway.Recorder.ReleaseOne(); // the intent
        while (gateway.Recorder.Log.Count(line => line.StartsWith("reply", StringComparison.Ordinal)) < 2) await Task.Delay(1, TestContext.Current.CancellationToken);

        Assert.NotSame(running, await Task.WhenAny(running, Task.Delay(50, TestContext.Current.CancellationToken)));
        gateway.Recorder.ReleaseOne();
        gateway.Recorder.ReleaseOne();

        var exchange = await running;
        Assert.Equal(2, exchange.Replied.Count);
        Assert.Equal(RefusalCode.UpstreamInvalid, exchange.Refused!.Code);
        Assert.Equal(2, exchange.RepliedBeforeRefusal);
    }

    [Fact]
    [Guarantee("G3")]
    public async Task Every_intent_has_exactly_one_ending_whatever_the_exchange_throws()
    {
        using var gateway = new ToyGateway(Policy);
        Exception[] faults = [new UpstreamException(RefusalCode.UpstreamInvalid, "bad frame"), new IOException("x"), new InvalidOperationException("x"), new OperationCanceledException()];
        foreach (var fault in faults)
        {
            gateway.Guide.Before = _ => throw fault;
            var exchange = await gateway.AskAsync(Look);
            Assert.NotNull(exchange.Refused);
            Assert.DoesNotContain("x", gateway.Recorder.Endings.Last().Detail!.Split(' '));
        }
        Assert.Equal(gateway.Recorder.Intents.Count, gateway.Recorder.Endings.Count);
    }

    [Fact]
    [Guarantee("G14")]
    public async Task A_clearance_opens_a_target_once()
    {
        using var gateway = new ToyGateway(Policy);
        Clearance? kept = null;
        gateway.Guide.Answers = _ => ["{}"];
        var exchange = new Greedy(gateway.Exchange(Look).Operation, gateway.Guide, clearance => kept = clearance);

        await gateway.Pipeline.RunAsync(exchange, Samples.Person("alice", "visitors"), CancellationToken.None);

        Assert.False(kept!.TryUse());
        Assert.Single(gateway.Guide.Heard);
    }

    private sealed class Greedy(Operation operation, ToyGuide guide, Action<Clearance> keep) : IExchange
    {
        private readonly ToyExchange _inner = new(operation, guide);

        public Operation Operation => _inner.Operation;

        public TimeSpan Patience => TimeSpan.Zero;

        public IReplySink Replies => _inner;

        public async ValueTask ForwardAsync(Clearance clearance, CancellationToken cancellationToken)
        {
            keep(clearance);
            await _inner.ForwardAsync(clearance, cancellationToken);
            await Assert.ThrowsAsync<UpstreamException>(() => guide.AskAsync(clearance, cancellationToken));
        }

        public ValueTask RefuseAsync(Refusal refusal, CancellationToken cancellationToken) => _inner.RefuseAsync(refusal, cancellationToken);

        public ValueTask PendAsync(Refusal refusal, Hold hold, CancellationToken cancellationToken) => _inner.PendAsync(refusal, hold, cancellationToken);
    }

    private sealed class ScratchFolder : IDisposable
    {
        private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("postern-test-");

        public string Path => _folder.FullName;

        public void Dispose() => _folder.Delete(recursive: true);
    }
}
