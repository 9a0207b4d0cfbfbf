using Postern.Core.Operations;
using Postern.Core.Recording;
using Postern.Tests.Doubles;
using Postern.Tests.Gateway;

namespace Postern.Tests.Recording;

/// <summary>The disk fails under a running gateway, and comes back: refused meanwhile, gone on with afterwards, nothing pretended.</summary>
public sealed class RecorderHealingTests
{
    private readonly SteppedClock _clock = new();

    [Theory]
    [InlineData(true, Durability.Strict)]
    [InlineData(false, Durability.Strict)]
    [InlineData(false, Durability.Relaxed)]
    [Row("F03")]
    [Row("U02")]
    [Guarantee("G3")]
    [Guarantee("G5")]
    public async Task When_the_disk_works_again_the_account_goes_on_in_a_new_segment_of_the_same_chain(bool flush, Durability durability)
    {
        var storage = new MemoryStorage();
        var running = Given.Intent();
        await using (var recorder = await Given.Recorder(storage, Given.Options() with { Durability = durability }, _clock))
        {
            await Given.OperationAsync(recorder);
            var account = await recorder.BeginAsync(running, CancellationToken.None);
            await SettleAsync(recorder, storage);
            Fail(storage, flush);

            await Assert.ThrowsAsync<RecordingException>(() => recorder.BeginAsync(Given.Intent(), CancellationToken.None).AsTask());
            await Assert.ThrowsAsync<RecordingException>(() => recorder.BeginAsync(Given.Intent(), CancellationToken.None).AsTask());
            await Assert.ThrowsAsync<RecordingException>(() => recorder.NoteAsync(new Occurrence("x", Given.Noon, []), CancellationToken.None).AsTask());
            Assert.Contains("nothing is accepted until it can", recorder.Fault, StringComparison.Ordinal);
            _clock.Advance(TimeSpan.FromMinutes(5)); // the disk is still full
            Assert.NotNull(recorder.Fault);
            Repair(storage);
            await HealedAsync(recorder);

            // Whoever was in flight has an ending by now, and can add nothing to it.
            await Assert.ThrowsAsync<RecordingException>(() => account.AppendAsync(FrameDirection.Reply, Given.Masked("late"), 0).AsTask());
            await account.EndAsync(Given.Done());
            await Given.OperationAsync(recorder);
            Assert.Null(recorder.Fault);
        }

        AssertSound(storage);
        AssertSound(storage.AfterPowerLoss());
        Assert.Equal(["journal-000001.pjl", "journal-000002.pjl"], storage.List());
        var records = Operations(storage);
        Assert.Equal("unknown", records.Single(one => one.Id == running.Operation.ToString()).Outcome);
        Assert.Equal(2, records.Count(one => one.Outcome == "done"));
        var healed = Occurrences(storage).Single(one => one.Kind == Recorder.RecoveredKind);
        Assert.Equal("2", healed.Facts.Single(fact => fact.Name == "refused").Value);
        Assert.Equal("1", healed.Facts.Single(fact => fact.Name == "openIntents").Value);
        Assert.Contains(flush ? "input/output error" : "no space left", healed.Facts.Single(fact => fact.Name == "problem").Value, StringComparison.Ordinal);
    }

