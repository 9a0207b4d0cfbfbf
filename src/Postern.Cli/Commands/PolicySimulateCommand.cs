using System.Collections.Immutable;
using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using Postern.Cli.Console;
using Postern.Cli.Output;
using Postern.Gateway.Policies;

namespace Postern.Cli.Commands;

/// <summary><c>postern policy simulate</c>: what a candidate would have done to what was recorded.</summary>
internal static class PolicySimulateCommand
{
    private static readonly ImmutableArray<string> Kinds = ["allowed", "held", "denied", "masked", "unmasked", "unfaithful"];

    private static readonly Column[] Columns =
    [
        Column.Of("Change", "change"),
        Column.Of("Count", "count"),
        Column.Of("Who", "identity"),
        Column.Of("On", "connection"),
        Column.Of("Asked", "asked"),
        Column.Of("Before", "before"),
        Column.Of("After", "after"),
        new("Session", item => item["sessions"] is JsonArray { Count: > 0 } sessions ? $"{sessions[0]}{(sessions.Count > 1 ? " …" : "")}" : null),
    ];

    public static Command Create(Surroundings surroundings, SharedOptions shared)
    {
        var files = new Argument<string[]>("files") { Description = "The candidate: policy files, or folders of them.", Arity = ArgumentArity.OneOrMore };
        var source = new RecordedSource("7d");
        var failOn = new Option<string[]>("--fail-on")
        {
            Description = $"Changes that fail the run (exit 9): {string.Join(", ", Kinds)}, or none.",
            HelpName = "change",
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = static _ => ["allowed", "denied", "unmasked"],
        };
        failOn.AcceptOnlyFromAmong([.. Kinds, "none"]);
        var expect = new Option<string[]>("--expect") { Description = "Rules or masks of the candidate whose changes are meant, and fail nothing.", HelpName = "rule", AllowMultipleArgumentsPerToken = true };
        var command = new Command("simulate", "Run a candidate over recorded operations. Exit 9: it changes what --fail-on names, or does not load.") { files, failOn, expect };
        source.AddTo(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var (from, until) = source.Span(surroundings, parsed);
            var paths = parsed.GetRequiredValue(files);
            var result = source.IsJournal(parsed)
                ? source.Read(surroundings, parsed, paths, "the candidate", (options, found, journal, out problems) => PolicyWorkbench.Simulate(options, found, journal, from, until, out problems, cancellationToken))
                : await FromGatewayAsync(shared, parsed, paths, from, cancellationToken);
            Write(surroundings, shared.Renderer(parsed), result);
            return Verdict(surroundings, result, parsed.GetRequiredValue(failOn), parsed.GetValue(expect) ?? []);
        });
        return command;
    }

    private static async Task<JsonObject> FromGatewayAsync(SharedOptions shared, ParseResult parsed, string[] files, DateTimeOffset from, CancellationToken cancellationToken)
    {
        var body = new JsonObject { ["files"] = PolicyApplyCommand.Read(files), ["from"] = from.UtcDateTime.ToString("O", CultureInfo.InvariantCulture) };
        using var api = await shared.ConnectAsync(parsed, cancellationToken);
        var answer = await api.PostAsync("policy/simulate", body, cancellationToken);
        return answer switch
        {
            { Body: JsonObject result } => result,
            { Status: HttpStatusCode.NotFound } => throw new CommandException(ExitCode.Denied, "you may not simulate here; a policy grants it with `admin: [policy.simulate]`"),
            { Status: HttpStatusCode.UnprocessableEntity } => throw new CommandException(ExitCode.PolicyCheckFailed, $"the candidate does not load{answer.Detail}"),
            _ => throw new CommandException(ExitCode.Failure, $"not simulated{answer.Detail}"),
        };
    }

    private static void Write(Surroundings surroundings, Renderer renderer, JsonObject result)
    {
        var changes = (result["changes"] as JsonArray ?? []).OfType<JsonObject>().ToArray();
        if (renderer.Format == OutputFormat.Ndjson) renderer.WriteList(changes, "");
        else if (renderer.Format != OutputFormat.Table) renderer.WriteItem(result);
        else if (changes.Length > 0) renderer.WriteList(changes, "", Columns);
        surroundings.Error.WriteLine($"{result["operations"]} operations, {result["unchanged"]} decided and masked as they were");
        foreach (var (reason, number) in result["unfaithful"] as JsonObject ?? []) surroundings.Error.WriteLine($"{number} not judged: {reason}");
        if ((long?)result["unknownMasks"] is > 0 and var unknown) surroundings.Error.WriteLine($"{unknown} decided, their masks not compared: the version that masked them is not kept");
    }

    private static int Verdict(Surroundings surroundings, JsonObject result, string[] failOn, string[] expected)
    {
        var counted = (result["changes"] as JsonArray ?? []).OfType<JsonObject>()
            .Where(change => !expected.Contains((string?)change["rule"]))
            .GroupBy(change => (string)change["change"]!, StringComparer.Ordinal)
            .ToDictionary(group => group.Key, group => group.Sum(change => (long)change["count"]!), StringComparer.Ordinal);
        counted["unfaithful"] = (result["unfaithful"] as JsonObject ?? []).Sum(pair => (long)pair.Value!);
        var failures = failOn.Distinct().Where(kind => counted.GetValueOrDefault(kind) > 0).ToArray();
        if (failures.Length == 0) return ExitCode.Ok;
        surroundings.Error.WriteLine($"postern: the candidate changes what it must not: {string.Join(", ", failures.Select(kind => $"{counted[kind]} {kind}"))}; name rules that are meant to with `--expect`");
        return ExitCode.PolicyCheckFailed;
    }
}
