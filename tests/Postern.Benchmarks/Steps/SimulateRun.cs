using System.Diagnostics;
using System.Globalization;
using System.Text;
using Postern.Benchmarks.Measuring;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Core.Policy.Replay;
using Postern.Core.Recording;

namespace Postern.Benchmarks.Steps;

/// <summary>How fast a candidate runs over recorded operations: from the journal's files to the result, whole operations with replies and endings in them.</summary>
internal static class SimulateRun
{
    private const int Operations = 100_000;
    private const int Rounds = 5;
    private const int Writers = 64;
    private const int Rules = 1_000;

    public static async Task RunAsync()
    {
        var machine = Machine.Describe();
        var folder = Directory.CreateTempSubdirectory("postern-bench-");
        try
        {
            var version = Samples.Compile(Rules);
            var options = new RecorderOptions { DataFolder = folder.FullName, Durability = Durability.Relaxed };
            await using (var recorder = await Recorder.OpenAsync(options, TimeProvider.System, CancellationToken.None))
            {
                await Task.WhenAll(Enumerable.Range(0, Writers).Select(writer => Task.Run(() => WriteAsync(recorder, version, writer))));
            }
            var megabytes = Directory.EnumerateFiles(options.JournalFolder).Sum(file => new FileInfo(file).Length) / 1e6;
            var candidate = Samples.Compile(Rules + 1);
            var own = Rates(options, version, version);
            var other = Rates(options, candidate, version);
            Report.Write("simulate", new { machine, operations = Operations, megabytes, rules = Rules, own, candidate = other },
            [
                Report.Caption(machine), "",
                "| 100,000 operations, " + megabytes.ToString("0", CultureInfo.InvariantCulture) + " MB of journal, 1,000 rules | operations per second, median of 5 | range | per second of processor time, median |",
                "| --- | ---: | ---: | ---: |",
                Row("under their own version", own),
                Row("under a candidate, masks compared", other),
            ]);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static string Row(string name, Rate[] rates) => string.Create(
        CultureInfo.InvariantCulture, $"| {name} | {Median(rates.Select(rate => rate.Wall)):N0} | {rates.Min(rate => rate.Wall):N0}-{rates.Max(rate => rate.Wall):N0} | {Median(rates.Select(rate => rate.Processor)):N0} |");

    private static double Median(IEnumerable<double> values) => values.Order().ElementAt(Rounds / 2);

    private static Rate[] Rates(RecorderOptions options, PolicySet candidate, PolicySet version)
    {
        var rates = new Rate[Rounds];
        for (var round = 0; round < Rounds; round++)
        {
            var begun = Stopwatch.GetTimestamp();
            var spent = Environment.CpuUsage.TotalTime;
            var simulation = new Simulation(candidate, (_, _) => version);
            simulation.Take(new JournalReader(options.JournalFolder).ReadQuestions(JournalPosition.Begin), DateTimeOffset.MinValue, DateTimeOffset.MaxValue, CancellationToken.None);
            var result = simulation.Result();
            if (result.Operations != Operations || result.Unchanged != Operations) throw new InvalidOperationException($"{result.Operations} operations, {result.Unchanged} unchanged");
            rates[round] = new Rate(Operations / Stopwatch.GetElapsedTime(begun).TotalSeconds, Operations / (Environment.CpuUsage.TotalTime - spent).TotalSeconds);
        }
        return rates;
    }

    private static async Task WriteAsync(Recorder recorder, PolicySet policy, int writer)
    {
        var identity = new Identity { Issuer = "demo", Subject = $"person-{writer % 40}", Kind = IdentityKind.Person, Agent = "demo-agent", Groups = ["support", $"team-{writer}"] };
        var reply = new Masked<ReadOnlyMemory<byte>>(Encoding.UTF8.GetBytes(new string('r', 600)));
        for (var at = writer; at < Operations; at += Writers)
        {
            var operation = Samples.Read(Samples.Call(100 + (at % 200)));
            var now = TimeProvider.System.GetUtcNow();
            var intent = new Intent(
                OperationId.New(now), $"S{writer}", now, identity, Samples.Connection, operation.Parts, "bench", new Masked<ReadOnlyMemory<byte>>(operation.Request), operation.Request.Length,
                Digest.Of(operation.Request.Span), operation.Definition, policy.Decide(identity, operation, now), null)
            { IsAsItCame = true };
            var account = await recorder.BeginAsync(intent, CancellationToken.None);
            await account.AppendAsync(FrameDirection.Reply, reply, 0);
            await account.EndAsync(new Ending(Outcome.Done, null, null, null, now));
        }
    }

    /// <summary>Operations per second of the clock, and of processor time: other work on the machine slows the first alone.</summary>
    private sealed record Rate(double Wall, double Processor);
}
