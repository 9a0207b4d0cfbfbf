using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Postern.Cli.Console;

namespace Postern.Cli.Commands;

/// <summary><c>postern sessions end</c>: cuts what a session runs.</summary>
internal static class SessionsEndCommand
{
    public static Command Create(Surroundings surroundings, SharedOptions shared)
    {
        var session = new Argument<string>("session") { Description = "The session's id." };
        var reason = new Option<string?>("--reason") { Description = "Why, for the record.", HelpName = "text" };
        var command = new Command("end", "End a session: what of it runs or waits for people is cut, and what comes next begins another. Your own, or anybody's where the policy names you for `sessions.end`.") { session, reason };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var id = parsed.GetRequiredValue(session);
            using var api = await shared.ConnectAsync(parsed, cancellationToken);
            var body = new JsonObject();
            if (parsed.GetValue(reason) is { } why) body["reason"] = why;
            var answer = await api.PostAsync($"sessions/{Uri.EscapeDataString(id)}/end", body, $"session `{id}`", cancellationToken);
            var cut = answer["ended"] is JsonValue value && value.TryGetValue<int>(out var count) ? count : throw new CommandException(ExitCode.Failure, "the gateway's answer has no readable `ended`; it may be of another version than this executable");
            surroundings.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"session {id} is over; {cut} {(cut == 1 ? "operation was" : "operations were")} cut. To keep them out: `postern identities revoke`"));
            return ExitCode.Ok;
        });
        return command;
    }
}
