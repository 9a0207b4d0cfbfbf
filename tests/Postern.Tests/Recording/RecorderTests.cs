using System.Text;
using Postern.Core.Recording;
using Postern.Tests.Doubles;

namespace Postern.Tests.Recording;

public sealed class RecorderTests
{
    [Fact]
    [Guarantee("G1")]
    public async Task An_intent_is_flushed_before_its_account_is_handed_out()
    {
        var storage = new MemoryStorage();
        await using var recorder = await Given.Recorder(storage);
        using var mayFlush = new ManualResetEventSlim();
        using var isFlushing = new ManualResetEventSlim();
        storage.BeforeFlush = () =>
        {
            isFlushing.Set();
            mayFlush.Wait();
        };

        var begin = recorder.BeginAsync(Given.Intent(), CancellationToken.None).AsTask();
        isFlushing.Wait();
        var handedOutBefore = begin.IsCompleted;
        mayFlush.Set();
        await begin;

        Assert.False(handedOutBefore);
    }

    [Fact]
    [Guarantee("G2")]
    public async Task A_frame_that_was_promised_survives_a_power_loss()
    {
        var storage = new MemoryStorage();
        await using var recorder = await Given.Recorder(storage);

        var account = await recorder.BeginAsync(Given.Intent(), CancellationToken.None);
        await account.AppendAsync(FrameDirection.Reply, Given.Masked("released-bytes"), 0);
        var left = storage.AfterPowerLoss().Bytes("journal-000001.pjl");

        Assert.True(left.AsSpan().IndexOf("released-bytes"u8) > 0);
    }

    [Fact]
    public async Task Relaxed_records_are_promised_once_written_and_flushed_a_second_later()
    {
        var storage = new MemoryStorage();
        var clock = new SteppedClock();
        await using var recorder = await Given.Recorder(storage, Given.Options() with { Durability = Durability.Relaxed }, clock);
        // Header, occurrence and checkpoint of the start.
        var durable = await recorder.WaitPastAsync(2, CancellationToken.None);

        await Given.OperationAsync(recorder, reply: "relaxed-bytes");
        var lost = storage.AfterPowerLoss().Bytes("journal-000001.pjl").AsSpan().IndexOf("relaxed-bytes"u8);
        var kept = storage.AfterKill().Bytes("journal-000001.pjl").AsSpan().IndexOf("relaxed-bytes"u8);
        clock.Advance(TimeSpan.FromSeconds(1));
        await recorder.WaitPastAsync(durable + 1, CancellationToken.None);

        Assert.Equal(-1, lost);
        Assert.True(kept > 0);
        Assert.True(storage.AfterPowerLoss().Bytes("journal-000001.pjl").AsSpan().IndexOf("relaxed-bytes"u8) > 0);
    }

    [Fact]
    [Row("U02")]
    [Guarantee("G5")]
    public async Task A_failed_flush_refuses_everything_afterwards_and_is_not_tried_again()
    {
        var storage = new MemoryStorage();
        await using var recorder = await Given.Recorder(storage, clock: new SteppedClock());
        var account = await recorder.BeginAsync(Given.Intent(), CancellationToken.None);
        storage.FlushFails = () => true;

        await Assert.ThrowsAsync<RecordingException>(() => account.AppendAsync(FrameDirection.Reply, Given.Masked("x"), 0).AsTask());
        storage.FlushFails = null;
        var flushes = storage.Flushes;

        await Assert.ThrowsAsync<RecordingException>(() => recorder.BeginAsync(Given.Intent(), CancellationToken.None).AsTask());
        await Assert.ThrowsAsync<RecordingException>(() => account.AppendAsync(FrameDirection.Reply, Given.Masked("x"), 0).AsTask());
        await Assert.ThrowsAsync<RecordingException>(() => recorder.NoteAsync(new Occurrence("x", Given.Noon, []), CancellationToken.None).AsTask());
        await account.EndAsync(Given.Done());
        Assert.Equal(flushes, storage.Flushes);
        Assert.Contains("input/output error", recorder.Fault, StringComparison.Ordinal);
    }

    [Fact]
    [Row("U02")]
    public async Task A_full_disk_refuses_and_the_next_start_recovers()
    {
        var storage = new MemoryStorage();
        var recorder = await Given.Recorder(storage);
        await Given.OperationAsync(recorder);
        storage.WriteFails = () => true;

        await Assert.ThrowsAsync<RecordingException>(() => recorder.BeginAsync(Given.Intent(), CancellationToken.None).AsTask());
        await recorder.DisposeAsync();
        await using var next = await Given.Recorder(storage.AfterKill());
        await Given.OperationAsync(next);

        Assert.Null(next.Fault);
    }

