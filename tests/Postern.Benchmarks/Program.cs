using System.Globalization;
using Postern.Benchmarks.Echo;
using Postern.Benchmarks.Held;
using Postern.Benchmarks.Http;
using Postern.Benchmarks.Journals;
using Postern.Benchmarks.Kubernetes;
using Postern.Benchmarks.Postgres;
using Postern.Benchmarks.Search;
using Postern.Benchmarks.Steps;
using Postern.Benchmarks.Streams;

switch (args)
{
    case ["steps"]:
        await StepRun.RunAsync();
        return 0;
    case ["decisions"]:
        DecisionRun.Run();
        return 0;
    case ["simulate"]:
        await SimulateRun.RunAsync();
        return 0;
    case ["echo"]:
        await EchoRun.RunAsync(rounds: 3, seconds: 2);
        return 0;
    case ["echo", var rounds, var seconds]:
        await EchoRun.RunAsync(Number(rounds), Number(seconds));
        return 0;
    case ["streams"]:
        await StreamRun.RunAsync();
        return 0;
    case ["look", var size, var clients, var rounds, var seconds, .. var peers]:
        await EchoRun.LookAsync(Number(size), Number(clients), Number(rounds), Number(seconds), peers);
        return 0;
    case ["allocation"]:
        await AllocationRun.RunAsync();
        return 0;
    case ["index"]:
        await IndexRun.RunAsync(count: 200_000);
        return 0;
    case ["index", var count]:
        await IndexRun.RunAsync(Number(count));
        return 0;
    case ["search"]:
        await SearchRun.RunAsync(count: 1_000_000);
        return 0;
    case ["search", var count]:
        await SearchRun.RunAsync(Number(count));
        return 0;
    case ["masks"]:
        Postern.Benchmarks.MaskingBenchmarks.Run(Console.Out);
        return 0;
    case ["masks", var line]:
        Postern.Benchmarks.MaskingBenchmarks.Run(Console.Out, line);
        return 0;
    case ["held"]:
        await HeldRun.RunAsync(callers: 10_000);
        return 0;
    case ["held", var callers]:
        await HeldRun.RunAsync(Number(callers));
        return 0;
    case ["postgres"]:
        await PgRun.RunAsync(rounds: 3, seconds: 2);
        return 0;
    case ["postgres", var rounds, var seconds]:
        await PgRun.RunAsync(Number(rounds), Number(seconds));
        return 0;
    case ["pglook", var work, var clients, var rounds, var seconds, .. var peers]:
        await PgRun.LookAsync(work, Number(clients), Number(rounds), Number(seconds), peers);
        return 0;
    case ["pgunit"]:
        await PgUnitRun.RunAsync();
        return 0;
    case ["pump", var port, var certificate, var key, var authority]:
        await Pump.RunAsync(Number(port), certificate, key, authority);
        return 0;
    case ["floor", var target, var file]:
        await Floor.RunAsync(target, file);
        return 0;
    case ["pump", var port, var certificate, var key, var authority, var kept]:
        await Pump.RunAsync(Number(port), certificate, key, authority, kept);
        return 0;
    case ["http"]:
        await HttpRun.RunAsync(rounds: 2, seconds: 1);
        return 0;
    case ["httplook", var size, var clients, var rounds, var seconds, .. var peers]:
        await HttpRun.LookAsync(Number(size), Number(clients), Number(rounds), Number(seconds), peers);
        return 0;
    case ["clusterlook", var what, var clients, var rounds, var seconds, .. var peers]:
        await ClusterRun.LookAsync(what, Number(clients), Number(rounds), Number(seconds), peers);
        return 0;
    case ["journal"]:
        await JournalRun.RunAsync(rounds: 7, seconds: 1);
        return 0;
    case ["journal", var rounds, var seconds]:
        await JournalRun.RunAsync(Number(rounds), Number(seconds));
        return 0;
    case ["journal", var rounds, var seconds, .. var writers]:
        await JournalRun.RunAsync(Number(rounds), Number(seconds), [.. writers.Select(Number)]);
        return 0;
    case ["kubernetes"]:
        await ClusterRun.RunAsync(rounds: 2, seconds: 1);
        return 0;
    case ["kubernetes", var rounds, var seconds]:
        await ClusterRun.RunAsync(Number(rounds), Number(seconds));
        return 0;
    case ["cluster"]:
        await ClusterUpstream.RunAsync();
        return 0;
    case ["api"]:
        await HttpUpstream.RunAsync();
        return 0;
    case ["upstream"]:
        await EchoUpstream.RunAsync();
        return 0;
    default:
        Console.Error.WriteLine("usage: Postern.Benchmarks steps | decisions | simulate | search [COUNT] | index [COUNT] | masks [PART OF A LINE] | allocation | held [CALLERS] | streams | echo [ROUNDS SECONDS] | look SIZE CLIENTS ROUNDS SECONDS PEER... | http | httplook SIZE CLIENTS ROUNDS SECONDS PEER... | journal [ROUNDS SECONDS [WRITERS...]] | clusterlook pod|list CLIENTS ROUNDS SECONDS PEER... | kubernetes [ROUNDS SECONDS] | postgres [ROUNDS SECONDS] | pglook WORK|rows CLIENTS ROUNDS SECONDS PEER... | pgunit");
        return 2;
}

static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