    [Fact]
    [Row("U02")]
    [Guarantee("G4")]
    public async Task What_a_failed_flush_left_readable_is_cut_although_later_flushes_succeed()
    {
        var storage = new MemoryStorage();
        await using var recorder = await Given.Recorder(storage, clock: _clock);
        var lost = Given.Intent("""{"order":"lost-4711"}""");
        await SettleAsync(recorder, storage);
        storage.FlushFails = () => true;

        await Assert.ThrowsAsync<RecordingException>(() => recorder.BeginAsync(lost, CancellationToken.None).AsTask());
        Assert.Contains("lost-4711", System.Text.Encoding.UTF8.GetString(storage.Bytes("journal-000001.pjl")), StringComparison.Ordinal);
        storage.FlushFails = null;
        await HealedAsync(recorder);

        Assert.DoesNotContain("lost-4711", System.Text.Encoding.UTF8.GetString(storage.Bytes("journal-000001.pjl")), StringComparison.Ordinal);
        Assert.DoesNotContain(Operations(storage), one => one.Id == lost.Operation.ToString());
        AssertSound(storage.AfterPowerLoss());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [Row("U02")]
    public async Task A_try_that_fails_on_its_way_is_undone_by_the_next(int failing)
    {
        var storage = new MemoryStorage();
        await using (var recorder = await Given.Recorder(storage, clock: _clock))
        {
            await Given.OperationAsync(recorder);
            await SettleAsync(recorder, storage);
            Fail(storage, flush: true);
            await Assert.ThrowsAsync<RecordingException>(() => recorder.BeginAsync(Given.Intent(), CancellationToken.None).AsTask());

            // From the first to the fifth step of the first try: cutting, resuming, header, telling, checkpoint.
            var (flushes, writes) = (0, 0);
            storage.FlushFails = () => ++flushes == failing;
            storage.WriteFails = () => ++writes == failing;
            await HealedAsync(recorder);
            await Given.OperationAsync(recorder);
            while (flushes < failing || writes < failing) await TryOperationAsync(recorder);
            await HealedAsync(recorder);
            await Given.OperationAsync(recorder);
        }

        AssertSound(storage);
        AssertSound(storage.AfterPowerLoss());
    }

    [Fact]
    [Row("F03")]
    public async Task The_tries_become_rarer_and_what_is_in_flight_is_told_at_once()
    {
        var storage = new MemoryStorage();
        await using var recorder = await Given.Recorder(storage, clock: _clock);
        var told = new TaskCompletionSource();
        recorder.Broken = told.SetResult;
        var tries = 0;
        storage.FlushFails = () => ++tries > 0;
        await Assert.ThrowsAsync<RecordingException>(() => recorder.BeginAsync(Given.Intent(), CancellationToken.None).AsTask());
        await told.Task;

        var before = tries;
        for (var second = 0; second < 600; second++)
        {
            _clock.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(1, TestContext.Current.CancellationToken);
        }

        Assert.InRange(tries - before, 5, 40); // 1, 2, 4, 8, 16, 30, 30, … seconds apart
        Assert.NotNull(recorder.Fault);
    }

    [Theory]
    [InlineData(Durability.Strict)]
    [InlineData(Durability.Relaxed)]
    [Row("F03")]
    [Row("U02")]
    [Guarantee("G1")]
    [Guarantee("G3")]
    public async Task Whatever_fails_when_every_promise_that_was_kept_is_in_the_account_and_every_intent_has_one_ending(Durability durability)
    {
        for (var seed = 1; seed <= 8; seed++)
        {
            var chance = new Random(seed);
            var storage = new MemoryStorage();
            var promised = new List<string>();
            await using (var recorder = await Given.Recorder(storage, Given.Options() with { Durability = durability, SegmentBytes = 16 * 1024 }, _clock))
            {
                storage.WriteFails = () => chance.Next(12) == 0;
                storage.FlushFails = () => chance.Next(12) == 0;
                for (var i = 0; i < 60; i++)
                {
                    if (recorder.Fault is not null && chance.Next(3) == 0) await HealedAsync(recorder);
                    if (await TryOperationAsync(recorder) is { } operation) promised.Add(operation.ToString());
                    if (durability == Durability.Relaxed && chance.Next(4) == 0) _clock.Advance(TimeSpan.FromSeconds(1));
                }
                Repair(storage);
                await HealedAsync(recorder);
                await Given.OperationAsync(recorder);
            }

            AssertSound(storage);
            AssertSound(storage.AfterPowerLoss());
            var records = Operations(storage.AfterPowerLoss());
            // Relaxed promises no more than that the system had it; a failed flush is to it what a power loss is.
            if (durability == Durability.Strict) Assert.Empty(promised.Except(records.Select(one => one.Id)));
            Assert.Equal(records.Count, records.Select(one => one.Id).Distinct().Count());
            Assert.All(records, one => Assert.NotNull(one.Outcome));

            await using var next = await Given.Recorder(storage.AfterKill());
            await Given.OperationAsync(next);
        }
    }

    /// <summary>An operation whose intent was promised to be durable, or null.</summary>
    private static async Task<OperationId?> TryOperationAsync(Recorder recorder)
    {
        var intent = Given.Intent();
        IAccount account;
        try
        {
            account = await recorder.BeginAsync(intent, CancellationToken.None);
        }
        catch (RecordingException)
        {
            return null;
        }
        try
        {
            await account.AppendAsync(FrameDirection.Reply, Given.Masked("{}"), 0);
        }
        catch (RecordingException)
        {
            // The reply is withheld; the intent stands.
        }
        await account.EndAsync(Given.Done());
        return intent.Operation;
    }

    /// <summary>Returns when nothing is between the recorder and the disk, the signature of the start included, so that the next failure is the test's.</summary>
    private static async Task SettleAsync(Recorder recorder, MemoryStorage storage)
    {
        while (Given.Records(storage).All(record => record.Head.Type != RecordType.Checkpoint)) await Task.Delay(1, TestContext.Current.CancellationToken);
        await recorder.NoteAsync(new Occurrence("settled", Given.Noon, []), CancellationToken.None);
    }

    private static void Fail(MemoryStorage storage, bool flush)
    {
        if (flush) storage.FlushFails = () => true;
        else storage.WriteFails = () => true;
    }

    private static void Repair(MemoryStorage storage) => (storage.FlushFails, storage.WriteFails) = (null, null);

    private async Task HealedAsync(Recorder recorder)
    {
        for (var i = 0; recorder.Fault is not null; i++)
        {
            Assert.True(i < 20_000, recorder.Fault);
            _clock.Advance(Recorder.LongestProbe);
            await Task.Delay(1, TestContext.Current.CancellationToken);
        }
    }

    private static void AssertSound(MemoryStorage storage)
    {
        var verdict = Given.Verify(storage);
        Assert.True(verdict.IsGood, verdict.Bad?.ToString());
    }

    private static List<JournalRecord> Records(MemoryStorage storage)
    {
        using var folder = new TemporaryFolder();
        foreach (var name in storage.List()) File.WriteAllBytes(Path.Combine(folder.Path, name), storage.Bytes(name));
        return [.. new JournalReader(folder.Path).Read(JournalPosition.Begin)];
    }

    private static IEnumerable<RecordedOccurrence> Occurrences(MemoryStorage storage) => Records(storage).Select(record => record.Payload).OfType<RecordedOccurrence>();

    /// <summary>Every intent of the account with how it ended.</summary>
    private static List<(string Id, string? Outcome)> Operations(MemoryStorage storage)
    {
        var payloads = Records(storage).Select(record => record.Payload).ToList();
        var endings = payloads.OfType<RecordedEnding>().ToDictionary(ending => ending.Op, ending => ending.Outcome);
        return [.. payloads.OfType<RecordedIntent>().Select(intent => (intent.Op, endings.GetValueOrDefault(intent.Op)))];
    }
}
