using System.CommandLine;
using Postern.Cli.Console;

namespace Postern.Cli.Commands;

/// <summary><c>postern sessions</c>: what was recorded.</summary>
internal static class SessionsCommand
{
    public static Command Create(Surroundings surroundings, SharedOptions shared)
    {
        var command = new Command("sessions", "Recorded sessions: list them, search them, show, watch, end or replay one, export it, or erase what was said in it.")
        {
            SessionsListCommand.Create(surroundings, shared),
            SessionsSearchCommand.Create(surroundings, shared),
            SessionsShowCommand.Create(surroundings, shared),
            SessionsWatchCommand.Create(surroundings, shared),
            SessionsEndCommand.Create(surroundings, shared),
            SessionsReplayCommand.Create(surroundings, shared),
            SessionsExportCommand.Create(surroundings, shared),
        };
        foreach (var keeping in SessionsKeepCommands.Create(shared)) command.Subcommands.Add(keeping);
        return command;
    }
}
