using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Sessions;
using Postern.Tests.Doubles;

namespace Postern.Tests.Pipeline;

public sealed class SessionBookTests
{
    private static readonly Connection Shop = new("shop", "toy", "toy://shop", []);

    private readonly SteppedClock _clock = new();

    [Fact]
    public void One_run_of_one_identity_is_one_session_until_it_is_idle()
    {
        var book = new SessionBook(_clock);
        var first = book.IdFor(Who("alice"), Of("run-1"));

        Assert.Equal(first, book.IdFor(Who("alice"), Of("run-1")));
        Assert.NotEqual(first, book.IdFor(Who("alice"), Of("run-2")));
        Assert.NotEqual(first, book.IdFor(Who("bob"), Of("run-1")));
        _clock.Advance(SessionBook.IdleLimit);
        Assert.NotEqual(first, book.IdFor(Who("alice"), Of("run-1")));
    }

    [Fact]
    public void Without_a_run_a_trace_is_a_session_and_within_a_run_it_divides_nothing()
    {
        var book = new SessionBook(_clock);
        var (one, two) = (Traced("0af7651916cd43dd8448eb211c80319c"), Traced("4bf92f3577b34da6a3ce929d0e0e4736"));
        var first = book.IdFor(Who("alice"), Of(null, one));

        Assert.Equal(first, book.IdFor(Who("alice"), Of(null, one)));
        Assert.NotEqual(first, book.IdFor(Who("alice"), Of(null, two)));
        Assert.NotEqual(first, book.IdFor(Who("bob"), Of(null, one)));
        Assert.NotEqual(first, book.IdFor(Who("alice"), Of(null)));
        var run = book.IdFor(Who("alice"), Of("run-1", one));
        Assert.NotEqual(first, run);
        Assert.Equal(run, book.IdFor(Who("alice"), Of("run-1", two)));
    }

    [Fact]
    [Row("U06")]
    public void What_follows_a_session_that_was_ended_is_another()
    {
        var book = new SessionBook(_clock);
        var ended = book.IdFor(Who("alice"), Of("run-1"));
        var other = book.IdFor(Who("bob"), Of("run-1"));

        Assert.True(book.End(ended));
        Assert.False(book.End(ended));
        Assert.NotEqual(ended, book.IdFor(Who("alice"), Of("run-1")));
        Assert.Equal(other, book.IdFor(Who("bob"), Of("run-1")));
    }

    private static System.Diagnostics.ActivityContext Traced(string id) =>
        new(System.Diagnostics.ActivityTraceId.CreateFromString(id), System.Diagnostics.ActivitySpanId.CreateFromString("b7ad6b7169203331"), System.Diagnostics.ActivityTraceFlags.None);

    [Fact]
    public void A_run_that_its_client_ended_is_not_remembered_and_no_other_is_touched()
    {
        var book = new SessionBook(_clock);
        var ended = book.IdFor(Who("alice"), Of("run-1"));
        var bobs = book.IdFor(Who("bob"), Of("run-1"));
        var other = book.IdFor(Who("alice"), Of("run-2"));

        book.End(Who("alice"), Shop, "run-1");

        Assert.NotEqual(ended, book.IdFor(Who("alice"), Of("run-1")));
        Assert.Equal(bobs, book.IdFor(Who("bob"), Of("run-1")));
        Assert.Equal(other, book.IdFor(Who("alice"), Of("run-2")));
    }

    [Fact]
    [Row("U06")]
    [Guarantee("G16")]
    public void Traces_without_end_open_no_sessions_without_end_and_others_keep_theirs()
    {
        var book = new SessionBook(_clock);
        var bobs = book.IdFor(Who("bob"), Of(null, Traced(1)));

        var ids = Enumerable.Range(1, 5_000).Select(trace => book.IdFor(Who("alice"), Of(null, Traced(trace)))).ToList();

        Assert.Equal(SessionBook.TracesAtOnce + 1, ids.Distinct().Count());
        Assert.Equal(ids[0], book.IdFor(Who("alice"), Of(null, Traced(1)))); // the first ones keep what they have
        Assert.Equal(ids[^1], book.IdFor(Who("alice"), Of(null))); // the rest is together
        Assert.Equal(bobs, book.IdFor(Who("bob"), Of(null, Traced(1))));
        _clock.Advance(SessionBook.IdleLimit);
        Assert.DoesNotContain(book.IdFor(Who("alice"), Of(null, Traced(6_000))), ids);
        Assert.NotEqual(book.IdFor(Who("alice"), Of(null, Traced(6_001))), book.IdFor(Who("alice"), Of(null, Traced(6_002))));
    }

    [Fact]
    [Row("U06")]
    [Guarantee("G16")]
    public void Whoever_opens_sessions_without_end_divides_its_own_alone()
    {
        var book = new SessionBook(_clock);
        var bobs = book.IdFor(Who("bob"), Of("run-1"));
        var first = book.IdFor(Who("alice"), Of("run-0"));

        for (var run = 1; run <= SessionBook.Capacity; run++) book.IdFor(Who("alice"), Of($"run-{run}"));

        Assert.Equal(bobs, book.IdFor(Who("bob"), Of("run-1")));
        Assert.NotEqual(first, book.IdFor(Who("alice"), Of("run-0")));
    }

    private static System.Diagnostics.ActivityContext Traced(int trace) => Traced(trace.ToString("x32", System.Globalization.CultureInfo.InvariantCulture));

    private static Identity Who(string subject) => new() { Issuer = "corp", Subject = subject, Kind = IdentityKind.Person };

    private Operation Of(string? run, System.Diagnostics.ActivityContext trace = default) => new()
    {
        Id = OperationId.New(_clock.GetUtcNow()),
        Connection = Shop,
        Trace = trace,
        Parts = [new Part { Action = "toy.look" }],
        Request = default,
        RequestShape = FrameShape.Text,
        DigestOf = _ => Digest.Of("x"u8),
        ClientRun = run,
    };
}
