using System.CommandLine;
using Postern.Cli.Console;

namespace Postern.Cli.Commands;

/// <summary><c>postern sessions</c>: what was recorded.</summary>
internal static class SessionsCommand
{
    public static Command Create(Surroundings surroundings, SharedOptions shared) => new("sessions", "Recorded sessions: list them, show one, replay one step by step, or export it.")
    {
        SessionsListCommand.Create(surroundings, shared),
        SessionsShowCommand.Create(shared),
        SessionsReplayCommand.Create(surroundings, shared),
        SessionsExportCommand.Create(surroundings, shared),
    };
}
