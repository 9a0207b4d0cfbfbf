using System.CommandLine;
using System.Text.Json.Nodes;
using Postern.Cli.Console;
using Postern.Cli.Output;
using Postern.Core.Policy;
using Postern.Core.Policy.Testing;
using Postern.Gateway.Policies;

namespace Postern.Cli.Commands;

/// <summary><c>postern policy test</c>: runs the tests that policy files hold; no target is asked.</summary>
internal static class PolicyTestCommand
{
    public static Command Create(Surroundings surroundings, SharedOptions shared)
    {
        var files = PolicyCommand.FilesArgument();
        var configuration = PolicyCommand.ConfigurationOption();
        var junit = new Option<string?>("--junit") { Description = "Also write the results to this file as JUnit XML, for CI.", HelpName = "results.xml" };
        var command = new Command("test", "Run the tests in policy files. Exit 9: the policy does not load, or a test failed.") { files, configuration, junit };
        command.SetAction(parsed =>
        {
            var (options, paths) = PolicyCommand.Read(surroundings, parsed.GetRequiredValue(configuration), parsed.GetValue(files) ?? []);
            var run = PolicyWorkbench.Test(options, paths, surroundings.Clock.GetUtcNow());
            if (parsed.GetValue(junit) is { } path) File.WriteAllText(path, JUnitText.Of(run));
            return Report(surroundings, shared.Renderer(parsed), run);
        });
        return command;
    }

    private static int Report(Surroundings surroundings, Renderer renderer, PolicyTestRun run)
    {
        foreach (var problem in run.Problems.Where(problem => problem.Severity == ProblemSeverity.Error)) surroundings.Error.WriteLine("postern: " + problem);
        if (renderer.Format != OutputFormat.Table) renderer.WriteList([.. run.Results.Select(Item)], "");
        else foreach (var result in run.Results) surroundings.Out.WriteLine($"{(result.Passed ? "passed" : "FAILED")}  {result.Name}{(result.Passed ? "" : $"\n        {result.File}:{result.Line}: {result.Detail.Replace("\n", "\n        ", StringComparison.Ordinal)}")}");
        var failed = run.Results.Count(result => !result.Passed);
        surroundings.Error.WriteLine(run.Results.IsEmpty ? "postern: no tests ran; a policy file holds them under `tests:`" : $"{run.Results.Length - failed} passed, {failed} failed");
        return run.IsPassed ? ExitCode.Ok : ExitCode.PolicyCheckFailed;
    }

    private static JsonObject Item(PolicyTestResult result) => new()
    {
        ["name"] = result.Name,
        ["passed"] = result.Passed,
        ["file"] = result.File,
        ["line"] = result.Line,
        ["detail"] = result.Detail,
    };
}
