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

    private static Identity Who(string subject) => new() { Issuer = "corp", Subject = subject, Kind = IdentityKind.Person };

    private Operation Of(string run) => new()
    {
        Id = OperationId.New(_clock.GetUtcNow()),
        Connection = Shop,
        Parts = [new Part { Action = "toy.look" }],
        Request = default,
        RequestShape = FrameShape.Text,
        DigestOf = _ => Digest.Of("x"u8),
        ClientRun = run,
    };
}
