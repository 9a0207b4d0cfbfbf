using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Postern.Cli.Console;
using Postern.Cli.Output;
using Postern.Cli.Replay;

namespace Postern.Cli.Commands;

/// <summary><c>postern sessions show</c>: the operations of a session, one line each.</summary>
internal static class SessionsShowCommand
{
    private static readonly Column[] Columns =
    [
        new("At", item => (string?)item["at"] is { Length: > 19 } at ? at[11..19] : null),
        Column.Of("Decision", "id"),
        Column.Of("Asked", "summary"),
        Column.Of("Verdict", "decision"),
        Column.Of("Rule", "rule"),
        Column.Of("Outcome", "outcome"),
        Column.Of("Masked", "maskedValues"),
    ];

    public static Command Create(Surroundings surroundings, SharedOptions shared)
    {
        var session = new Argument<string>("session") { Description = "The session's id." };
        var journal = new Option<string?>("--journal") { Description = "Read this journal folder instead of asking a gateway.", HelpName = "folder" };
        var command = new Command("show", "Show the operations of a session; `replay` shows what was said.") { session, journal };
        var source = new KeySource();
        source.AddTo(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var id = parsed.GetRequiredValue(session);
            var operations = parsed.GetValue(journal) is { } folder
                ? FromJournal(surroundings, source, parsed, folder, id)
                : await FromGatewayAsync(shared, parsed, id, cancellationToken);
            shared.Renderer(parsed).WriteList(operations, "the session holds no operations", Columns);
            return ExitCode.Ok;
        });
        return command;
    }

    private static List<JsonObject> FromJournal(Surroundings surroundings, KeySource source, ParseResult parsed, string folder, string session)
    {
        using var keys = source.Open(surroundings, parsed, JournalSessions.FolderOf(folder));
        return [.. SessionSource.FromJournal(folder, session, keys).Select(Item)];
    }

    private static async Task<IReadOnlyList<JsonObject>> FromGatewayAsync(SharedOptions shared, ParseResult parsed, string session, CancellationToken cancellationToken)
    {
        using var api = await shared.ConnectAsync(parsed, cancellationToken);
        return await ApiSessions.OperationsAsync(api, session, cancellationToken);
    }

    private static JsonObject Item(ReplayStep step) => new()
    {
        ["id"] = step.Operation,
        ["at"] = step.At.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture),
        ["summary"] = string.Join("; ", step.Asked),
        ["decision"] = step.Decision.Kind,
        ["rule"] = step.Decision.Rules is [var rule, ..] ? rule.Label : null,
        ["outcome"] = step.Ending?.Outcome,
        ["maskedValues"] = step.Frames.Sum(frame => frame.MaskedValues ?? 0),
    };
}
