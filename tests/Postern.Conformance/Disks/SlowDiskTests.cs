using System.Diagnostics;
using System.Globalization;
using Postern.Conformance.Faults;
using Postern.Conformance.Peers;
using Postern.Tests;

namespace Postern.Conformance.Disks;

/// <summary>
/// The disk is slow to flush, or fails to, while the gateway runs: strace is attached to its process, changes what <c>fsync</c> does, and is
/// taken off again. The database flushes with <c>fdatasync</c> and is not touched.
/// </summary>
public sealed class SlowDiskTests
{
    private static readonly TimeSpan Slowness = TimeSpan.FromSeconds(2);

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    [Guarantee("G1")]
    [Guarantee("G2")]
    [Row("F04")]
    [Row("U02")]
    public async Task A_disk_that_takes_two_seconds_to_flush_makes_everybody_wait_and_nothing_overtake_its_record()
    {
        await using var bed = await FaultBed.StartAsync(Test);
        var agreed = await bed.AgreedAsync(Test);
        await bed.CallAsync("read", bed.Caller.Next(), Test);

        await using (await AttachAsync(bed, string.Create(CultureInfo.InvariantCulture, $"delay_enter={(long)Slowness.TotalMicroseconds}")))
        {
            // Intent and reply are flushed one after the other, and neither the target nor the caller is ahead of its own.
            var clock = Stopwatch.StartNew();
            var seen = TimeSpan.Zero;
            bed.Witness.At = moment => seen = moment == WitnessMoment.Seen ? clock.Elapsed : seen;
            Assert.Contains("is done", await bed.CallAsync("read", bed.Caller.Next(), Test), StringComparison.Ordinal);
            var answered = clock.Elapsed;
            bed.Witness.At = null;
            Assert.True(seen >= Slowness, $"the target saw the call after {seen}");
            Assert.True(answered >= seen + Slowness, $"the caller was answered after {answered}, {answered - seen} after the target saw the call");

            // Many at once share the flushes: it is slow, and it is not a queue of one.
            clock.Restart();
            var answers = await Task.WhenAll(Enumerable.Range(0, 24).Select(_ => bed.CallAsync("read", bed.Caller.Next(), Test)).Append(bed.CallAsync("write", agreed, Test)));
            Assert.All(answers, answer => Assert.Contains("is done", answer, StringComparison.Ordinal));
            Assert.True(clock.Elapsed < 12 * Slowness, $"{answers.Length} calls took {clock.Elapsed}");
            bed.Used.Add(agreed);
        }

        await bed.JudgeAsync(Test);
    }

    [Fact]
    [Guarantee("G1")]
    [Guarantee("G2")]
    [Guarantee("G5")]
    [Row("F03")]
    [Row("U02")]
    public async Task A_flush_that_fails_ends_all_work_until_a_new_segment_can_be_flushed()
    {
        await using var bed = await FaultBed.StartAsync(Test);
        var agreed = await bed.AgreedAsync(Test);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(Test);
        var load = bed.LoadAsync(4, over.Token);
        while (bed.Caller.Answers.Count < 10) await Task.Delay(20, Test);

        await using (await AttachAsync(bed, "error=EIO"))
        {
            string? answer;
            while ((answer = await bed.CallAsync("read", bed.Caller.Next(), Test)) is null || !answer.Contains("record.unavailable", StringComparison.Ordinal)) await Task.Delay(20, Test);
            await over.CancelAsync();
            await load;
            var seen = bed.Witness.Seen.Count;
            for (var attempt = 0; attempt < 10; attempt++)
            {
                Assert.DoesNotContain("is done", await bed.CallAsync("read", bed.Caller.Next(), Test) ?? "", StringComparison.Ordinal);
                Assert.DoesNotContain("is done", await bed.CallAsync("write", agreed, Test) ?? "", StringComparison.Ordinal);
            }
            Assert.Equal(seen, bed.Witness.Seen.Count);
        }

        var recording = await bed.JudgeAsync(Test);
        Assert.Contains(recording.Records, record => record.Payload.ToString()!.Contains(Core.Recording.Recorder.RecoveredKind, StringComparison.Ordinal));
        Assert.Contains("work is accepted again", bed.Gateway.Errors, StringComparison.Ordinal);
    }

    /// <summary>From here until it is disposed of, every <c>fsync</c> of the process does this.</summary>
    private static async Task<Tracer> AttachAsync(FaultBed bed, string injection)
    {
        var tracer = Child.Start("strace", ["-f", "-p", bed.Gateway.ProcessId.ToString(CultureInfo.InvariantCulture), "-o", "/dev/null", "-e", "trace=fsync", "-e", $"inject=fsync:{injection}"]);
        var clock = Stopwatch.StartNew();
        while (!tracer.Errors.Contains("attached", StringComparison.Ordinal))
        {
            if (tracer.HasExited || clock.Elapsed > TimeSpan.FromSeconds(20))
            {
                throw new InvalidOperationException($"strace cannot be attached: {tracer.Errors}; run as root, or permit it (`sysctl kernel.yama.ptrace_scope=0`)");
            }
            await Task.Delay(20, Test);
        }
        // The message comes with the first thread; the others follow at once.
        await Task.Delay(300, Test);
        return new Tracer(tracer);
    }

    private sealed class Tracer(Child strace) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            // It lets go of the process when it is interrupted; killed, it might leave it stopped.
            using var kill = Process.Start("kill", ["-INT", strace.Id.ToString(CultureInfo.InvariantCulture)]);
            await kill.WaitForExitAsync();
            await strace.WaitAsync(CancellationToken.None);
            await strace.DisposeAsync();
        }
    }
}
