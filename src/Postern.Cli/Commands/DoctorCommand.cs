using System.CommandLine;
using Postern.Cli.Console;
using Postern.Cli.Doctor;
using Postern.Cli.Output;
using Postern.Core.Recording;

namespace Postern.Cli.Commands;

/// <summary><c>postern doctor</c>: finds out why something does not work.</summary>
internal static class DoctorCommand
{
    private const int Indent = 9;

    public static Command Create(Surroundings surroundings, SharedOptions shared)
    {
        var configuration = new Option<string>("--config") { Description = "The configuration file.", HelpName = "postern.yaml", DefaultValueFactory = _ => "postern.yaml" };
        var command = new Command("doctor", "Find out why something does not work: configuration, folder, ports, issuers, policy, targets, recording. Changes nothing. Exit 1: there is a problem.") { configuration };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var renderer = shared.Renderer(parsed);
            var (problems, warnings) = (0, 0);
            var found = new List<Finding>();
            await foreach (var finding in new Examination(surroundings, parsed.GetRequiredValue(configuration)).RunAsync(cancellationToken))
            {
                if (finding.Health == Health.Problem) problems++;
                if (finding.Health == Health.Warning) warnings++;
                // People see each as it is found: a target that does not answer takes its time.
                if (renderer.Format == OutputFormat.Table) Write(surroundings, finding);
                else found.Add(finding);
            }
            if (renderer.Format != OutputFormat.Table) renderer.WriteList([.. found.Select(finding => finding.Item())], "");
            surroundings.Error.WriteLine(problems + warnings == 0 ? "all is well" : $"{Count(problems, "problem")}, {Count(warnings, "warning")}");
            return problems > 0 ? ExitCode.Failure : ExitCode.Ok;
        });
        return command;
    }

    private static void Write(Surroundings surroundings, Finding finding)
    {
        var word = finding.Health switch { Health.Ok => "ok", Health.Warning => "warning", _ => "PROBLEM" };
        surroundings.Out.WriteLine($"{word.PadRight(Indent)}{finding.What}: {VisibleText.OfLine(finding.Text)}");
        if (finding.Next.Length > 0) surroundings.Out.WriteLine($"{new string(' ', Indent)}→ {VisibleText.OfLine(finding.Next)}");
    }

    private static string Count(int number, string what) => $"{number} {what}{(number == 1 ? "" : "s")}";
}
