using System.CommandLine;
using Postern.Cli.Output;

namespace Postern.Cli.Commands;

/// <summary><c>postern approvals list</c>: what one asked for, and what one may answer.</summary>
internal static class ApprovalsListCommand
{
    private static readonly Column[] Columns =
    [
        Column.Of("Approval", "id"),
        Column.Of("State", "state"),
        Column.Of("Who", "requester"),
        Column.Of("Wants", "summary"),
        Column.Of("On", "connection"),
        Column.Of("Until", "expiresAt"),
    ];

    public static Command Create(SharedOptions shared)
    {
        var command = new Command("list", "List approvals that you asked for or may answer, newest first.");
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var api = await shared.ConnectAsync(parsed, cancellationToken);
            shared.Renderer(parsed).WriteList(await api.ListAsync("approvals", "approvals", cancellationToken), "no approvals yet", Columns);
            return ExitCode.Ok;
        });
        return command;
    }
}
