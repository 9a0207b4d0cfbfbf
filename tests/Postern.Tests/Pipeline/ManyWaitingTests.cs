using System.Diagnostics;
using Postern.Core.Approvals;
using Postern.Tests.Doubles;

namespace Postern.Tests.Pipeline;

/// <summary>Alone on the machine's counters: nothing else of this assembly runs beside it.</summary>
[CollectionDefinition(nameof(ManyWaitingTests), DisableParallelization = true)]
[Collection(nameof(ManyWaitingTests))]
public sealed class ManyWaitingTests
{
    private const int Callers = 10_000;

    /// <summary>What the gateway keeps for one caller that waits, its hold and its place in the record included. Measured: 6.3 kB.</summary>
    private const int MostBytes = 16 * 1024;

    [Fact]
    [Row("D09")]
    [Guarantee("G16")]
    public async Task Ten_thousand_callers_that_wait_cost_memory_and_no_thread()
    {
        using var gateway = new ToyGateway(PipelineTests.Policy, new MemoryHoldStore(), maxWaiting: Callers);
        // As many of one person as may wait at once.
        var people = Enumerable.Range(0, Callers / ApprovalDesk.UsualMaxOpen).Select(i => Samples.Person($"visitor-{i}", "visitors")).ToArray();
        var threads = ThreadPool.ThreadCount;
        var before = GC.GetTotalMemory(forceFullCollection: true);

        var exchanges = Enumerable.Range(0, Callers).Select(i => gateway.Exchange($$$"""{"gesture":"touch","exhibit":"hall/statue","words":{"n":{{{i}}}}}""", TimeSpan.FromMinutes(5))).ToArray();
        var running = exchanges.Select((exchange, i) => gateway.Pipeline.RunAsync(exchange, people[i % people.Length], CancellationToken.None).AsTask()).ToArray();
        await UntilAsync(() => Array.TrueForAll(exchanges, exchange => exchange.Signs.Count == 1) && gateway.Clock.Armed == Callers + 1);

        var bytes = (GC.GetTotalMemory(forceFullCollection: true) - before) / Callers;
        Assert.Equal(Callers, gateway.Leash.WaitingCount);
        Assert.True(bytes <= MostBytes, $"{bytes} bytes for each caller that waits");
        Assert.InRange(ThreadPool.ThreadCount, 0, Math.Max(threads, Environment.ProcessorCount) + 8);

        // All are woken by one stop, and every one has its ending.
        var started = Stopwatch.GetTimestamp();
        await gateway.Leash.StopAsync(TimeSpan.FromSeconds(1));
        await Task.WhenAll(running).WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        Assert.Equal(Callers, gateway.Recorder.Endings.Count);
        Assert.Equal(0, gateway.Leash.WaitingCount);
        TestContext.Current.SendDiagnosticMessage($"{bytes} bytes for each of {Callers} callers, {ThreadPool.ThreadCount} threads of the pool, woken in {Stopwatch.GetElapsedTime(started).TotalMilliseconds:0} ms");
    }

    private static async Task UntilAsync(Func<bool> isReached)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(180));
        while (!isReached())
        {
            patience.Token.ThrowIfCancellationRequested();
            await Task.Delay(50, patience.Token); // looking at all of them all the time would be the work that is measured
        }
    }
}
