using System.CommandLine;
using System.Net;
using System.Text.Json.Nodes;
using Postern.Cli.Output;

namespace Postern.Cli.Commands;

/// <summary><c>postern sessions erase|hold|release|held</c>: destroy what was said in a session, forbid it, allow it again, list what is held.</summary>
internal static class SessionsKeepCommands
{
    private static readonly Column[] Holds =
    [
        Column.Of("Session", "session"),
        Column.Of("Since", "at"),
        Column.Of("By", "by"),
        Column.Of("Reason", "reason"),
    ];

    private static readonly Column[] Fields =
    [
        Column.Of("Session", "session"),
        Column.Of("State", "state"),
        Column.Of("At", "at"),
        Column.Of("Operations", "operations"),
        Column.Of("Answered at", "url"),
    ];

    public static IEnumerable<Command> Create(SharedOptions shared)
    {
        yield return Act(shared, "erase", "Destroy what was said in a session, for good: its keys. Who did what, and what came of it, stays, and the journal verifies. A rule says `admin: [sessions.erase]`, and a token alone is not enough unless others agree.");
        yield return Act(shared, "hold", "Forbid to erase a session, whoever wants it and however old it is. A rule says `admin: [sessions.hold]`.");
        yield return Act(shared, "release", "Take a hold back. A rule says `admin: [sessions.release]`, and a token alone is not enough unless others agree.");
        yield return Held(shared);
    }

    private static Command Act(SharedOptions shared, string name, string description)
    {
        var session = new Argument<string>("session") { Description = "The session's id." };
        var reason = new Option<string>("--reason") { Description = "Why; it stays in the record.", HelpName = "text", Required = true };
        var command = new Command(name, description) { session, reason };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var id = parsed.GetRequiredValue(session);
            using var api = await shared.ConnectAsync(parsed, cancellationToken);
            var answer = await api.PostAsync($"sessions/{Uri.EscapeDataString(id)}/{name}", new JsonObject { ["reason"] = parsed.GetRequiredValue(reason) }, cancellationToken);
            if (answer.Body is not JsonObject document)
            {
                throw answer.Status switch
                {
                    HttpStatusCode.NotFound => new CommandException(ExitCode.NotFound, $"there is no session `{id}` that you may {name}"),
                    HttpStatusCode.BadRequest => new CommandException(ExitCode.Usage, $"the gateway cannot do that{answer.Detail}"),
                    HttpStatusCode.Forbidden => new CommandException(ExitCode.Denied, $"the gateway does not do that for you{answer.Detail}"),
                    _ => new CommandException(ExitCode.Failure, $"the gateway answered {(int)answer.Status}{answer.Detail}"),
                };
            }
            shared.Renderer(parsed).WriteItem(document, Fields);
            return (string?)document["state"] == "held" && document["url"] is not null ? ExitCode.Pending : ExitCode.Ok;
        });
        return command;
    }

    private static Command Held(SharedOptions shared)
    {
        var command = new Command("held", "List the sessions that may not be erased. A rule says `admin: [sessions.hold]`.");
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var api = await shared.ConnectAsync(parsed, cancellationToken);
            shared.Renderer(parsed).WriteList(await api.ListAsync("legal-holds", "what is held", cancellationToken), "nothing is held", Holds);
            return ExitCode.Ok;
        });
        return command;
    }
}
