using System.CommandLine;
using System.Net;
using System.Text.Json.Nodes;
using Postern.Cli.Console;
using Postern.Cli.Control;
using Postern.Gateway.Policies;

namespace Postern.Cli.Commands;

/// <summary><c>postern policy apply</c> and <c>rollback</c>: publishing, which the policy in force decides like any operation.</summary>
internal static class PolicyApplyCommand
{
    public static Command CreateApply(Surroundings surroundings, SharedOptions shared)
    {
        var files = new Argument<string[]>("files") { Description = "Policy files, or folders of them: the whole policy.", Arity = ArgumentArity.OneOrMore };
        var (reason, from) = (ReasonOption(), FromOption());
        var command = new Command("apply", "Publish a policy. Exit 4: refused; 5: people must agree first, then repeat it; 9: it does not load.") { files, reason, from };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var texts = Read(parsed.GetRequiredValue(files));
            using var api = await shared.ConnectAsync(parsed, cancellationToken);
            var body = new JsonObject { ["from"] = await FromAsync(api, parsed.GetValue(from), cancellationToken), ["reason"] = parsed.GetRequiredValue(reason), ["files"] = texts };
            return Report(surroundings, shared, parsed, await api.PostAsync("policy/versions", body, cancellationToken));
        });
        return command;
    }

    public static Command CreateRollback(Surroundings surroundings, SharedOptions shared)
    {
        var version = new Argument<int>("version") { Description = "The version to publish again, under a new number." };
        var (reason, from) = (ReasonOption(), FromOption());
        var command = new Command("rollback", "Publish an earlier version again. Exit codes as for `apply`.") { version, reason, from };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var api = await shared.ConnectAsync(parsed, cancellationToken);
            var body = new JsonObject { ["from"] = await FromAsync(api, parsed.GetValue(from), cancellationToken), ["reason"] = parsed.GetRequiredValue(reason) };
            return Report(surroundings, shared, parsed, await api.PostAsync($"policy/versions/{parsed.GetRequiredValue(version)}/rollback", body, cancellationToken));
        });
        return command;
    }

    private static Option<string> ReasonOption() => new("--reason") { Description = "Why; kept with the version.", HelpName = "words", Required = true };

    private static Option<int?> FromOption() => new("--from") { Description = "The version that it was made from; refused when another one is in force. The one in force otherwise.", HelpName = "version" };

    private static async Task<int> FromAsync(ControlApi api, int? given, CancellationToken cancellationToken) =>
        given ?? (int?)(await api.GetAsync("policy", "the policy in force", cancellationToken))["version"] ?? throw new CommandException(ExitCode.Failure, "the gateway's answer names no version");

    internal static JsonObject Read(string[] paths)
    {
        var read = PolicyWorkbench.ReadNamed([.. paths], out var problems);
        if (problems.FirstOrDefault() is { } first) throw new CommandException(ExitCode.Usage, first.ToString());
        return new JsonObject(read.Select(file => KeyValuePair.Create<string, JsonNode?>(file.Path, file.Text)));
    }

    private static int Report(Surroundings surroundings, SharedOptions shared, ParseResult parsed, ControlAnswer answer)
    {
        switch (answer.Status)
        {
            case HttpStatusCode.OK when answer.Body is JsonObject version:
                shared.Renderer(parsed).WriteItem(version, PolicyVersionsCommand.Fields);
                return ExitCode.Ok;
            case HttpStatusCode.Accepted when answer.Body is JsonObject held:
                shared.Renderer(parsed).WriteItem(held, Output.Column.Of("State", "state"), Output.Column.Of("Approval", "hold"), Output.Column.Of("Page", "url"));
                surroundings.Error.WriteLine("people must agree first; repeat the same command once they have");
                return ExitCode.Pending;
            case HttpStatusCode.Forbidden:
                throw new CommandException(ExitCode.Denied, $"not published{answer.Detail}");
            case HttpStatusCode.NotFound:
                throw new CommandException(ExitCode.NotFound, "there is no such version, or its text was not kept");
            case HttpStatusCode.UnprocessableEntity:
                throw new CommandException(ExitCode.PolicyCheckFailed, $"not published{answer.Detail}");
            default:
                throw new CommandException(ExitCode.Failure, $"not published{answer.Detail}");
        }
    }
}
