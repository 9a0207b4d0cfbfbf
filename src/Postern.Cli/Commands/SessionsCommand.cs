using System.CommandLine;
using Postern.Cli.Console;

namespace Postern.Cli.Commands;

/// <summary><c>postern sessions</c>: what was recorded.</summary>
internal static class SessionsCommand
{
    public static Command Create(Surroundings surroundings, SharedOptions shared) => new("sessions", "Recorded sessions: list them, show one, or replay one step by step.")
    {
        SessionsListCommand.Create(surroundings, shared),
        SessionsShowCommand.Create(shared),
        SessionsReplayCommand.Create(surroundings, shared),
    };
}
