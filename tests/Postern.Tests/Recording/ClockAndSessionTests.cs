using Postern.Core.Recording;
using Postern.Tests.Doubles;

namespace Postern.Tests.Recording;

/// <summary>A journal does not lean on what clocks and clients say: order is the sequence's, and who an operation is stands in its own id.</summary>
public sealed class ClockAndSessionTests
{
    private const string First = "journal-000001.pjl";

    [Theory]
    [InlineData(-3600)]
    [InlineData(3600)]
    [InlineData(-1)]
    [InlineData(0)]
    [Guarantee("G4")]
    [Row("U09")]
    [Row("F14")]
    public async Task Whatever_the_clock_does_the_order_is_that_of_the_sequence(int secondsPerOperation)
    {
        var storage = new MemoryStorage();
        var clock = new SteppedClock();
        var begun = new List<string>();
        for (var start = 0; start < 2; start++)
        {
            await using var recorder = await Given.Recorder(storage, clock: clock);
            for (var index = 0; index < 4; index++)
            {
                // Set back, set forward, a second that comes twice, and none that passes at all.
                clock.Shift(TimeSpan.FromSeconds(secondsPerOperation));
                var intent = Given.Intent(at: clock.GetUtcNow());
                begun.Add(intent.Operation.ToString());
                var account = await recorder.BeginAsync(intent, CancellationToken.None);
                await account.AppendAsync(FrameDirection.Reply, Given.Masked("reply"), 0);
                await account.EndAsync(Given.Done() with { At = clock.GetUtcNow() });
            }
        }

        var verdict = Given.Verify(storage);
        var payloads = Payloads(storage);
        Assert.True(verdict.IsGood, verdict.Bad?.ToString());
        Assert.Empty(verdict.OpenIntents);
        Assert.Equal(begun, payloads.OfType<RecordedIntent>().Select(intent => intent.Op));
        Assert.Equal(begun.Count, begun.Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(Enumerable.Range(1, (int)verdict.Records).Select(number => (long)number), Given.Records(storage).Select(record => record.Head.Sequence));
        // What is told is told as the clock said it, however it jumped.
        var told = payloads.OfType<RecordedIntent>().Select(intent => intent.At).ToArray();
        Assert.Equal(told.Zip(told.Skip(1)).Select(pair => (pair.Second - pair.First).TotalSeconds).Distinct(), [secondsPerOperation]);
    }

    [Fact]
    [Guarantee("G3")]
    [Row("U06")]
    public async Task A_second_intent_under_an_operation_that_is_there_is_never_called_good_and_a_repeated_session_writes_over_nothing()
    {
        // Two operations of one session, and one of another identity that names the same session: three accounts, each with its own.
        var storage = new MemoryStorage();
        await using (var recorder = await Given.Recorder(storage))
        {
            foreach (var subject in (string[])["alice", "alice", "mallory"]) await (await recorder.BeginAsync(Given.Intent(subject: subject), CancellationToken.None)).EndAsync(Given.Done());
        }
        var intents = Payloads(storage).OfType<RecordedIntent>().ToArray();
        Assert.True(Given.Verify(storage).IsGood);
        Assert.Equal(["alice", "alice", "mallory"], intents.Select(intent => intent.Identity.Subject));
        Assert.Equal(3, intents.Select(intent => intent.Op).Distinct(StringComparer.Ordinal).Count());

        // The id of an operation that ended, or that is open, once more: a verifier stops there.
        foreach (var ends in (bool[])[true, false])
        {
            var twice = new MemoryStorage();
            await using (var recorder = await Given.Recorder(twice))
            {
                var intent = Given.Intent();
                var account = await recorder.BeginAsync(intent, CancellationToken.None);
                if (ends) await account.EndAsync(Given.Done());
                await recorder.BeginAsync(intent with { Session = "01SESSION0000000000000000Z" }, CancellationToken.None);
            }
            Assert.Contains("second intent", Given.Verify(twice).Bad!.Problem, StringComparison.Ordinal);
        }
    }

    private static List<RecordedPayload> Payloads(MemoryStorage storage)
    {
        var payloads = new List<RecordedPayload>();
        using var scanner = new SegmentScanner(storage.Open(First));
        Assert.Equal(ScanStep.Record, scanner.ReadHeader(out _));
        while (scanner.Read() == ScanStep.Record)
        {
            Assert.True(PayloadReader.TryRead(scanner.Head.Type, scanner.Json, out var payload, out var problem), problem);
            payloads.Add(payload);
        }
        return payloads;
    }
}
