using System.Diagnostics;
using System.Globalization;
using System.Text;
using Postern.Benchmarks.Measuring;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Core.Recording;

namespace Postern.Benchmarks.Journals;

/// <summary>One side of one case: what all rounds together came to.</summary>
internal sealed record JournalSide(double PerSecond, double P50, double P99, double P999, double CpuMicroseconds);

/// <summary>Both sides of one case, and how much more an operation costs than it must, as the median over rounds.</summary>
internal sealed record JournalCase(int Writers, JournalSide Bare, JournalSide Journal, double TimeRatio, double CpuRatio);

/// <summary>
/// The strict journal beside bare group commit of the same bytes: an operation is an intent and a reply of 1 kB, each waited for, and an
/// ending, which nobody waits for. Both write to the same disk, in turns, round by round.
/// </summary>
internal static class JournalRun
{
    private static readonly int[] Writers = [1, 16, 64, 256];

    /// <summary>The whole table, or only the cases of these numbers of writers, which are printed and not kept.</summary>
    public static async Task RunAsync(int rounds, double seconds, int[]? only = null)
    {
        var machine = Machine.Describe();
        var folder = Directory.CreateTempSubdirectory("postern-journal-");
        try
        {
            var reply = new Masked<ReadOnlyMemory<byte>>(Encoding.ASCII.GetBytes(new string('x', 1_024)));
            var intent = Intent();
            var sizes = await SizesAsync(Path.Combine(folder.FullName, "sizes"), intent, reply);
            var cases = new List<JournalCase>();
            foreach (var writers in only ?? Writers)
            {
                await using var recorder = await Recorder.OpenAsync(new RecorderOptions { DataFolder = Path.Combine(folder.FullName, $"journal-{writers}") }, TimeProvider.System, CancellationToken.None);
                using var bare = new BareWriter(Path.Combine(folder.FullName, $"bare-{writers}"));
                var bytes = new byte[sizes.Max()];
                async Task BareAsync()
                {
                    await bare.Write(bytes.AsSpan(0, sizes[0]));
                    await bare.Write(bytes.AsSpan(0, sizes[1]));
                    await bare.Write(bytes.AsSpan(0, sizes[2]), isAwaited: false);
                }
                async Task JournalAsync()
                {
                    var account = await recorder.BeginAsync(intent with { Operation = OperationId.New(intent.At) }, CancellationToken.None);
                    await account.AppendAsync(FrameDirection.Reply, reply, 0);
                    await account.EndAsync(new Ending(Outcome.Done, null, null, null, intent.At));
                }
                await RoundAsync(writers, seconds / 2, BareAsync);
                await RoundAsync(writers, seconds / 2, JournalAsync);
                var (theirs, ours) = (new List<Round>(), new List<Round>());
                for (var round = 0; round < rounds; round++)
                {
                    // Another one begins each time.
                    if (round % 2 == 0) theirs.Add(await RoundAsync(writers, seconds, BareAsync));
                    ours.Add(await RoundAsync(writers, seconds, JournalAsync));
                    if (round % 2 == 1) theirs.Add(await RoundAsync(writers, seconds, BareAsync));
                }
                var one = new JournalCase(
                    writers, Side(theirs), Side(ours),
                    Median(theirs.Zip(ours, (their, our) => their.PerSecond / our.PerSecond)), Median(theirs.Zip(ours, (their, our) => our.Cpu / their.Cpu)));
                Console.Error.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{writers,4} writers: {one.TimeRatio:0.00} of its time, {one.CpuRatio:0.00} of its CPU; least CPU {theirs.Min(round => round.Cpu):0.0} and {ours.Min(round => round.Cpu):0.0} µs; most {theirs.Max(round => round.PerSecond):N0} and {ours.Max(round => round.PerSecond):N0} a second"));
                cases.Add(one);
            }
            if (only is null) Report.Write("journal", new { machine, bytes = sizes, rounds, seconds, cases }, Table(machine, sizes, cases));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static IEnumerable<string> Table(Machine machine, int[] sizes, List<JournalCase> cases)
    {
        yield return Report.Caption(machine);
        yield return "";
        yield return string.Create(CultureInfo.InvariantCulture, $"| writers | bare: operations/s (of {sizes.Sum():N0} B) | p50 / p99 / p99.9 ms | CPU µs | journal: operations/s | p50 / p99 / p99.9 ms | CPU µs | time, journal to bare |");
        yield return "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |";
        foreach (var one in cases)
        {
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"| {one.Writers} | {one.Bare.PerSecond:N0} | {one.Bare.P50:0.00} / {one.Bare.P99:0.00} / {one.Bare.P999:0.00} | {one.Bare.CpuMicroseconds:0} | {one.Journal.PerSecond:N0} | {one.Journal.P50:0.00} / {one.Journal.P99:0.00} / {one.Journal.P999:0.00} | {one.Journal.CpuMicroseconds:0} | {one.TimeRatio:0.00} |");
        }
    }

    private static async Task<Round> RoundAsync(int writers, double seconds, Func<Task> operation)
    {
        var latencies = Enumerable.Range(0, writers).Select(_ => new List<double>(4_096)).ToArray();
        var cpu = Environment.CpuUsage.TotalTime;
        var watch = Stopwatch.StartNew();
        await Task.WhenAll(latencies.Select(own => Task.Run(async () =>
        {
            while (watch.Elapsed.TotalSeconds < seconds)
            {
                var begun = Stopwatch.GetTimestamp();
                await operation();
                own.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
            }
        })));
        var elapsed = watch.Elapsed.TotalSeconds;
        var all = latencies.SelectMany(own => own).ToArray();
        return new Round(all.Length / elapsed, (Environment.CpuUsage.TotalTime - cpu).TotalMicroseconds / all.Length, all);
    }

    private static JournalSide Side(List<Round> rounds)
    {
        var sorted = rounds.SelectMany(round => round.Latencies).Order().ToArray();
        return new JournalSide(
            Median(rounds.Select(round => round.PerSecond)), sorted[sorted.Length / 2], sorted[(int)(0.99 * sorted.Length)], sorted[(int)(0.999 * sorted.Length)], Median(rounds.Select(round => round.Cpu)));
    }

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted[sorted.Length / 2];
    }

