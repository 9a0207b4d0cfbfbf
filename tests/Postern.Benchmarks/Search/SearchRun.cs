using System.Diagnostics;
using System.Globalization;
using Postern.Benchmarks.Measuring;
using Postern.Core.Recording;
using Postern.Gateway.Recordings;
using Postern.Gateway.Recordings.Search;

namespace Postern.Benchmarks.Search;

/// <summary>
/// Search in the embedded index: a journal of a million operations is written and indexed, then each question is asked with nothing of the
/// index in memory (its pages dropped from the kernel's cache, a new connection), and again with all of it there.
/// </summary>
internal static class SearchRun
{
    private const int ColdRounds = 7;
    private const int WarmRounds = 200;
    /// <summary>The questions: each condition alone, pairs that seldom or never meet, and all at once.</summary>
    private static (string Name, OperationFilter Filter)[] Questions(int count) =>
    [
        ("nothing: the latest 50", new OperationFilter()),
        ("person", new OperationFilter { Person = "corp:person-17" }),
        ("agent", new OperationFilter { Agent = "agent-3" }),
        ("tool", new OperationFilter { Arguments = ["tool=refund"] }),
        ("action", new OperationFilter { Action = "mcp.tools.call" }),
        ("table", new OperationFilter { Arguments = ["table=hr.salaries"] }),
        ("argument", new OperationFilter { Arguments = ["order=4711"] }),
        ("decision", new OperationFilter { Decision = "deny" }),
        ("outcome", new OperationFilter { Outcome = "failed" }),
        ("connection", new OperationFilter { Connection = "orders-db" }),
        ("rule", new OperationFilter { Rule = "rule-9" }),
        ("time, in the middle", new OperationFilter { Since = SearchedJournal.Begin.AddSeconds(count / 2), Until = SearchedJournal.Begin.AddSeconds((count / 2) + 3_600) }),
        ("words", new OperationFilter { Words = "damaged parcel" }),
        ("a word that is nowhere", new OperationFilter { Words = "xyzzy" }),
        ("person and table", new OperationFilter { Person = "corp:person-17", Arguments = ["table=public.orders"] }),
        ("person, agent and decision", new OperationFilter { Person = "corp:person-17", Agent = "agent-3", Decision = "deny" }),
        ("two that are common and never meet", new OperationFilter { Protocol = "mcp", Arguments = ["table=public.orders"] }),
        ("three that are common and never meet", new OperationFilter { Protocol = "postgres", Arguments = ["tool=refund"], Decision = "allow" }),
        ("an owner's, nothing found", new OperationFilter { Owner = "corp:person-18", Words = "xyzzy", Decision = "allow" }),
        ("all at once", new OperationFilter
        {
            Person = "corp:person-17", Agent = "agent-7", Connection = "orders-db", Action = "postgres.select", Arguments = ["table=public.payments", "statement=select"], Decision = "allow", Outcome = "done",
            Words = "select from", Since = SearchedJournal.Begin, Until = SearchedJournal.Begin.AddSeconds(count),
        }),
        ("the last page of a person's", new OperationFilter { Person = "corp:person-17", Before = count / 200 }),
    ];

    public static async Task RunAsync(int count)
    {
        var machine = Machine.Describe();
        var folder = Directory.CreateTempSubdirectory("postern-bench-");
        try
        {
            var options = new RecorderOptions { DataFolder = folder.FullName, Durability = Durability.Relaxed };
            await using (var recorder = await Recorder.OpenAsync(options, TimeProvider.System, CancellationToken.None))
            {
                await SearchedJournal.WriteAsync(recorder, 0, count);
            }
            var journal = Directory.EnumerateFiles(options.JournalFolder).Sum(file => new FileInfo(file).Length) / 1e6;
            var begun = Stopwatch.GetTimestamp();
            var spent = Environment.CpuUsage.TotalTime;
            using (var index = RecordingIndex.Open(options, live: null)) await index.CatchUpAsync(CancellationToken.None);
            var indexing = Stopwatch.GetElapsedTime(begun).TotalSeconds;
            spent = Environment.CpuUsage.TotalTime - spent;
            var path = Path.Combine(folder.FullName, RecordingIndex.FileName);
            var size = new FileInfo(path).Length / 1e6;

            var measured = new List<Measured>();
            foreach (var (name, filter) in Questions(count)) measured.Add(await MeasureAsync(options, path, name, filter));
            Report.Write("search", new { machine, operations = count, journalMegabytes = journal, indexMegabytes = size, indexingSeconds = indexing, indexingCpuSeconds = spent.TotalSeconds, questions = measured },
            [
                Report.Caption(machine), "",
                string.Create(CultureInfo.InvariantCulture, $"{count:N0} operations, {journal:N0} MB of journal, {size:N0} MB of index; indexed from the journal at {count / indexing:N0} operations per second ({spent.TotalMicroseconds / count:N0} µs of processor time each)."), "",
                "| first page of 50 by | found | cold p50 ms | cold max ms | warm p50 ms | warm p99 ms | warm max ms |",
                "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
                .. measured.Select(one => string.Create(CultureInfo.InvariantCulture, $"| {one.Name} | {one.Found} | {one.ColdMedian:0.0} | {one.ColdMax:0.0} | {one.WarmMedian:0.00} | {one.WarmP99:0.00} | {one.WarmMax:0.00} |")),
            ]);
            foreach (var one in measured) Console.WriteLine(one);
            Console.WriteLine($"{count} operations, index {size:0} MB, {count / indexing:0} operations/s, {spent.TotalMicroseconds / count:0.0} us each");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static async Task<Measured> MeasureAsync(RecorderOptions options, string path, string name, OperationFilter filter)
    {
        var cold = new double[ColdRounds];
        for (var round = 0; round < ColdRounds; round++)
        {
            Forget(path);
            // Opening is done once in the life of a gateway; what is asked of a file that nobody has read is what is measured.
            using var index = RecordingIndex.Open(options, live: null);
            await index.CatchUpAsync(CancellationToken.None);
            cold[round] = await AskAsync(index, filter);
        }
        using var open = RecordingIndex.Open(options, live: null);
        var found = (await open.SearchAsync(filter, CancellationToken.None)).Operations.Length;
        var warm = new double[WarmRounds];
        for (var round = 0; round < WarmRounds; round++) warm[round] = await AskAsync(open, filter);
        Array.Sort(cold);
        Array.Sort(warm);
        return new Measured(name, found, cold[ColdRounds / 2], cold[^1], warm[WarmRounds / 2], warm[(int)(WarmRounds * 0.99)], warm[^1]);
    }

    private static async Task<double> AskAsync(RecordingIndex index, OperationFilter filter)
    {
        var begun = Stopwatch.GetTimestamp();
        await index.SearchAsync(filter, CancellationToken.None);
        return Stopwatch.GetElapsedTime(begun).TotalMilliseconds;
    }

    /// <summary>Drops the file's pages from the kernel's cache (posix_fadvise, by way of dd).</summary>
    private static void Forget(string path)
    {
        using var dd = Process.Start(new ProcessStartInfo("dd") { ArgumentList = { $"if={path}", "of=/dev/null", "iflag=nocache", "count=0", "status=none" } })!;
        dd.WaitForExit();
        if (dd.ExitCode != 0) throw new InvalidOperationException($"`dd` could not drop `{path}` from the cache");
    }

    private sealed record Measured(string Name, int Found, double ColdMedian, double ColdMax, double WarmMedian, double WarmP99, double WarmMax);
}
