using System.CommandLine;
using Postern.Cli.Console;
using Postern.Cli.SignIn;

namespace Postern.Cli.Commands;

/// <summary><c>postern logout</c>: forgets the sign-in for a gateway.</summary>
internal static class LogoutCommand
{
    public static Command Create(Surroundings surroundings, SharedOptions shared)
    {
        var command = new Command("logout", "Forget the sign-in for a gateway.");
        command.SetAction(parsed =>
        {
            var gateway = shared.Gateway(parsed);
            var existed = new SignInStore(XdgFolders.State(surroundings)).Forget(gateway);
            surroundings.Error.WriteLine(existed ? $"signed out of {SignInStore.Name(gateway)}" : $"nobody was signed in at {SignInStore.Name(gateway)}");
            return ExitCode.Ok;
        });
        return command;
    }
}
