using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Postern.Cli.Console;
using Postern.Cli.Output;

namespace Postern.Cli.Commands;

/// <summary><c>postern sessions search</c>: operations of all sessions, by what they are about.</summary>
internal static class SessionsSearchCommand
{
    private static readonly Column[] Columns =
    [
        new("At", item => (string?)item["at"] is { Length: > 19 } at ? at[..19].Replace('T', ' ') : null),
        Column.Of("Who", "identity"),
        Column.Of("Connection", "connection"),
        Column.Of("Asked", "summary"),
        Column.Of("Verdict", "decision"),
        Column.Of("Outcome", "outcome"),
        Column.Of("Session", "session"),
    ];

    public static Command Create(Surroundings surroundings, SharedOptions shared)
    {
        var words = new Argument<string[]>("words") { Description = "Words of the request, after masks, or of what it touches; each has to be there, whole.", Arity = ArgumentArity.ZeroOrMore };
        var texts = new (Option<string?> Option, string Member)[]
        {
            (Text("--person", "Who asked: issuer:subject, a subject, or a display name."), "person"),
            (Text("--agent", "Through what: the OAuth client, or the program as it names itself."), "agent"),
            (Text("--connection", "The connection's name."), "connection"),
            (Text("--protocol", "The connection's protocol."), "protocol"),
            (Text("--action", "The action, for example mcp.tools.call."), "action"),
            (Text("--decision", "allow, hold or deny."), "decision"),
            (Text("--rule", "A rule that matched, without its version; for auditors."), "rule"),
            (Text("--outcome", "done, denied, pending, failed, unknown or open."), "outcome"),
            (Text("--code", "A refusal code."), "code"),
            (Text("--session", "A session's id."), "session"),
            (Text("--trace", "A trace's id."), "trace"),
        };
        texts[5].Option.AcceptOnlyFromAmong("allow", "hold", "deny");
        texts[7].Option.AcceptOnlyFromAmong("done", "denied", "pending", "failed", "unknown", "open");
        var tool = Text("--tool", "The tool that was called.");
        var table = Text("--table", "A table that was touched: `public.orders`, or `orders` in any schema.");
        var arguments = new Option<string[]>("--argument") { Description = "A value that was asked for, under its name or any: `amount=900`, `900`. Can be given more than once.", HelpName = "[name=]value" };
        var since = new Option<DateTimeOffset?>("--since") { Description = "Asked then or later.", HelpName = "instant" };
        var until = new Option<DateTimeOffset?>("--until") { Description = "Asked before.", HelpName = "instant" };
        var limit = new Option<int>("--limit") { Description = "At most so many, up to 200.", HelpName = "number", DefaultValueFactory = _ => 50 };
        var before = new Option<long?>("--before") { Description = "Go on where the page before ended.", HelpName = "number" };
        var command = new Command("search", "Find operations in all sessions, the latest first: your own, or everybody's where the policy names you for `sessions.read`.") { words, tool, table, arguments, since, until, limit, before };
        foreach (var (option, _) in texts) command.Add(option);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var body = new JsonObject { ["limit"] = parsed.GetValue(limit) };
            if (parsed.GetValue(words) is { Length: > 0 } given) body["words"] = string.Join(' ', given);
            foreach (var (option, member) in texts)
            {
                if (parsed.GetValue(option) is { } text) body[member] = text;
            }
            var values = new JsonArray();
            if (parsed.GetValue(tool) is { } called) values.Add($"tool={called}");
            if (parsed.GetValue(table) is { } touched) values.Add($"table={touched}");
            foreach (var argument in parsed.GetValue(arguments) ?? []) values.Add(argument);
            if (values.Count > 0) body["arguments"] = values;
            if (parsed.GetValue(since) is { } from) body["since"] = Instant(from);
            if (parsed.GetValue(until) is { } to) body["until"] = Instant(to);
            if (parsed.GetValue(before) is { } next) body["before"] = next;
            using var api = await shared.ConnectAsync(parsed, cancellationToken);
            var answer = await api.PostAsync("sessions/search", body, "recorded operations", cancellationToken);
            var renderer = shared.Renderer(parsed);
            renderer.WriteList([.. (answer["items"] as JsonArray ?? []).OfType<JsonObject>()], "nothing that is recorded matches", Columns);
            if (answer["complete"] is JsonValue complete && complete.TryGetValue<bool>(out var isComplete) && !isComplete) surroundings.Error.WriteLine("postern: the index is still reading the journal; there may be more");
            if (answer["next"] is JsonValue more && more.TryGetValue<long>(out var rest)) surroundings.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"postern: there is more; go on with `--before {rest}`"));
            return ExitCode.Ok;
        });
        return command;
    }

    private static Option<string?> Text(string name, string description) => new(name) { Description = description, HelpName = "text" };

    private static string Instant(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", CultureInfo.InvariantCulture);
}
