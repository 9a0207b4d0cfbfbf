using System.Text;
using Postern.Core.Approvals;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Tests.Doubles;

namespace Postern.Tests.Pipeline;

/// <summary>What a caller is told to bring back opens here only, for that caller and call only, and not for ever.</summary>
[Row("P11")]
public sealed class ContinuationSealTests
{
    private static readonly Identity Alice = Samples.Person("alice", "visitors");
    private static readonly byte[] Root = [.. Enumerable.Range(0, ContinuationSeal.KeyBytes).Select(i => (byte)i)];

    private readonly SteppedClock _clock = new();

    [Fact]
    public void What_was_sealed_opens_whole_and_fits_its_caller_and_call()
    {
        var operation = Operation();
        var opened = Open(Sealed(operation))!;

        Assert.Equal((ContinuationKind.Waiting, operation.Id, "H1", 3), (opened.Kind, opened.Of, opened.Hold, opened.Leg));
        Assert.Equal("own", Encoding.UTF8.GetString(opened.Carried.Span));
        Assert.Equal(_clock.GetUtcNow() + ContinuationSeal.WaitingLife, opened.Ends);
        Assert.True(opened.Fits(Alice, Operation(), operation.Digest));
    }

    [Fact]
    public void It_fits_no_other_caller_connection_target_definition_or_call()
    {
        var opened = Open(Sealed(Operation()))!;
        var digest = Operation().Digest;

        Assert.False(opened.Fits(Samples.Person("bob", "visitors"), Operation(), digest));
        Assert.False(opened.Fits(new Identity { Issuer = "demo", Subject = "alice", Kind = IdentityKind.Person, Agent = "other-agent" }, Operation(), digest));
        Assert.False(opened.Fits(new Identity { Issuer = "other", Subject = "alice", Kind = IdentityKind.Person, Agent = "test-agent" }, Operation(), digest));
        Assert.False(opened.Fits(Alice, Operation(connection: Samples.Museum with { Name = "annex" }), digest));
        Assert.False(opened.Fits(Alice, Operation(connection: Samples.Museum with { Target = "toy://annex" }), digest));
        Assert.False(opened.Fits(Alice, Operation(definition: Digest.Of("other"u8)), digest));
        Assert.False(opened.Fits(Alice, Operation(), Digest.Of("other call"u8)));
        Assert.True(opened.Fits(Alice, Operation(), digest));
    }

    [Fact]
    public void Every_changed_cut_or_added_character_voids_it()
    {
        var text = Sealed(Operation());
        for (var i = 0; i < text.Length; i++)
        {
            foreach (var other in "A_0")
            {
                if (text[i] != other) Assert.Null(Open(text[..i] + other + text[(i + 1)..]));
            }
            Assert.Null(Open(text[..i]));
            Assert.Null(Open(text[..i] + "=" + text[i..]));
            Assert.Null(Open(text[..i] + "\n" + text[i..]));
        }
        Assert.Null(Open(text + "A"));
        Assert.Null(Open("state of another gateway"));
        Assert.Null(Open(new string('A', 100_000)));
    }

    [Fact]
    public void It_ends_and_another_root_key_voids_it()
    {
        var text = Sealed(Operation());

        Assert.Null(new ContinuationSeal(new byte[ContinuationSeal.KeyBytes], _clock).Open(Encoding.ASCII.GetBytes(text)));
        _clock.Advance(ContinuationSeal.WaitingLife - TimeSpan.FromTicks(1));
        Assert.NotNull(Open(text));
        _clock.Advance(TimeSpan.FromTicks(1));
        Assert.Null(Open(text));
    }

    [Fact]
    public void The_key_changes_at_midnight_and_what_is_out_still_opens()
    {
        _clock.Advance(_clock.GetUtcNow().Date.AddDays(1) - _clock.GetUtcNow() - TimeSpan.FromSeconds(30));
        var before = Sealed(Operation());
        _clock.Advance(TimeSpan.FromSeconds(31));
        var after = Sealed(Operation());

        Assert.NotNull(Open(before));
        Assert.NotNull(Open(after));
        // The day stands in the clear, after the format: the two are under two keys.
        Assert.NotEqual(before[..6], after[..6]);
    }

    [Fact]
    public void No_two_sealed_texts_are_alike()
    {
        var operation = Operation();

        Assert.Equal(1_000, Enumerable.Range(0, 1_000).Select(_ => Sealed(operation)).Distinct(StringComparer.Ordinal).Count());
    }

    private Continuation? Open(string text) => new ContinuationSeal(Root, _clock).Open(Encoding.UTF8.GetBytes(text));

    private string Sealed(Operation operation) => new ContinuationSeal(Root, _clock).SealWaiting(Alice, operation, Hold(operation), 3, "own"u8);

    private Operation Operation(Connection? connection = null, Digest? definition = null) => new()
    {
        Id = OperationId.New(_clock.GetUtcNow()),
        Connection = connection ?? Samples.Museum,
        Parts = [new Part { Action = "toy.touch" }],
        Request = "{}"u8.ToArray(),
        RequestShape = FrameShape.Json,
        DigestOf = static operation => Digest.Of(operation.Request.Span),
        Definition = definition,
    };

    private Hold Hold(Operation operation) => new()
    {
        Id = "H1", Binding = operation.Digest, OpenedBy = operation.Id, Requester = Alice.Key, Connection = "museum", Target = "toy://museum", Summary = "",
        Terms = new HoldTerms([], TimeSpan.FromMinutes(30), TimeSpan.FromMinutes(10), HoldRisk.Low), Rule = "r", Reason = "", PolicyVersion = 1, OpenedAt = _clock.GetUtcNow(),
        ExpiresAt = _clock.GetUtcNow() + TimeSpan.FromMinutes(30), State = HoldState.Open,
    };
}
