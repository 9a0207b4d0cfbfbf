using System.Collections.Concurrent;
using System.Text;
using Postern.Core.Masking;
using Postern.Core.Pipeline;
using Postern.Core.Recording;
using Postern.Tests.Doubles;
using Postern.Tests.Masking;

namespace Postern.Tests.Pipeline;

public sealed class ReplyGateTests
{
    private readonly MemoryRecorder _recorder = new();
    private readonly Wire _wire = new();

    [Fact]
    [Guarantee("G2")]
    public async Task Nothing_is_released_before_its_record_is_durable()
    {
        var gate = await GateAsync();
        _recorder.HoldCommits = true;

        var release = gate.ReleaseLastAsync(Frame("one")).AsTask();
        Assert.Empty(_wire.Frames);
        Assert.Contains("reply one", _recorder.Log);

        _recorder.ReleaseOne();
        await release;
        Assert.Equal(["one"], _wire.Frames);
    }

    [Fact]
    [Guarantee("G2")]
    public async Task Frames_leave_in_order_while_several_wait_for_the_disk()
    {
        var gate = await GateAsync();
        _recorder.HoldCommits = true;
        for (var i = 0; i < 5; i++) await gate.ReleaseAsync(Frame($"{i}"));
        Assert.Empty(_wire.Frames);

        for (var i = 0; i < 5; i++) _recorder.ReleaseOne();
        await gate.FlushAsync();

        Assert.Equal(["0", "1", "2", "3", "4"], _wire.Frames);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    [Guarantee("G2")]
    public async Task A_head_goes_with_what_follows_it_and_neither_before_both_are_durable(bool isLast)
    {
        var gate = await GateAsync();
        _recorder.HoldCommits = true;

        gate.ReleaseWithNext(Frame("head"));
        Assert.Contains("reply head", _recorder.Log);
        var release = isLast ? gate.ReleaseLastAsync(Frame("body")).AsTask() : gate.ReleaseAsync(Frame("body")).AsTask();
        Assert.Contains("reply body", _recorder.Log);
        Assert.Empty(_wire.Frames);
        _recorder.ReleaseOne();
        if (isLast)
        {
            await Task.Yield();
            Assert.Empty(_wire.Frames); // with one wait for the disk, both go at once
        }
        _recorder.ReleaseOne();
        await release;
        await gate.FlushAsync();

        Assert.Equal(["head", "body"], _wire.Frames);
    }

    [Fact]
    [Guarantee("G2")]
    public async Task A_head_that_nothing_follows_goes_with_the_flush()
    {
        var gate = await GateAsync();

        gate.ReleaseWithNext(Frame("head"));
        Assert.Empty(_wire.Frames);
        await gate.FlushAsync();

        Assert.Equal(["head"], _wire.Frames);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    [Guarantee("G5")]
    public async Task A_head_whose_body_cannot_be_written_down_is_not_released(bool isLast)
    {
        var gate = await GateAsync();
        gate.ReleaseWithNext(Frame("head"));
        _recorder.FailFrames = true;

        await Assert.ThrowsAsync<RecordingException>(() => isLast ? gate.ReleaseLastAsync(Frame("body")).AsTask() : gate.ReleaseAsync(Frame("body")).AsTask());
        await gate.SettleAsync();

        Assert.Empty(_wire.Frames);
        Assert.False(gate.HasReleased); // it can be replaced by a refusal
    }

    [Fact]
    [Guarantee("G16")]
    public async Task A_source_that_is_faster_than_the_disk_is_made_to_wait_at_the_window()
    {
        var gate = await GateAsync();
        _recorder.HoldCommits = true;
        var big = new string('x', ReplyGate.WindowBytes / 2);
        await gate.ReleaseAsync(Frame(big));
        await gate.ReleaseAsync(Frame(big));

        var third = gate.ReleaseAsync(Frame(big)).AsTask();
        Assert.False(third.IsCompleted);

        _recorder.ReleaseOne();
        await third.WaitAsync(TimeSpan.FromSeconds(10));
        for (var i = 0; i < 3; i++) _recorder.ReleaseOne();
        await gate.FlushAsync();
        Assert.Equal(3, _wire.Frames.Count);
    }

    [Fact]
    [Guarantee("G5")]
    public async Task A_frame_that_cannot_be_written_down_is_not_released()
    {
        var gate = await GateAsync();
        _recorder.FailFrames = true;

        await Assert.ThrowsAsync<RecordingException>(() => gate.ReleaseLastAsync(Frame("secret")).AsTask());

        Assert.Empty(_wire.Frames);
        Assert.False(gate.HasReleased);
    }

    [Fact]
    public async Task A_queued_frame_does_not_borrow_the_callers_buffer()
    {
        var gate = await GateAsync();
        _recorder.HoldCommits = true;
        var buffer = "first"u8.ToArray();
        await gate.ReleaseAsync(new ReplyFrame(buffer, FrameShape.Text));
        "XXXXX"u8.CopyTo(buffer);

        _recorder.ReleaseOne();
        await gate.FlushAsync();

        Assert.Equal(["first"], _wire.Frames);
    }

    [Fact]
    [Row("F17")]
    public async Task A_wire_that_breaks_ends_the_reply_for_whoever_releases_next()
    {
        var gate = await GateAsync();
        _wire.IsBroken = true;

        await Assert.ThrowsAsync<IOException>(async () =>
        {
            await gate.ReleaseAsync(Frame("one"));
            await gate.FlushAsync();
        });
        await Assert.ThrowsAsync<IOException>(() => gate.ReleaseAsync(Frame("two")).AsTask());
    }

    [Fact]
    [Guarantee("G10")]
    public async Task What_waits_for_the_disk_is_not_released_after_the_right_to_it_ended()
    {
        using var ended = new CancellationTokenSource();
        var gate = await GateAsync(ended.Token);
        _recorder.HoldCommits = true;
        await gate.ReleaseAsync(Frame("late"));

        await ended.CancelAsync();
        _recorder.ReleaseOne();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => gate.FlushAsync().AsTask());
        Assert.Empty(_wire.Frames);
    }

    [Fact]
    [Row("M18")]
    [Guarantee("G11"), Guarantee("G15")]
    public async Task Masks_that_change_in_mid_stream_leave_each_message_under_one_version_of_them()
    {
        MaskPlan[] plans = [Plan("old", "$..a", "$..b"), Plan("new", "$..b", "$..a")];
        var account = await _recorder.BeginAsync(Samples.Intent(), CancellationToken.None);
        var gate = new ReplyGate(plans[0], account, _wire, default);
        var over = new CancellationTokenSource();
        var flip = Task.Run(() =>
        {
            for (var i = 0; !over.IsCancellationRequested; i++) gate.Remask(plans[i % 2]);
        });
        const int count = 2_000;
        var frame = new ReplyFrame(Encoding.UTF8.GetBytes("""{"a":"eve","b":"eve","text":"write to eve@example.com"}"""), FrameShape.Json);
        for (var i = 0; i < count; i++)
        {
            await gate.ReleaseAsync(frame);
            if (i % 100 == 99) await Task.Yield(); // one of both threads may have waited for a core
            if (i % 500 == 499) gate.Remask(plans[(i / 500) % 2]);
        }
        await gate.FlushAsync();
        await over.CancelAsync();
        await flip;

        string[] permitted =
        [
            """{"a":"[masked:old-a]","b":"eve","text":"write to [masked:old]"}""",
            """{"a":"eve","b":"[masked:new-a]","text":"write to [masked:new]"}""",
        ];
        Assert.Equal(count, _wire.Frames.Count);
        Assert.All(_wire.Frames, sent => Assert.Contains(sent, permitted));
        Assert.Equal(permitted.Order(), _wire.Frames.Distinct().Order());
        // The record has under the same version what the caller has, and both paths.
        var recorded = _recorder.Log.Where(line => line.StartsWith("reply ", StringComparison.Ordinal)).Select(line => line[6..]).ToArray();
        Assert.All(_wire.Frames.Zip(recorded), both => Assert.Equal(both.First.Contains("old", StringComparison.Ordinal), both.Second.Contains("[masked:old-a]", StringComparison.Ordinal)));
        Assert.DoesNotContain(recorded, line => line.Contains("eve", StringComparison.Ordinal));

        static MaskPlan Plan(string id, string forBoth, string forRecord)
        {
            var both = new MaskRule[] { MaskTest.Rule(id, MaskKind.Redact, [], [Detectors.Email]), MaskTest.Rule(id + "-a", MaskKind.Redact, [forBoth], []) };
            return new MaskPlan(Masker.Compile([.. both], MaskTest.Key), Masker.Compile([.. both, MaskTest.Rule("record", MaskKind.Redact, [forRecord], [])], MaskTest.Key));
        }
    }

    private static ReplyFrame Frame(string text) => new(Encoding.UTF8.GetBytes(text), FrameShape.Text);

    private async Task<ReplyGate> GateAsync(CancellationToken ended = default)
    {
        var account = await _recorder.BeginAsync(Samples.Intent(), CancellationToken.None);
        return new ReplyGate(MaskPlan.None, account, _wire, ended);
    }

    private sealed class Wire : IReplySink
    {
        public ConcurrentQueue<string> Frames { get; } = new();

        public bool IsBroken { get; set; }

        public ValueTask WriteAsync(Masked<ReadOnlyMemory<byte>> content, object? tag, CancellationToken cancellationToken)
        {
            if (IsBroken) throw new IOException("the caller's wire broke");
            Frames.Enqueue(Encoding.UTF8.GetString(content.Value.Span));
            return ValueTask.CompletedTask;
        }
    }
}