    /// <summary>Bytes on the disk of an intent, a frame and an ending.</summary>
    private static async Task<int[]> SizesAsync(string folder, Intent intent, Masked<ReadOnlyMemory<byte>> reply)
    {
        await using (var recorder = await Recorder.OpenAsync(new RecorderOptions { DataFolder = folder }, TimeProvider.System, CancellationToken.None))
        {
            var account = await recorder.BeginAsync(intent, CancellationToken.None);
            await account.AppendAsync(FrameDirection.Reply, reply, 0);
            await account.EndAsync(new Ending(Outcome.Done, null, null, null, intent.At));
        }
        using var scanner = new SegmentScanner(FolderStorage.ForReading(Path.Combine(folder, "journal")).Open(JournalFormat.SegmentName(1)));
        if (scanner.ReadHeader(out _) != ScanStep.Record) throw new InvalidOperationException("the journal just written cannot be read");
        var sizes = new Dictionary<RecordType, int>();
        while (scanner.Read() == ScanStep.Record) sizes[scanner.Head.Type] = (int)(scanner.Next - scanner.Offset);
        return [sizes[RecordType.Intent], sizes[RecordType.Frame], sizes[RecordType.Ending]];
    }

    private static Intent Intent()
    {
        var request = """{"order":9,"amount":42.5,"reason":"damaged on arrival"}"""u8.ToArray();
        return new Intent(
            OperationId.New(TimeProvider.System.GetUtcNow()), OperationId.New(TimeProvider.System.GetUtcNow()).ToString(), TimeProvider.System.GetUtcNow(),
            new Identity { Issuer = "corp", Subject = "alice", Kind = IdentityKind.Person, Agent = "desk-agent", Groups = ["support", "on-call"], DisplayName = "Alice" },
            new Connection("shop", "bench", "http://127.0.0.1:9/shop", ["prod"]),
            [new Part { Action = "bench.call", Facts = [Fact.Of("names", "refund")] }],
            "desk 1.0", new Masked<ReadOnlyMemory<byte>>(request), request.Length, Digest.Of(request), Digest.Of("definition"u8),
            new Decision.Allow(new PolicyVersion(14, Digest.Of("policy"u8)), [new RuleMatch("small-refunds", RuleEffect.Allow)], "rule `small-refunds` allows it"), null);
    }

    private sealed record Round(double PerSecond, double Cpu, double[] Latencies);
}