    [Fact]
    public async Task Many_writers_share_a_flush()
    {
        var storage = new MemoryStorage();
        await using var recorder = await Given.Recorder(storage);
        // Holds the first flush back until all writers stand in line behind it.
        var before = storage.Flushes;
        using var mayFlush = new ManualResetEventSlim();
        storage.BeforeFlush = mayFlush.Wait;

        var writers = Enumerable.Range(0, 64).Select(_ => recorder.BeginAsync(Given.Intent(), CancellationToken.None).AsTask()).ToArray();
        mayFlush.Set();
        await Task.WhenAll(writers);

        Assert.InRange(storage.Flushes - before, 1, 3);
    }

    [Theory]
    [InlineData(Durability.Strict, 64 * 1024 * 1024)]
    [InlineData(Durability.Relaxed, 64 * 1024 * 1024)]
    [InlineData(Durability.Relaxed, 64 * 1024)]
    public async Task Sixty_four_writers_at_once_leave_one_whole_account_each(Durability durability, long segmentBytes)
    {
        var storage = new MemoryStorage();
        await using (var recorder = await Given.Recorder(storage, Given.Options() with { Durability = durability, SegmentBytes = segmentBytes }))
        {
            await Task.WhenAll(Enumerable.Range(0, 64).Select(async _ =>
            {
                await Task.Yield();
                for (var i = 0; i < 20; i++) await Given.OperationAsync(recorder);
            }));
        }

        var verdict = Given.Verify(storage);

        Assert.Null(verdict.Bad);
        Assert.Empty(verdict.OpenIntents);
        Assert.True(verdict.Records > 64 * 20 * 3);
        Assert.True(verdict.Checkpoints >= 3);
        Assert.Equal(0, verdict.Unanchored);
    }

    [Fact]
    [Guarantee("G5")]
    public async Task A_relaxed_write_that_fails_refuses_everyone_who_waits_and_leaves_nobody_waiting()
    {
        var storage = new MemoryStorage();
        await using var recorder = await Given.Recorder(storage, Given.Options() with { Durability = Durability.Relaxed });
        var writes = 0;
        storage.WriteFails = () => Interlocked.Increment(ref writes) > 20;

        var refused = 0;
        await Task.WhenAll(Enumerable.Range(0, 32).Select(async _ =>
        {
            await Task.Yield();
            try
            {
                while (true) await Given.OperationAsync(recorder);
            }
            catch (RecordingException)
            {
                Interlocked.Increment(ref refused);
            }
        })).WaitAsync(TimeSpan.FromSeconds(30));

        Assert.Equal(32, refused);
        Assert.NotNull(recorder.Fault);
    }

    [Fact]
    public async Task A_relaxed_ending_that_nobody_waits_for_is_written_all_the_same()
    {
        var storage = new MemoryStorage();
        await using var recorder = await Given.Recorder(storage, Given.Options() with { Durability = Durability.Relaxed });
        for (var i = 0; i < 5; i++)
        {
            await Given.OperationAsync(recorder);
            var id = $"nobody-waits-{i}";
            var account = await recorder.BeginAsync(Given.Intent(), CancellationToken.None);
            await account.EndAsync(new Ending(Outcome.Failed, null, id, null, Given.Noon));

            Assert.True(SpinWait.SpinUntil(() => storage.AfterKill().Bytes("journal-000001.pjl").AsSpan().IndexOf(Encoding.UTF8.GetBytes(id)) > 0, TimeSpan.FromSeconds(10)));
        }
    }

    [Theory]
    [InlineData(Durability.Strict)]
    [InlineData(Durability.Relaxed)]
    public async Task Closing_under_load_and_at_the_end_of_a_segment_leaves_nobody_waiting(Durability durability)
    {
        for (var round = 0; round < 40; round++)
        {
            var storage = new MemoryStorage();
            var recorder = await Given.Recorder(storage, Given.Options() with { Durability = durability, SegmentBytes = 4 * 1024 });
            var writers = Enumerable.Range(0, 16).Select(async _ =>
            {
                await Task.Yield();
                try
                {
                    while (true) await Given.OperationAsync(recorder);
                }
                catch (RecordingException)
                {
                    // Closed, which is how it ends.
                }
            }).ToArray();
            await Task.Delay(2, TestContext.Current.CancellationToken);
            await recorder.DisposeAsync();

            await Task.WhenAll(writers).WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
            Assert.Null(Given.Verify(storage).Bad);
        }
    }

