using System.CommandLine;
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Postern.Cli.Console;
using Postern.Cli.Output;
using Postern.Core.Recording;
using Postern.Gateway.Policies;

namespace Postern.Cli.Commands;

/// <summary><c>postern can-i</c> and <c>who-can</c>: questions about access, in the words of a policy's tests.</summary>
internal static class AccessCommands
{
    public static Command CreateCanI(Surroundings surroundings, SharedOptions shared)
    {
        var (connection, words, files, configuration) = Question();
        var other = new Option<string?>("--as") { Description = "Ask for somebody else, as in a test: '{\"user\": \"alice\", \"groups\": [\"support\"]}'.", HelpName = "who" };
        var command = new Command("can-i", "Ask whether something is permitted. Exit 0: allowed; 4: denied; 5: people must agree.") { connection, words, other, files, configuration };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var ask = Ask(parsed.GetRequiredValue(connection), parsed.GetValue(words) ?? []);
            var asker = parsed.GetValue(other);
            var answer = parsed.GetValue(files) is { Length: > 0 } paths
                ? Local(surroundings, parsed.GetRequiredValue(configuration), paths, options => PolicyWorkbench.CanI(options.Options, options.Paths, asker ?? throw new CommandException(ExitCode.Usage, "`--policy` asks files, which know nobody; say who asks with `--as`"), ask.ToJsonString(), surroundings.Clock.GetUtcNow()))
                : await AskAsync(shared, parsed, "policy/can-i", asker is null ? new JsonObject { ["ask"] = ask } : new JsonObject { ["ask"] = ask, ["as"] = Json(asker) }, cancellationToken);
            var renderer = shared.Renderer(parsed);
            if (renderer.Format != OutputFormat.Table) renderer.WriteItem(answer);
            else Write(surroundings, answer);
            return (string?)answer["decision"] switch { "allow" => ExitCode.Ok, "hold" => ExitCode.Pending, _ => ExitCode.Denied };
        });
        return command;
    }

    public static Command CreateWhoCan(Surroundings surroundings, SharedOptions shared)
    {
        var (connection, words, files, configuration) = Question();
        var command = new Command("who-can", "Ask whom rules let do something, and which rules narrow it.") { connection, words, files, configuration };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var ask = Ask(parsed.GetRequiredValue(connection), parsed.GetValue(words) ?? []);
            var answer = parsed.GetValue(files) is { Length: > 0 } paths
                ? Local(surroundings, parsed.GetRequiredValue(configuration), paths, options => PolicyWorkbench.WhoCan(options.Options, options.Paths, ask.ToJsonString(), surroundings.Clock.GetUtcNow()))
                : await AskAsync(shared, parsed, "policy/who-can", new JsonObject { ["ask"] = ask }, cancellationToken);
            var rules = (answer["items"] as JsonArray ?? []).OfType<JsonObject>().ToArray();
            shared.Renderer(parsed).WriteList(rules, "nobody: no rule speaks of it", Column.Of("Effect", "effect"), Column.Of("Who", "who"), Column.Of("Rule", "rule"), Column.Of("Part", "part"), Column.Of("Condition", "condition"));
            return ExitCode.Ok;
        });
        return command;
    }

    private static (Argument<string> Connection, Argument<string[]> Words, Option<string[]> Files, Option<string> Configuration) Question() => (
        new Argument<string>("connection") { Description = "The connection." },
        new Argument<string[]>("words") { Description = "What for, as `key=value` in the words of its protocol: `tool=refund args={\"amount\":900}`, `sql=\"select 1\"`, `request=\"GET /api/v1/pods\"`.", Arity = ArgumentArity.ZeroOrMore },
        new Option<string[]>("--policy") { Description = "Ask these files instead of a gateway.", HelpName = "file", AllowMultipleArgumentsPerToken = true },
        PolicyCommand.ConfigurationOption());

    private static JsonObject Ask(string connection, string[] words)
    {
        var ask = new JsonObject { ["connection"] = connection };
        foreach (var word in words)
        {
            var at = word.IndexOf('=', StringComparison.Ordinal);
            if (at <= 0) throw new CommandException(ExitCode.Usage, $"`{word}` is no `key=value`; expected something like `tool=refund`");
            // Lists and maps are JSON; everything else is the text that it is, as a tool may well be called `1`.
            ask[word[..at]] = word[(at + 1)..] is ['{' or '[', ..] value ? Json(value) : JsonValue.Create(word[(at + 1)..]);
        }
        return ask;
    }

    private static JsonNode? Json(string text)
    {
        try
        {
            return JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            throw new CommandException(ExitCode.Usage, $"`{text}` is not JSON");
        }
    }

    private static async Task<JsonObject> AskAsync(SharedOptions shared, ParseResult parsed, string path, JsonObject body, CancellationToken cancellationToken)
    {
        using var api = await shared.ConnectAsync(parsed, cancellationToken);
        var answer = await api.PostAsync(path, body, cancellationToken);
        return answer switch
        {
            { Body: JsonObject result } => result,
            { Status: HttpStatusCode.NotFound } => throw new CommandException(ExitCode.Denied, "you may ask for yourself alone; a policy grants more with `admin: [policy.read]`"),
            { Status: HttpStatusCode.BadRequest } => throw new CommandException(ExitCode.Usage, $"the question cannot be understood{answer.Detail}"),
            _ => throw new CommandException(ExitCode.Failure, $"no answer{answer.Detail}"),
        };
    }

    private static JsonObject Local(Surroundings surroundings, string configuration, string[] files, Func<(Gateway.Configuration.GatewayOptions Options, System.Collections.Immutable.ImmutableArray<string> Paths), (JsonObject? Answer, string? Problem)> ask)
    {
        var (answer, problem) = ask(PolicyCommand.Read(surroundings, configuration, files));
        return answer ?? throw new CommandException(ExitCode.Usage, problem ?? "the question cannot be understood");
    }

    private static void Write(Surroundings surroundings, JsonObject answer)
    {
        var lines = answer["lines"] as JsonArray ?? [];
        if (lines.Count == 0)
        {
            var word = (string?)answer["decision"] switch { "allow" => "allowed", "hold" => "held until people agree", _ => $"denied ({answer["code"]})" };
            surroundings.Out.WriteLine($"{word}{((string?)answer["rule"] is { } rule ? $" by `{rule}`" : "")}");
            if ((string?)answer["message"] is { } message) surroundings.Out.WriteLine(VisibleText.OfLine(message));
        }
        foreach (var line in lines) surroundings.Out.WriteLine(VisibleText.OfLine((string?)line ?? ""));
    }
}
