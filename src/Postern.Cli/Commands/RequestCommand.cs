using System.CommandLine;
using System.Text.Json.Nodes;
using Postern.Cli.Output;

namespace Postern.Cli.Commands;

/// <summary><c>postern request</c>: asks people for access for a time, or says what may be asked for.</summary>
internal static class RequestCommand
{
    private static readonly Column[] Entries =
    [
        Column.Of("Request", "id"),
        Column.Of("Usually", "default"),
        Column.Of("At most", "max"),
        new("Asks", item => (bool?)item["breakGlass"] == true ? "nobody (break-glass)" : People(item)),
        new("Permits", item => item["permits"]?.ToJsonString()),
    ];

    public static Command Create(SharedOptions shared)
    {
        var entry = new Argument<string?>("request") { Description = "What to ask for; without it, what may be asked for is listed.", Arity = ArgumentArity.ZeroOrOne };
        var length = new Option<string?>("--for") { Description = "How long, such as 30m or 1h30m; the policy says how long usually and at most.", HelpName = "duration" };
        var reason = new Option<string?>("--reason") { Description = "Why; people read it before they answer.", HelpName = "text" };
        var agent = new Option<string?>("--agent") { Description = "The client that will use it, by its name at the issuer; otherwise the one that this command signs in as.", HelpName = "client" };
        var command = new Command("request", "Ask for access for a time. Exit 5: people are asked; 0: given already, or listed.") { entry, length, reason, agent };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var api = await shared.ConnectAsync(parsed, cancellationToken);
            if (parsed.GetValue(entry) is not { } name)
            {
                shared.Renderer(parsed).WriteList(await api.ListAsync("requests", "requests", cancellationToken), "the policy lets you ask for nothing beyond what you have", Entries);
                return ExitCode.Ok;
            }
            if (parsed.GetValue(reason) is not { } why) throw new CommandException(ExitCode.Usage, "expected `--reason`: people read it before they answer");
            var body = new JsonObject { ["reason"] = why };
            if (parsed.GetValue(length) is { } lasting) body["for"] = lasting;
            if (parsed.GetValue(agent) is { } client) body["agent"] = client;
            if (await api.PostAsync($"requests/{Uri.EscapeDataString(name)}", body, $"request `{name}`", cancellationToken) is not JsonObject grant) throw new CommandException(ExitCode.Failure, "the gateway's answer is not a grant");
            shared.Renderer(parsed).WriteItem(grant, GrantsCommand.Fields);
            return GrantsCommand.ExitCodeOf((string?)grant["state"]);
        });
        return command;
    }

    private static string People(JsonObject item) => string.Join("; ", (item["needs"] as JsonArray ?? []).OfType<JsonObject>().Select(
        need => $"{need["count"]} of {string.Join(", ", (need["groups"] as JsonArray ?? []).Concat(need["users"] as JsonArray ?? []))}"));
}
