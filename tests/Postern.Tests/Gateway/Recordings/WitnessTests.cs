using System.Collections.Concurrent;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Core.Recording;
using Postern.Gateway.Recordings.Witnesses;
using Postern.Tests.Cli;
using Postern.Tests.Doubles;
using Postern.Tests.Recording;

namespace Postern.Tests.Gateway.Recordings;

/// <summary>Checkpoints outside the gateway's reach.</summary>
[Guarantee("G4")]
public sealed class WitnessTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly SteppedClock _clock = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    [Row("U05")]
    public async Task What_a_file_heard_of_cannot_be_cut_off_unseen()
    {
        var heard = Path.Combine(_folder.Path, "witness.ndjson");
        var data = Path.Combine(_folder.Path, "data");
        await using (var recorder = await Recorder.OpenAsync(new RecorderOptions { DataFolder = data }, TimeProvider.System, CancellationToken.None))
        {
            await using var witnesses = new CheckpointWitnesses([new FileWitness("vault", heard)], recorder, null, TimeProvider.System, NullLogger.Instance);
            for (var i = 0; i < 1_500; i++) await Given.OperationAsync(recorder);
        }
        string[] verify = ["verify", data, "--key", Path.Combine(data, JournalKeys.PublicKeyFile), "--anchors", heard];
        Assert.Equal(0, (await CommandLine.RunAsync(verify)).ExitCode);

        var segment = Directory.GetFiles(Path.Combine(data, "journal"), "*.pjl").Single();
        var bytes = await File.ReadAllBytesAsync(segment);
        long second;
        using (var storage = FolderStorage.ForReading(Path.GetDirectoryName(segment)!))
        using (var scanner = new SegmentScanner(storage.Open(Path.GetFileName(segment))))
        {
            scanner.ReadHeader(out _);
            for (var checkpoints = 0; checkpoints < 2;) checkpoints += scanner.Read() == ScanStep.Record && scanner.Head.Type == RecordType.Checkpoint ? 1 : 0;
            second = scanner.Next;
        }
        await File.WriteAllBytesAsync(segment, bytes[..(int)second]);

        var cut = await CommandLine.RunAsync(verify);
        Assert.Equal(1, cut.ExitCode);
        Assert.Contains("is not met", cut.Error, StringComparison.Ordinal);
    }

    [Fact]
    [Row("F06")]
    public async Task A_witness_that_was_away_hears_of_the_latest_and_beyond_the_limit_new_work_is_refused()
    {
        var storage = new MemoryStorage();
        await using var recorder = await Given.Recorder(storage, clock: _clock);
        var witness = new Absent();
        await using var witnesses = new CheckpointWitnesses([witness], recorder, TimeSpan.FromSeconds(60), _clock, NullLogger.Instance);

        await Given.OperationAsync(recorder);
        await UntilAsync(() => witness.Tries > 0);
        Assert.Contains("`away` is", witnesses.Complaint(), StringComparison.Ordinal);
        await UntilAsync(() => recorder.Fault is not null);
        var refused = await Assert.ThrowsAsync<RecordingException>(() => Given.OperationAsync(recorder));
        Assert.Contains("has not heard of the record", refused.Message, StringComparison.Ordinal);

        witness.IsThere = true;
        await UntilAsync(() => recorder.Fault is null);
        await UntilAsync(() => witnesses.Complaint() is null);
        await Given.OperationAsync(recorder);
        await UntilAsync(() => witness.Heard.Count > 1);
        Assert.All(witness.Heard, line => Assert.Contains("\"signedThrough\":", line, StringComparison.Ordinal));
    }

    private async Task UntilAsync(Func<bool> what)
    {
        var patience = DateTime.UtcNow.AddSeconds(20);
        while (!what())
        {
            Assert.True(DateTime.UtcNow < patience, "it did not come about");
            _clock.Advance(TimeSpan.FromSeconds(2));
            await Task.Delay(5);
        }
    }

    private sealed class Absent : IWitness
    {
        public ConcurrentQueue<string> Heard { get; } = [];

        public volatile bool IsThere;

        public int Tries;

        public string Name => "away";

        public ValueTask<string?> TellAsync(byte[] line, CancellationToken stopping)
        {
            Interlocked.Increment(ref Tries);
            if (!IsThere) return ValueTask.FromResult<string?>("it is away");
            Heard.Enqueue(System.Text.Encoding.UTF8.GetString(line));
            return ValueTask.FromResult<string?>(null);
        }

        public void Dispose()
        {
        }
    }
}
