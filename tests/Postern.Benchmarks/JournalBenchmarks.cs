using System.Diagnostics;
using System.Text;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Core.Recording;

namespace Postern.Benchmarks;

/// <summary>
/// The cost of recording: one operation is an intent (waited for), one reply frame (waited for) and an ending, on the disk of the
/// temporary folder. Latency is of the whole operation; allocation is of all threads, per operation.
/// </summary>
public static class JournalBenchmarks
{
    /// <summary>Writes one line per case: durability, writers, bytes, operations per second, p50 and p99 in ms, bytes allocated per operation.</summary>
    public static async Task RunAsync(TextWriter output, int operationsPerCase = 20_000)
    {
        await output.WriteLineAsync("durability  writers  bytes    ops/s   p50 ms   p99 ms   CPU us/op   alloc B/op");
        foreach (var durability in new[] { Durability.Strict, Durability.Relaxed })
        {
            foreach (var writers in new[] { 1, 16, 64 })
            {
                foreach (var bytes in new[] { 1_024, 65_536 }) await MeasureAsync(output, durability, writers, bytes, operationsPerCase);
            }
        }
    }

    /// <summary>Writes what a start (recovery) and a verification cost per MB of journal.</summary>
    public static async Task RunReadingAsync(TextWriter output, int operations = 20_000)
    {
        var folder = Directory.CreateTempSubdirectory("postern-journal-");
        try
        {
            var options = new RecorderOptions { DataFolder = folder.FullName, Durability = Durability.Relaxed };
            await using (var recorder = await Recorder.OpenAsync(options, TimeProvider.System, CancellationToken.None))
            {
                var reply = new Masked<ReadOnlyMemory<byte>>(Encoding.ASCII.GetBytes(new string('x', 1_024)));
                await WriteAsync(recorder, Intent(), reply, operations, new double[operations]);
            }
            var megabytes = Directory.EnumerateFiles(options.JournalFolder).Sum(file => new FileInfo(file).Length) / 1e6;
            var watch = Stopwatch.StartNew();
            await (await Recorder.OpenAsync(options, TimeProvider.System, CancellationToken.None)).DisposeAsync();
            var start = watch.Elapsed;
            watch.Restart();
            var report = JournalVerifier.Verify([folder.FullName], await File.ReadAllTextAsync(Path.Combine(folder.FullName, JournalKeys.PublicKeyFile)));
            await output.WriteLineAsync($"journal of {megabytes:F1} MB, {operations} operations: start {start.TotalMilliseconds:F0} ms ({megabytes / start.TotalSeconds:F0} MB/s), verify {watch.Elapsed.TotalMilliseconds:F0} ms ({megabytes / watch.Elapsed.TotalSeconds:F0} MB/s), good: {report.IsGood}");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static async Task MeasureAsync(TextWriter output, Durability durability, int writers, int bytes, int operations)
    {
        var folder = Directory.CreateTempSubdirectory("postern-journal-");
        try
        {
            await using var recorder = await Recorder.OpenAsync(new RecorderOptions { DataFolder = folder.FullName, Durability = durability }, TimeProvider.System, CancellationToken.None);
            operations = bytes > 4_096 ? operations / 10 : operations;
            if (writers == 1) operations /= 4;
            var reply = new Masked<ReadOnlyMemory<byte>>(Encoding.ASCII.GetBytes(new string('x', bytes)));
            var intent = Intent();
            await WriteAsync(recorder, intent, reply, operations / 10 / writers, new double[operations / 10 / writers]);

            var each = operations / writers;
            var latencies = Enumerable.Range(0, writers).Select(_ => new double[each]).ToArray();
            var allocated = GC.GetTotalAllocatedBytes(precise: true);
            var processor = Environment.CpuUsage.TotalTime;
            var watch = Stopwatch.StartNew();
            await Task.WhenAll(latencies.Select(own => Task.Run(() => WriteAsync(recorder, intent, reply, each, own))));
            watch.Stop();
            processor = Environment.CpuUsage.TotalTime - processor;
            allocated = GC.GetTotalAllocatedBytes(precise: true) - allocated;

            var total = each * writers;
            var sorted = latencies.SelectMany(own => own).Order().ToArray();
            await output.WriteLineAsync(
                $"{durability,-10}  {writers,7}  {bytes,5}  {total / watch.Elapsed.TotalSeconds,7:F0}  {sorted[total / 2],7:F3}  {sorted[(int)(total * 0.99)],7:F3}  {processor.TotalMicroseconds / total,10:F1}  {allocated / total,11}");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static async Task WriteAsync(Recorder recorder, Intent intent, Masked<ReadOnlyMemory<byte>> reply, int count, double[] latencies)
    {
        for (var i = 0; i < count; i++)
        {
            var begun = Stopwatch.GetTimestamp();
            var account = await recorder.BeginAsync(intent with { Operation = OperationId.New(intent.At) }, CancellationToken.None);
            await account.AppendAsync(FrameDirection.Reply, reply, 0);
            await account.EndAsync(new Ending(Outcome.Done, null, null, null, intent.At));
            latencies[i] = Stopwatch.GetElapsedTime(begun).TotalMilliseconds;
        }
    }

    private static Intent Intent()
    {
        var request = """{"order":9,"amount":42.5,"reason":"damaged on arrival"}"""u8.ToArray();
        return new Intent(
            default, OperationId.New(TimeProvider.System.GetUtcNow()).ToString(), TimeProvider.System.GetUtcNow(),
            new Identity { Issuer = "corp", Subject = "alice", Kind = IdentityKind.Person, Agent = "desk-agent", Groups = ["support", "on-call"], DisplayName = "Alice" },
            new Connection("shop", "bench", "http://127.0.0.1:9/shop", ["prod"]),
            [new Part { Action = "bench.call", Facts = [Fact.Of("names", "refund")] }],
            "desk 1.0", new Masked<ReadOnlyMemory<byte>>(request), request.Length, Digest.Of(request), Digest.Of("definition"u8),
            new Decision.Allow(new PolicyVersion(14, Digest.Of("policy"u8)), [new RuleMatch("small-refunds", RuleEffect.Allow)], "rule `small-refunds` allows it"), null);
    }
}
