using Postern.Protocols.Mcp;
using Postern.Tests.Doubles;

namespace Postern.Tests.Mcp;

/// <summary>A session's own stream goes ahead of the calls that were sent after it, for a while.</summary>
public sealed class StreamOpeningTests
{
    private readonly SteppedClock _clock = new();

    [Fact]
    public async Task A_call_goes_on_when_the_stream_is_there()
    {
        var opening = new StreamOpening(_clock);
        var call = opening.WaitAsync(TestContext.Current.CancellationToken).AsTask();

        Assert.False(call.IsCompleted);
        opening.Finish();
        await call;
        Assert.False(opening.IsPending);
    }

    [Fact]
    public async Task A_stream_without_a_head_holds_calls_up_once_and_for_a_moment_only()
    {
        var opening = new StreamOpening(_clock);
        var call = opening.WaitAsync(TestContext.Current.CancellationToken).AsTask();

        _clock.Advance(StreamOpening.Patience);
        await call;

        Assert.False(opening.IsPending);
        Assert.True(opening.WaitAsync(TestContext.Current.CancellationToken).IsCompletedSuccessfully);
    }

    [Fact]
    public async Task A_caller_that_leaves_waits_no_longer()
    {
        using var gone = new CancellationTokenSource();
        var call = new StreamOpening(_clock).WaitAsync(gone.Token).AsTask();

        await gone.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
    }
}
