using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using Postern.Cli.Console;
using Postern.Cli.Output;
using Postern.Core.Recording;
using Postern.Gateway.Policies;

namespace Postern.Cli.Commands;

/// <summary><c>postern policy suggest</c>: rules learnt from recordings, and what the policy in force gives that nobody uses.</summary>
internal static class PolicySuggestCommand
{
    public static Command Create(Surroundings surroundings, SharedOptions shared)
    {
        var files = new Argument<string[]>("files") { Description = "With --journal: the policy whose unused rules are looked for; that of --config otherwise.", Arity = ArgumentArity.ZeroOrMore };
        var source = new RecordedSource("30d");
        var unused = new Option<bool>("--unused") { Description = "Write the policy in force without the rules that nobody used, as a diff, instead of rules that cover what was done." };
        var command = new Command("suggest", "Suggest the smallest rules that cover what was recorded, or with --unused the policy without what nobody used.") { files, unused };
        source.AddTo(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var (from, until) = source.Span(surroundings, parsed);
            var result = source.IsJournal(parsed)
                ? source.Read(surroundings, parsed, parsed.GetValue(files) ?? [], "the policy", (options, found, journal, out problems) => PolicyWorkbench.Suggest(options, found, journal, from, until, out problems, cancellationToken))
                : await FromGatewayAsync(shared, parsed, from, cancellationToken);
            var renderer = shared.Renderer(parsed);
            if (renderer.Format != OutputFormat.Table) renderer.WriteItem(result);
            else surroundings.Out.Write(VisibleText.OfLines((string?)result[parsed.GetValue(unused) ? "diff" : "policy"] ?? ""));
            if (parsed.GetValue(unused)) WriteUnused(surroundings, result);
            else WriteUse(surroundings, result);
            return ExitCode.Ok;
        });
        return command;
    }

    private static void WriteUse(Surroundings surroundings, JsonObject result)
    {
        surroundings.Error.WriteLine($"{result["rules"]} rules from {result["operations"]} permitted operations; what was misused meanwhile is among them, so read what each adds");
        foreach (var (reason, number) in result["uncovered"] as JsonObject ?? []) surroundings.Error.WriteLine($"{number} not covered: {reason}");
    }

    private static void WriteUnused(Surroundings surroundings, JsonObject result)
    {
        if (result["unused"] is not JsonArray unused) throw new CommandException(ExitCode.Denied, "you may not read the policy here; a policy grants it with `admin: [policy.read]`");
        surroundings.Error.WriteLine(unused.Count == 0 ? "every rule that gives something was used" : $"nobody used {string.Join(", ", unused.Select(rule => $"`{rule}`"))}");
        foreach (var rule in result["kept"] as JsonArray ?? []) surroundings.Error.WriteLine($"`{rule}` stays: it cannot be cut from the text by whole lines");
        if (unused.Count == 0) return;
        surroundings.Error.WriteLine((bool?)result["harmless"] == true ? "without them every recorded operation is decided as it was" : "without them something recorded would be decided otherwise; see `postern policy simulate`");
        if ((long?)result["unfaithful"] is > 0 and var unknown) surroundings.Error.WriteLine($"{unknown} recorded operations could not be judged again");
    }

    private static async Task<JsonObject> FromGatewayAsync(SharedOptions shared, ParseResult parsed, DateTimeOffset from, CancellationToken cancellationToken)
    {
        using var api = await shared.ConnectAsync(parsed, cancellationToken);
        var answer = await api.PostAsync("policy/suggest", new JsonObject { ["from"] = from.UtcDateTime.ToString("O", CultureInfo.InvariantCulture) }, cancellationToken);
        return answer switch
        {
            { Body: JsonObject result } => result,
            { Status: HttpStatusCode.NotFound } => throw new CommandException(ExitCode.Denied, "you may not mine recordings here; a policy grants it with `admin: [policy.simulate]`"),
            _ => throw new CommandException(ExitCode.Failure, $"nothing suggested{answer.Detail}"),
        };
    }
}
