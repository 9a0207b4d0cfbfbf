using System.CommandLine;
using Postern.Cli.Console;
using Postern.Cli.SignIn;

namespace Postern.Cli.Commands;

/// <summary><c>postern logout</c>: takes the sign-in for a gateway back and forgets it.</summary>
internal static class LogoutCommand
{
    public static Command Create(Surroundings surroundings, SharedOptions shared)
    {
        var command = new Command("logout", "Sign out: take the tokens back at the issuer, where it can, and forget them.");
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var gateway = shared.Gateway(parsed);
            using var oauth = new OAuthClient();
            var left = await new LoginFlow(SignInStore.Of(surroundings), oauth, surroundings.Clock).LogOutAsync(gateway, cancellationToken);
            surroundings.Error.WriteLine(left switch
            {
                null => $"nobody was signed in at {SignInStore.Name(gateway)}",
                "" => $"signed out of {SignInStore.Name(gateway)}",
                _ => $"signed out of {SignInStore.Name(gateway)} on this machine; {left}",
            });
            return ExitCode.Ok;
        });
        return command;
    }
}
