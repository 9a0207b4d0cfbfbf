using System.Globalization;
using Postern.Benchmarks.Echo;
using Postern.Benchmarks.Steps;

switch (args)
{
    case ["steps"]:
        await StepRun.RunAsync();
        return 0;
    case ["decisions"]:
        DecisionRun.Run();
        return 0;
    case ["echo"]:
        await EchoRun.RunAsync(rounds: 3, seconds: 2);
        return 0;
    case ["echo", var rounds, var seconds]:
        await EchoRun.RunAsync(int.Parse(rounds, CultureInfo.InvariantCulture), double.Parse(seconds, CultureInfo.InvariantCulture));
        return 0;
    case ["allocation"]:
        await AllocationRun.RunAsync();
        return 0;
    case ["upstream"]:
        await EchoUpstream.RunAsync();
        return 0;
    default:
        Console.Error.WriteLine("usage: Postern.Benchmarks steps | decisions | allocation | echo [ROUNDS SECONDS]");
        return 2;
}
