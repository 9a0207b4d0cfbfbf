using System.CommandLine;
using System.Net;
using System.Text.Json.Nodes;
using Postern.Cli.Output;

namespace Postern.Cli.Commands;

/// <summary><c>postern identities</c>: take back what credentials hold, see what was taken back, and undo it.</summary>
internal static class IdentitiesCommand
{
    private static readonly Column[] Columns =
    [
        Column.Of("Of", "of"),
        Column.Of("Subject", "subject"),
        new("Until", item => (bool?)item["block"] == true ? "restored" : (string?)item["until"]),
        Column.Of("At", "at"),
        Column.Of("Source", "source"),
        Column.Of("By", "by"),
        Column.Of("Reason", "reason"),
    ];

    private static readonly Column[] Fields =
    [
        Column.Of("Of", "of"),
        Column.Of("Subject", "subject"),
        Column.Of("Cut", "operations"),
        Column.Of("Holds over", "holds"),
        Column.Of("Grants over", "grants"),
    ];

    public static Command Create(SharedOptions shared) => new("identities", "Take back what credentials hold, list what was taken back, or restore it.")
    {
        Revoke(shared),
        List(shared),
        Restore(shared),
    };

    private static Option<string> Of()
    {
        var of = new Option<string>("--of") { Description = "What the subject is: identity, group, agent, session (sid), token (jti), family, or sessionless (a person's credentials that name no session).", HelpName = "kind", DefaultValueFactory = static _ => "identity" };
        of.AcceptOnlyFromAmong("identity", "group", "agent", "session", "token", "family", "sessionless");
        return of;
    }

    private static Command Revoke(SharedOptions shared)
    {
        var subject = new Argument<string>("subject") { Description = "Written `issuer:value`, for example `corp:4fe2`." };
        var of = Of();
        var block = new Option<bool>("--block") { Description = "Also what will be issued, until it is restored. Without it, whoever signs in anew is let in." };
        var reason = new Option<string?>("--reason") { Description = "Why; recorded.", HelpName = "text" };
        var command = new Command("revoke", "Cut what runs, void what waits and refuse every credential of a subject that was issued until now. Yourself at once; others where a rule says `admin: [identities.revoke]`.") { subject, of, block, reason };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var body = new JsonObject { [parsed.GetRequiredValue(of)] = parsed.GetRequiredValue(subject) };
            if (parsed.GetValue(block)) body["block"] = true;
            if (parsed.GetValue(reason) is { } why) body["reason"] = why;
            using var api = await shared.ConnectAsync(parsed, cancellationToken);
            return Answer(shared, parsed, await api.PostAsync("identities/revoke", body, cancellationToken), parsed.GetRequiredValue(subject));
        });
        return command;
    }

    private static Command List(SharedOptions shared)
    {
        var command = new Command("list", "List what was taken back and is remembered, newest first. A rule says `admin: [identities.read]`.");
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var api = await shared.ConnectAsync(parsed, cancellationToken);
            shared.Renderer(parsed).WriteList(await api.ListAsync("identities/revoked", "what was revoked", cancellationToken), "nothing is revoked", Columns);
            return ExitCode.Ok;
        });
        return command;
    }

    private static Command Restore(SharedOptions shared)
    {
        var subject = new Argument<string>("subject") { Description = "As it was revoked." };
        var of = Of();
        var reason = new Option<string?>("--reason") { Description = "Why; recorded.", HelpName = "text" };
        var command = new Command("restore", "Let credentials count again that were revoked and still live. What was cut stays cut. A token alone is not enough unless others agree: hold `admin: [identities.restore]`.") { subject, of, reason };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var body = new JsonObject { [parsed.GetRequiredValue(of)] = parsed.GetRequiredValue(subject) };
            if (parsed.GetValue(reason) is { } why) body["reason"] = why;
            using var api = await shared.ConnectAsync(parsed, cancellationToken);
            return Answer(shared, parsed, await api.PostAsync("identities/restore", body, cancellationToken), parsed.GetRequiredValue(subject));
        });
        return command;
    }

    private static int Answer(SharedOptions shared, ParseResult parsed, Control.ControlAnswer answer, string subject)
    {
        if (answer.Body is not JsonObject document)
        {
            throw answer.Status switch
            {
                HttpStatusCode.NotFound => new CommandException(ExitCode.NotFound, $"`{subject}` is not yours to revoke or restore, or nothing was revoked"),
                HttpStatusCode.BadRequest => new CommandException(ExitCode.Usage, $"the gateway cannot do that{answer.Detail}"),
                HttpStatusCode.Forbidden => new CommandException(ExitCode.Denied, $"the gateway does not do that for you{answer.Detail}"),
                _ => new CommandException(ExitCode.Failure, $"the gateway answered {(int)answer.Status}{answer.Detail}"),
            };
        }
        if ((string?)document["state"] == "held")
        {
            shared.Renderer(parsed).WriteItem(document, [Column.Of("State", "state"), Column.Of("Answered at", "url")]);
            return ExitCode.Pending;
        }
        shared.Renderer(parsed).WriteItem(document, Fields);
        return ExitCode.Ok;
    }
}
