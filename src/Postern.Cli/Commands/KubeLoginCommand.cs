using System.CommandLine;
using Postern.Cli.Console;
using Postern.Cli.Kubernetes;
using Postern.Cli.SignIn;

namespace Postern.Cli.Commands;

/// <summary><c>postern kube login</c>: signs in where needed and writes a context for kubectl.</summary>
internal static class KubeLoginCommand
{
    public static Command Create(Surroundings surroundings, SharedOptions shared)
    {
        var connection = new Argument<string>("connection") { Description = "The cluster, by the name of its connection." };
        var context = new Option<string?>("--context") { Description = "The context's name; `postern-` and the connection's otherwise.", HelpName = "name" };
        var kubeconfig = new Option<string?>("--kubeconfig") { Description = "The file to write; what kubectl itself would use otherwise.", HelpName = "file" };
        var keep = new Option<bool>("--keep-current") { Description = "Do not make the new context the current one." };
        var device = new Option<bool>("--device") { Description = "Sign in on another device; for machines without a browser." };
        var command = new Command("login", "Write a kubectl context for a cluster behind the gateway, and sign in where nobody is.") { connection, context, kubeconfig, keep, device };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var gateway = shared.Gateway(parsed);
            var name = parsed.GetRequiredValue(connection);
            var listener = await KubeListener.AskAsync(gateway, cancellationToken);
            if (!listener.Connections.Contains(name)) throw new CommandException(ExitCode.NotFound, $"the gateway has no cluster `{name}`; it has {(listener.Connections.Count == 0 ? "none" : string.Join(", ", listener.Connections.Select(known => $"`{known}`")))}");
            using var oauth = new OAuthClient();
            var flow = new LoginFlow(SignInStore.Of(surroundings), oauth, surroundings.Clock);
            try
            {
                if (await flow.TokenAsync(gateway, cancellationToken) is null)
                {
                    // Nobody would see the page or the code: a script must not wait for a person who is not there.
                    if (!surroundings.IsErrorTerminal) throw new CommandException(ExitCode.LoginNeeded, $"nobody is signed in at `{gateway}`, and there is no terminal to sign in from; run `postern login` first");
                    await flow.RunAsync(new LoginRequest { Gateway = gateway, ClientId = SignInChoice.ClientId(surroundings), UseDevice = parsed.GetValue(device), PrefersDevice = SignInChoice.IsElsewhere(surroundings) }, new LoginPrompt(surroundings.Error.WriteLine, page => Browser.TryOpen(page, surroundings)), cancellationToken);
                }
            }
            catch (SignInException e)
            {
                throw new CommandException(ExitCode.LoginNeeded, e.Message);
            }
            var written = parsed.GetValue(context) ?? $"postern-{name}";
            await new KubeConfig(parsed.GetValue(kubeconfig)).WriteAsync(written, gateway, name, listener, makeCurrent: !parsed.GetValue(keep), cancellationToken);
            surroundings.Error.WriteLine($"context `{written}` written; try `kubectl --context {written} get pods`");
            return ExitCode.Ok;
        });
        return command;
    }
}
