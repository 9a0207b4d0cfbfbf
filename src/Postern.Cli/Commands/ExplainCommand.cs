using System.Collections.Immutable;
using System.CommandLine;
using System.Text.Json.Nodes;
using Postern.Cli.Console;
using Postern.Cli.Output;
using Postern.Core.Operations;
using Postern.Core.Recording;
using Postern.Gateway.Policies;

namespace Postern.Cli.Commands;

/// <summary><c>postern explain</c>: why something was decided as it was, and what a word of the policy language means.</summary>
internal static class ExplainCommand
{
    public static Command Create(Surroundings surroundings, SharedOptions shared)
    {
        var what = new Argument<string>("what") { Description = "A decision's id, as every refusal and `sessions show` name it; or a word of the policy language, as `policy.rules.when`." };
        var command = new Command("explain", "Explain a decision: which rule matched, which nearly did and for want of what; or a word of the policy language.") { what };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var asked = parsed.GetRequiredValue(what);
            if (!OperationId.TryParse(asked, out _)) return Word(surroundings, shared.Renderer(parsed), asked);
            using var api = await shared.ConnectAsync(parsed, cancellationToken);
            if (await api.GetAsync($"operations/{asked}/explanation", $"decision `{asked}`", cancellationToken) is not JsonObject explanation) throw new CommandException(ExitCode.Failure, "the gateway's answer is not an explanation");
            var renderer = shared.Renderer(parsed);
            if (renderer.Format != OutputFormat.Table) renderer.WriteItem(explanation);
            else foreach (var line in explanation["items"] as JsonArray ?? []) surroundings.Out.WriteLine(VisibleText.OfLine((string?)line ?? ""));
            return ExitCode.Ok;
        });
        return command;
    }

    private static int Word(Surroundings surroundings, Renderer renderer, string path)
    {
        if (PolicyWorkbench.Word(path, out var hint) is not { } word) throw new CommandException(ExitCode.NotFound, $"`{path}` is neither a decision's id nor a word of the policy language{hint}; begin with `postern explain policy`");
        if (renderer.Format != OutputFormat.Table)
        {
            renderer.WriteItem(new JsonObject { ["path"] = word.Path, ["text"] = word.Text, ["below"] = new JsonArray([.. word.Below]) });
            return ExitCode.Ok;
        }
        surroundings.Out.WriteLine(word.Text);
        foreach (var below in word.Below) surroundings.Out.WriteLine($"  {below}");
        return ExitCode.Ok;
    }
}