    [Fact]
    [Guarantee("G4")]
    public async Task A_second_of_activity_is_signed_at_its_end()
    {
        var storage = new MemoryStorage();
        var clock = new SteppedClock();
        await using var recorder = await Given.Recorder(storage, clock: clock);
        // Header, occurrence and checkpoint of the start.
        await recorder.WaitPastAsync(2, CancellationToken.None);
        await recorder.BeginAsync(Given.Intent(), CancellationToken.None);
        var before = Given.Verify(storage);

        clock.Advance(TimeSpan.FromSeconds(1));
        await recorder.WaitPastAsync(4, CancellationToken.None);
        var after = Given.Verify(storage);

        Assert.Equal((1, 1L), (before.Unanchored, before.Checkpoints));
        Assert.Equal((0, 2L), (after.Unanchored, after.Checkpoints));
    }

    [Fact]
    [Row("F04")]
    [Guarantee("G16")]
    public async Task Beyond_what_may_wait_for_a_slow_disk_new_work_is_refused_and_endings_are_not()
    {
        var storage = new MemoryStorage();
        IAccount account;
        await using (var recorder = await Given.Recorder(storage, Given.Options() with { WaitingBytes = 10_000 }))
        {
            account = await recorder.BeginAsync(Given.Intent(), CancellationToken.None);
            using var mayFlush = new ManualResetEventSlim();
            using var isFlushing = new ManualResetEventSlim();
            storage.BeforeFlush = () =>
            {
                isFlushing.Set();
                mayFlush.Wait();
            };
            var begun = new List<Task> { recorder.BeginAsync(Given.Intent(), CancellationToken.None).AsTask() };
            isFlushing.Wait();

            // The intent that reaches the limit is still taken; the next is not.
            while (begun.Count < 100 && !begun[^1].IsFaulted) begun.Add(recorder.BeginAsync(Given.Intent(), CancellationToken.None).AsTask());
            await account.EndAsync(Given.Done());
            mayFlush.Set();

            Assert.InRange(begun.Count, 10, 30);
            await Assert.ThrowsAsync<RecordingException>(() => begun[^1]);
            await Task.WhenAll(begun.SkipLast(1));
            await Given.OperationAsync(recorder);
        }
        Assert.True(storage.Bytes("journal-000001.pjl").AsSpan().IndexOf("\"outcome\":\"done\""u8) > 0);
        Assert.True(Given.Verify(storage).IsGood);
    }

    [Fact]
    public async Task What_waits_for_a_record_never_goes_on_on_the_journals_thread()
    {
        var storage = new MemoryStorage();
        await using var recorder = await Given.Recorder(storage);
        using var mayFlush = new ManualResetEventSlim();
        storage.BeforeFlush = mayFlush.Wait;
        var goneOn = new TaskCompletionSource<string?>();
        var note = recorder.NoteAsync(new Occurrence("test", Given.Noon, []), CancellationToken.None);
        note.GetAwaiter().UnsafeOnCompleted(() => goneOn.SetResult(Thread.CurrentThread.Name));

        mayFlush.Set();

        Assert.NotEqual("journal", await goneOn.Task);
    }

    [Fact]
    public async Task A_second_ending_is_ignored_and_nothing_follows_an_ending()
    {
        var storage = new MemoryStorage();
        await using (var recorder = await Given.Recorder(storage))
        {
            var account = await recorder.BeginAsync(Given.Intent(), CancellationToken.None);
            await account.EndAsync(Given.Done());
            await account.EndAsync(new Ending(Outcome.Failed, null, null, null, Given.Noon));
            await Assert.ThrowsAsync<RecordingException>(() => account.AppendAsync(FrameDirection.Reply, Given.Masked("late"), 0).AsTask());
        }

        var verdict = Given.Verify(storage);

        Assert.Null(verdict.Bad);
        Assert.Empty(verdict.OpenIntents);
    }

    [Fact]
    [Row("U08")]
    public async Task Text_that_is_not_well_formed_is_recorded_with_replacement_characters()
    {
        var storage = new MemoryStorage();
        await using var recorder = await Given.Recorder(storage);

        await recorder.BeginAsync(Given.Intent() with { ClientName = "\ud800\n{\u001b[2J" }, CancellationToken.None);
        var stored = storage.Bytes("journal-000001.pjl");

        Assert.True(stored.AsSpan().IndexOf("\"client\":\"\\uFFFD\\n{\\u001B[2J\""u8) > 0);
    }

    [Fact]
    public async Task An_ending_is_written_even_when_its_detail_cannot_be_encoded()
    {
        var storage = new MemoryStorage();
        await using (var recorder = await Given.Recorder(storage))
        {
            var account = await recorder.BeginAsync(Given.Intent(), CancellationToken.None);
            await account.EndAsync(new Ending(Outcome.Failed, null, "\ud800", null, Given.Noon));
        }

        var verdict = Given.Verify(storage);

        Assert.Empty(verdict.OpenIntents);
    }
}
