using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Postern.Cli.Console;
using Postern.Cli.SignIn;

namespace Postern.Cli.Commands;

/// <summary>
/// <c>postern kube token</c>: what kubectl runs to get a token (client-go credential plugins, <c>client.authentication.k8s.io</c>). It never
/// asks anybody anything: kubectl may have been started by a program.
/// </summary>
internal static class KubeTokenCommand
{
    private const string Older = "client.authentication.k8s.io/v1beta1";
    private const string Newer = "client.authentication.k8s.io/v1";

    public static Command Create(Surroundings surroundings, SharedOptions shared)
    {
        var command = new Command("token", "Print a token in the form that kubectl expects of a credential plugin.");
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var gateway = shared.Gateway(parsed);
            using var oauth = new OAuthClient();
            var store = SignInStore.Of(surroundings);
            string? token;
            try
            {
                token = surroundings.Variable("POSTERN_TOKEN") ?? await new LoginFlow(store, oauth, surroundings.Clock).TokenAsync(gateway, cancellationToken);
            }
            catch (SignInException e)
            {
                throw new CommandException(ExitCode.LoginNeeded, e.Message);
            }
            if (token is null) throw new CommandException(ExitCode.LoginNeeded, $"nobody is signed in at `{gateway}`; run `postern login --gateway {gateway.AbsoluteUri.TrimEnd('/')}`");
            var status = new JsonObject { ["token"] = token };
            if (surroundings.Variable("POSTERN_TOKEN") is null && store.Find(gateway) is { } signIn) status["expirationTimestamp"] = signIn.ExpiresAt.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", System.Globalization.CultureInfo.InvariantCulture);
            surroundings.Out.WriteLine(new JsonObject { ["apiVersion"] = VersionAskedFor(surroundings), ["kind"] = "ExecCredential", ["status"] = status }.ToJsonString());
            return ExitCode.Ok;
        });
        return command;
    }

    // kubectl says in which version it wants the answer.
    private static string VersionAskedFor(Surroundings surroundings)
    {
        if (surroundings.Variable("KUBERNETES_EXEC_INFO") is not { } asked) return Older;
        try
        {
            return JsonNode.Parse(asked) is JsonObject info && (string?)info["apiVersion"] is Newer ? Newer : Older;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return Older;
        }
    }
}
