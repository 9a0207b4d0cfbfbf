using System.Diagnostics;
using System.Globalization;
using Postern.Core.Recording;
using Postern.Gateway.Recordings;
using Postern.Gateway.Recordings.Keys;
using Postern.Gateway.Recordings.Search;

namespace Postern.Benchmarks.Search;

/// <summary>
/// What the index of recordings costs of processor time for each operation: reading the journal alone, indexing all of it at once, and
/// following it in steps of a second's operations, plain and sealed. The first round of each warms up and is shown too.
/// </summary>
internal static class IndexRun
{
    private const int Rounds = 4;
    private const int Step = 3_000;

    public static async Task RunAsync(int count)
    {
        await RunOneAsync(count, isSealed: false);
        await RunOneAsync(count, isSealed: true);
    }

    private static async Task RunOneAsync(int count, bool isSealed)
    {
        var folder = Directory.CreateTempSubdirectory("postern-bench-");
        try
        {
            using var keys = isSealed ? await DataKeyFile.OpenAsync(folder.FullName, null, TimeProvider.System) : null;
            var options = new RecorderOptions { DataFolder = folder.FullName, Durability = Durability.Relaxed, DataKeys = keys };
            await using (var recorder = await Recorder.OpenAsync(options, TimeProvider.System, CancellationToken.None)) await SearchedJournal.WriteAsync(recorder, 0, count);
            var what = isSealed ? "sealed" : "plain";
            for (var round = 0; round < Rounds; round++)
            {
                Say(what, "reading", count, Spend(() => new JournalReader(options.JournalFolder, keys).Read(JournalPosition.Begin, long.MaxValue, static type => type is RecordType.Intent or RecordType.Ending, RequestTerms.RequestBytes).Count()));
                foreach (var file in Directory.EnumerateFiles(folder.FullName, $"{RecordingIndex.FileName}*")) File.Delete(file);
                using var index = RecordingIndex.Open(options, live: null);
                Say(what, "indexing", count, Spend(() => index.CatchUpAsync(CancellationToken.None).AsTask().GetAwaiter().GetResult()));
            }
            Console.WriteLine($"index {new FileInfo(Path.Combine(folder.FullName, RecordingIndex.FileName)).Length / 1e6:0.0} MB");
            await using (var recorder = await Recorder.OpenAsync(options, TimeProvider.System, CancellationToken.None))
            {
                using var index = RecordingIndex.Open(options, recorder);
                await index.CatchUpAsync(CancellationToken.None);
                var spent = TimeSpan.Zero;
                const int steps = 20;
                for (var step = 0; step < steps; step++)
                {
                    await SearchedJournal.WriteAsync(recorder, count + (step * Step), Step);
                    await recorder.NoteAsync(new Occurrence("bench.settled", SearchedJournal.Begin, []), CancellationToken.None);
                    spent += Spend(() => index.CatchUpAsync(CancellationToken.None).AsTask().GetAwaiter().GetResult());
                }
                Say(what, "following", steps * Step, spent);
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static void Say(string journal, string what, int count, TimeSpan spent) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{journal} {what}: {spent.TotalMicroseconds / count:0.0} us of processor time for each operation"));

    private static TimeSpan Spend(Action what)
    {
        var before = Environment.CpuUsage.TotalTime;
        what();
        return Environment.CpuUsage.TotalTime - before;
    }
}
