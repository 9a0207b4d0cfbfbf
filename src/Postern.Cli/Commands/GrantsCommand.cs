using System.CommandLine;
using System.Text.Json.Nodes;
using Postern.Cli.Output;

namespace Postern.Cli.Commands;

/// <summary><c>postern grants</c>: access that was given for a time.</summary>
internal static class GrantsCommand
{
    /// <summary>One grant, in full.</summary>
    public static readonly Column[] Fields =
    [
        Column.Of("Grant", "id"),
        Column.Of("State", "state"),
        Column.Of("Request", "request"),
        Column.Of("Whose", "holder"),
        Column.Of("Agent", "agent"),
        Column.Of("For", "for"),
        Column.Of("Reason", "reason"),
        new("Permits", item => item["permits"]?.ToJsonString()),
        Column.Of("Asked", "askedAt"),
        Column.Of("Given", "givenAt"),
        Column.Of("Ends", "endsAt"),
        new("Agreed", item => item["approvers"] is JsonArray { Count: > 0 } people ? string.Join(", ", people) : null),
        Column.Of("Over", "closedAt"),
        Column.Of("By", "closedBy"),
        Column.Of("Because", "closedBecause"),
        Column.Of("Page", "url"),
        new("Answered at", item => (string?)item["state"] == "asked" ? (string?)item["approvalUrl"] : null),
    ];

    private static readonly Column[] Columns =
    [
        Column.Of("Grant", "id"),
        Column.Of("State", "state"),
        Column.Of("Request", "request"),
        Column.Of("Whose", "holder"),
        Column.Of("Agent", "agent"),
        Column.Of("Ends", "endsAt"),
    ];

    public static Command Create(SharedOptions shared) => new("grants", "Access given for a time: list it, show one grant, or take one back.")
    {
        List(shared),
        Show(shared),
        Revoke(shared),
    };

    /// <summary>Where a grant stands, for scripts.</summary>
    public static int ExitCodeOf(string? state) => state switch
    {
        "asked" => ExitCode.Pending,
        "active" => ExitCode.Ok,
        "not_given" or "ended" or "revoked" => ExitCode.RejectedOrExpired,
        _ => ExitCode.Failure,
    };

    private static Command List(SharedOptions shared)
    {
        var command = new Command("list", "List your grants, and those that you could have agreed to, newest first.");
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var api = await shared.ConnectAsync(parsed, cancellationToken);
            shared.Renderer(parsed).WriteList(await api.ListAsync("grants", "grants", cancellationToken), "no grants yet; ask with `postern request`", Columns);
            return ExitCode.Ok;
        });
        return command;
    }

    private static Command Show(SharedOptions shared)
    {
        var id = new Argument<string>("grant") { Description = "The grant's id." };
        var command = new Command("show", "Show one grant. Exit 0: in force; 5: people are asked; 6: over, or not given.") { id };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var name = parsed.GetRequiredValue(id);
            using var api = await shared.ConnectAsync(parsed, cancellationToken);
            if (await api.GetAsync($"grants/{Uri.EscapeDataString(name)}", $"grant `{name}`", cancellationToken) is not JsonObject grant) throw new CommandException(ExitCode.Failure, "the gateway's answer is not a grant");
            shared.Renderer(parsed).WriteItem(grant, Fields);
            return ExitCodeOf((string?)grant["state"]);
        });
        return command;
    }

    private static Command Revoke(SharedOptions shared)
    {
        var id = new Argument<string>("grant") { Description = "The grant's id." };
        var reason = new Option<string?>("--reason") { Description = "Why; recorded.", HelpName = "text" };
        var command = new Command("revoke", "Take a grant back: what runs on it is cut. Your own at once; somebody else's on its page, after signing in there.") { id, reason };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var name = parsed.GetRequiredValue(id);
            using var api = await shared.ConnectAsync(parsed, cancellationToken);
            var body = new JsonObject { ["reason"] = parsed.GetValue(reason) ?? "" };
            if (await api.PostAsync($"grants/{Uri.EscapeDataString(name)}/revoke", body, $"grant `{name}`", cancellationToken) is not JsonObject grant) throw new CommandException(ExitCode.Failure, "the gateway's answer is not a grant");
            shared.Renderer(parsed).WriteItem(grant, Fields);
            return ExitCode.Ok;
        });
        return command;
    }
}
