using System.Collections.Immutable;
using System.CommandLine;
using System.Text.Json.Nodes;
using Postern.Cli.Console;
using Postern.Cli.Output;
using Postern.Core.Policy;
using Postern.Gateway.Policies;

namespace Postern.Cli.Commands;

/// <summary><c>postern policy check</c>: everything that is wrong with policy files, each with its place.</summary>
internal static class PolicyCheckCommand
{
    public static Command Create(Surroundings surroundings, SharedOptions shared)
    {
        var files = PolicyCommand.FilesArgument();
        var configuration = PolicyCommand.ConfigurationOption();
        var strict = new Option<bool>("--strict") { Description = "Warnings fail the check too." };
        var command = new Command("check", "Check policy files. Exit 9: something is wrong.") { files, configuration, strict };
        command.SetAction(parsed =>
        {
            var (options, paths) = PolicyCommand.Read(surroundings, parsed.GetRequiredValue(configuration), parsed.GetValue(files) ?? []);
            var problems = PolicyWorkbench.Check(options, paths);
            WriteProblems(surroundings, shared.Renderer(parsed), problems);
            return Verdict(surroundings, problems, parsed.GetValue(strict));
        });
        return command;
    }

    /// <summary>Problems are the data: one per line, as compilers write them.</summary>
    internal static void WriteProblems(Surroundings surroundings, Renderer renderer, ImmutableArray<PolicyProblem> problems)
    {
        if (renderer.Format != OutputFormat.Table)
        {
            renderer.WriteList([.. problems.Select(Item)], "");
            return;
        }
        foreach (var problem in problems) surroundings.Out.WriteLine(problem);
    }

    private static int Verdict(Surroundings surroundings, ImmutableArray<PolicyProblem> problems, bool isStrict)
    {
        var errors = problems.Count(problem => problem.Severity == ProblemSeverity.Error);
        var warnings = problems.Length - errors;
        var isGood = errors == 0 && (warnings == 0 || !isStrict);
        surroundings.Error.WriteLine(problems.IsEmpty ? "the policy is good" : $"postern: {Count(errors, "error")}, {Count(warnings, "warning")}{(isGood ? "; it loads" : errors > 0 ? "; it does not load" : "; --strict takes no warnings")}");
        return isGood ? ExitCode.Ok : ExitCode.PolicyCheckFailed;
    }

    private static string Count(int number, string what) => $"{number} {what}{(number == 1 ? "" : "s")}";

    private static JsonObject Item(PolicyProblem problem) => new()
    {
        ["severity"] = problem.Severity == ProblemSeverity.Error ? "error" : "warning",
        ["file"] = problem.File,
        ["line"] = problem.Line,
        ["column"] = problem.Column,
        ["message"] = problem.Message,
    };
}
