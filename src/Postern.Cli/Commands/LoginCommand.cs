using System.CommandLine;
using Postern.Cli.Console;
using Postern.Cli.SignIn;

namespace Postern.Cli.Commands;

/// <summary><c>postern login</c>: signs a person in at the gateway's issuer.</summary>
internal static class LoginCommand
{
    public static Command Create(Surroundings surroundings, SharedOptions shared)
    {
        var device = new Option<bool>("--device") { Description = "Sign in on another device. Done by itself where there is no display, and over SSH, if the issuer offers it." };
        var browser = new Option<bool>("--browser") { Description = "Sign in in a browser on this machine, even where none seems to be." };
        var keep = new Option<string?>("--keep") { Description = "Where the tokens are kept: file (readable by you alone) or keychain. Also POSTERN_KEEP; file otherwise.", HelpName = "place" };
        keep.AcceptOnlyFromAmong("file", "keychain");
        var issuer = new Option<string?>("--issuer") { Description = "The issuer's URL, where the gateway trusts several.", HelpName = "url" };
        var client = new Option<string>("--client-id") { Description = "The client to sign in as. Also POSTERN_CLIENT_ID; postern-cli otherwise.", HelpName = "id", DefaultValueFactory = _ => SignInChoice.ClientId(surroundings) };
        var scope = new Option<string?>("--scope") { Description = "The scope that stands for the gateway's API, at providers that know no `resource`, such as Entra.", HelpName = "scopes" };
        var command = new Command("login", "Sign in. The token reads your own records; approving always asks for a fresh sign-in in a browser.") { device, browser, keep, issuer, client, scope };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            if (parsed.GetValue(device) && parsed.GetValue(browser)) throw new CommandException(ExitCode.Usage, "`--device` and `--browser` are two ways to sign in; choose one");
            using var oauth = new OAuthClient();
            try
            {
                var request = new LoginRequest
                {
                    Gateway = shared.Gateway(parsed),
                    ClientId = parsed.GetRequiredValue(client),
                    Issuer = parsed.GetValue(issuer),
                    Scope = parsed.GetValue(scope),
                    UseDevice = parsed.GetValue(device),
                    PrefersDevice = !parsed.GetValue(browser) && SignInChoice.IsElsewhere(surroundings),
                    InKeychain = SignInChoice.UsesKeychain(parsed.GetValue(keep), surroundings),
                };
                var signIn = await new LoginFlow(SignInStore.Of(surroundings), oauth, surroundings.Clock)
                    .RunAsync(request, new LoginPrompt(surroundings.Error.WriteLine, page => Browser.TryOpen(page, surroundings)), cancellationToken);
                surroundings.Error.WriteLine($"signed in at {signIn.Gateway}; `postern whoami` shows as whom");
                return ExitCode.Ok;
            }
            catch (SignInException e)
            {
                throw new CommandException(ExitCode.LoginNeeded, e.Message);
            }
        });
        return command;
    }
}
