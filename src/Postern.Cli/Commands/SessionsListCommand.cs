using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Postern.Cli.Console;
using Postern.Cli.Output;
using Postern.Cli.Replay;

namespace Postern.Cli.Commands;

/// <summary><c>postern sessions list</c>: the sessions of a gateway or of a journal folder.</summary>
internal static class SessionsListCommand
{
    private static readonly Column[] Columns =
    [
        Column.Of("Session", "id"),
        Column.Of("Began", "started"),
        Column.Of("Who", "identity"),
        Column.Of("Agent", "agent"),
        Column.Of("Connection", "connection"),
        Column.Of("Operations", "operations"),
    ];

    public static Command Create(Surroundings surroundings, SharedOptions shared)
    {
        var journal = new Option<string?>("--journal") { Description = "Read this journal folder instead of asking a gateway.", HelpName = "folder" };
        var command = new Command("list", "List recorded sessions, newest first.") { journal };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var sessions = parsed.GetValue(journal) is { } folder ? FromJournal(folder) : await FromGatewayAsync(shared, parsed, cancellationToken);
            shared.Renderer(parsed).WriteList(sessions, "no sessions are recorded", Columns);
            return ExitCode.Ok;
        });
        return command;
    }

    private static async Task<IReadOnlyList<JsonObject>> FromGatewayAsync(SharedOptions shared, ParseResult parsed, CancellationToken cancellationToken)
    {
        using var api = await shared.ConnectAsync(parsed, cancellationToken);
        return await api.ListAsync("sessions", "sessions", cancellationToken);
    }

    private static List<JsonObject> FromJournal(string folder) =>
    [
        .. JournalSessions.Read(folder).Steps.GroupBy(step => step.Session).Select(Item).OrderByDescending(item => (string?)item["started"], StringComparer.Ordinal),
    ];

    private static JsonObject Item(IGrouping<string, ReplayStep> session)
    {
        var first = session.First();
        return new JsonObject
        {
            ["id"] = session.Key,
            ["started"] = first.At.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
            ["identity"] = first.Actor.Key,
            ["agent"] = first.Actor.Agent,
            ["connection"] = first.Connection,
            ["operations"] = session.Count(),
        };
    }
}
