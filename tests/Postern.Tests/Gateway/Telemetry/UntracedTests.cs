using System.Diagnostics;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Core.Policy;
using Postern.Core.Recording;
using Postern.Tests.Pipeline;
using Postern.Tests.Recording;

namespace Postern.Tests.Gateway.Telemetry;

/// <summary>Where no traces are wanted, operations pay nothing for them.</summary>
[Collection(nameof(TraceTests))] // a listener anywhere in the process would make spans
public sealed class UntracedTests
{
    [Fact]
    public void Without_a_listener_a_whole_operation_allocates_nothing_for_its_trace()
    {
        var operation = ToyOperations.Read(new Connection("museum", "toy", "toy://museum", []), """{"gesture":"point","exhibit":"vase"}"""u8.ToArray(), DateTimeOffset.UnixEpoch);
        var decision = Given.Allow();
        Assert.Null(Activity.Current);
        Trace(operation, decision); // what is made once, with the first

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1_000; i++) Trace(operation, decision);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        // With one, they are made: the same measure would see it.
        using var listener = new ActivityListener { ShouldListenTo = source => source.Name == OperationTrace.SourceName, Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData };
        ActivitySource.AddActivityListener(listener);
        before = GC.GetAllocatedBytesForCurrentThread();
        Trace(operation, decision);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before > 100);
    }

    /// <summary>Everything that the pipeline and protocols ask of it on the way of one operation.</summary>
    private static void Trace(Operation operation, Decision decision)
    {
        using var span = OperationTrace.Begin(operation);
        _ = OperationTrace.IdOf(span, operation);
        OperationTrace.Step(span, "recorded");
        using (OperationTrace.Forward(Activity.Current)) _ = OperationTrace.Outgoing;
        OperationTrace.End(span, decision, Outcome.Done, null);
    }
}
