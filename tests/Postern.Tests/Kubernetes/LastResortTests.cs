using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Postern.Protocols.Kubernetes;
using Postern.Tests.Doubles;

namespace Postern.Tests.Kubernetes;

/// <summary>A caller that takes nothing is let go of in time; and the timer that does it may come when its request has just ended.</summary>
[Guarantee("G16")]
public sealed class LastResortTests
{
    private readonly SteppedClock _clock = new();

    [Fact]
    public void It_comes_once_a_while_after_the_end_of_the_right_and_not_when_it_was_called_off()
    {
        using var right = new CancellationTokenSource();
        var cuts = 0;
        using var resort = new LastResort(_clock, () => cuts++);
        using var calledOff = new LastResort(_clock, () => cuts += 10);
        using var registration = resort.At(right.Token);
        using (calledOff.At(right.Token))
        {
            // What ends before its right does.
        }

        _clock.Advance(LastResort.Grace * 2);
        Assert.Equal(0, cuts);
        right.Cancel();
        _clock.Advance(LastResort.Grace - TimeSpan.FromMilliseconds(1));
        Assert.Equal(0, cuts);
        _clock.Advance(LastResort.Grace * 2);

        Assert.Equal(1, cuts);
    }

    [Fact]
    public async Task A_request_that_has_just_ended_ends_nothing_else()
    {
        var over = await OverAsync();
        using var right = new CancellationTokenSource();
        using var resort = new LastResort(_clock, over.Abort);
        using var registration = resort.At(right.Token);
        await right.CancelAsync();

        // What this is about: an exception, and on the thread of a timer.
        Assert.Throws<ObjectDisposedException>(over.Abort);
        _clock.Advance(LastResort.Grace);
    }

    /// <summary>A request of a server, after it.</summary>
    private static async Task<HttpContext> OverAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        await using var server = builder.Build();
        server.Urls.Add("http://127.0.0.1:0");
        HttpContext? kept = null;
        server.Run(context =>
        {
            kept = context;
            return Task.CompletedTask;
        });
        await server.StartAsync(TestContext.Current.CancellationToken);
        using var http = new HttpClient();
        using var answer = await http.GetAsync(new Uri(server.Urls.Single()), TestContext.Current.CancellationToken);
        await server.StopAsync(TestContext.Current.CancellationToken);
        return kept!;
    }
}
