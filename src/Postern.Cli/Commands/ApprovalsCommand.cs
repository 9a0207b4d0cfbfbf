using System.CommandLine;
using Postern.Cli.Console;

namespace Postern.Cli.Commands;

/// <summary><c>postern approvals</c>: what waits for people. Answering needs a fresh sign-in in a browser, so it happens there.</summary>
internal static class ApprovalsCommand
{
    public static Command Create(Surroundings surroundings, SharedOptions shared) => new("approvals", "Operations that wait for people: list them, or show one.")
    {
        ApprovalsListCommand.Create(shared),
        ApprovalsShowCommand.Create(surroundings, shared),
    };
}
