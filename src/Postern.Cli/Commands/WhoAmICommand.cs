using System.CommandLine;
using System.Text.Json.Nodes;
using Postern.Cli.Output;

namespace Postern.Cli.Commands;

/// <summary><c>postern whoami</c>: who the gateway takes one for.</summary>
internal static class WhoAmICommand
{
    private static readonly Column[] Fields =
    [
        Column.Of("Identity", "key"),
        Column.Of("Name", "displayName"),
        Column.Of("Kind", "kind"),
        Column.Of("Groups", "groups"),
        Column.Of("Agent", "agent"),
        Column.Of("Until", "expiresAt"),
    ];

    public static Command Create(SharedOptions shared)
    {
        var command = new Command("whoami", "Show who the gateway takes you for.");
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var api = await shared.ConnectAsync(parsed, cancellationToken);
            if (await api.GetAsync("whoami", "your identity", cancellationToken) is not JsonObject identity) throw new CommandException(ExitCode.Failure, "the gateway's answer is not an identity");
            shared.Renderer(parsed).WriteItem(identity, Fields);
            return ExitCode.Ok;
        });
        return command;
    }
}
