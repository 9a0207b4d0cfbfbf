using System.CommandLine;
using System.Text.Json.Nodes;
using Postern.Cli.Console;
using Postern.Cli.Output;
using Postern.Cli.Setup;
using Postern.Gateway.Connections;
using Postern.Protocols;

namespace Postern.Cli.Commands;

/// <summary><c>postern connections tools</c> and <c>show</c>: what a target offers, and what of it one may use.</summary>
internal static class ConnectionsToolsCommand
{
    private static readonly Column[] Tools =
    [
        Column.Of("Tool", "name"),
        new("You may", item => (string?)item["may"] switch { "always" => "yes", "sometimes" => "with some arguments, or once people agree", "never" => "no", _ => null }),
        Column.Of("State", "state"),
    ];

    private static readonly Column[] Claimed = [Column.Of("Tool", "name"), Column.Of("It seems to", "effect"), Column.Of("Why", "why")];

    private static readonly Column[] Fields = [Column.Of("Connection", "name"), Column.Of("Protocol", "protocol"), Column.Of("URL", "url"), Column.Of("Tags", "tags"), Column.Of("Tools", "tools")];

    public static Command CreateTools(Surroundings surroundings, SharedOptions shared)
    {
        var connection = new Argument<string>("connection") { Description = "The connection's name." };
        var configuration = new Option<string?>("--config") { Description = "Ask the target itself, as this configuration says, and no gateway: for those who set it up.", HelpName = "postern.yaml" };
        var command = new Command("tools", "Show what an MCP server offers and what of it you may call; with --config, what it says of itself.") { connection, configuration };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var name = parsed.GetRequiredValue(connection);
            if (parsed.GetValue(configuration) is { } file) return await AskTargetAsync(surroundings, shared.Renderer(parsed), file, name, cancellationToken);
            using var api = await shared.ConnectAsync(parsed, cancellationToken);
            shared.Renderer(parsed).WriteList(await ToolsAsync(api, name, cancellationToken), "nothing there is for you", Tools);
            return ExitCode.Ok;
        });
        return command;
    }

    public static Command CreateShow(SharedOptions shared)
    {
        var connection = new Argument<string>("connection") { Description = "The connection's name." };
        var command = new Command("show", "Show one target: where to reach it through the gateway, and what you may call there.") { connection };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var name = parsed.GetRequiredValue(connection);
            using var api = await shared.ConnectAsync(parsed, cancellationToken);
            var all = await api.ListAsync("connections", "connections", cancellationToken);
            var one = all.FirstOrDefault(item => (string?)item["name"] == name)?.DeepClone() as JsonObject
                ?? throw new CommandException(ExitCode.NotFound, $"connection `{name}` does not exist, or is not yours to see{Core.Yaml.NearestWord.Hint(name, all.Select(item => (string?)item["name"] ?? ""))}");
            if ((string?)one["protocol"] == "mcp") one["tools"] = new JsonArray([.. (await ToolsAsync(api, name, cancellationToken)).Where(tool => (string?)tool["may"] != "never").Select(tool => (JsonNode?)(string?)tool["name"])]);
            shared.Renderer(parsed).WriteItem(one, Fields);
            return ExitCode.Ok;
        });
        return command;
    }

    private static Task<IReadOnlyList<JsonObject>> ToolsAsync(Control.ControlApi api, string name, CancellationToken cancellationToken) =>
        api.ListAsync($"connections/{Uri.EscapeDataString(name)}/tools", $"connection `{name}`", cancellationToken);

    private static async Task<int> AskTargetAsync(Surroundings surroundings, Renderer renderer, string file, string name, CancellationToken cancellationToken)
    {
        var (options, _) = PolicyCommand.Read(surroundings, file, []);
        var connection = options.Connections.FirstOrDefault(one => one.Name == name)
            ?? throw new CommandException(ExitCode.NotFound, $"there is no connection `{name}` in `{file}`{Core.Yaml.NearestWord.Hint(name, options.Connections.Select(one => one.Name))}");
        if (connection.Protocol != "mcp") throw new CommandException(ExitCode.Usage, $"a target that speaks `{connection.Protocol}` has no list of tools; `postern doctor` says whether it answers");
        await using var workbench = await TargetWorkbench.OpenAsync(options, surroundings.Clock, cancellationToken);
        var answer = (await workbench.AskAsync(name, cancellationToken))!;
        if (answer.State != TargetState.Good) throw new CommandException(ExitCode.Unreachable, $"`{name}`: {answer.Text}; {TargetAdvice.For(connection, answer)}");
        renderer.WriteList(
        [
            .. answer.Tools.Select(ToolClaims.Of).Select(claims => new JsonObject
            {
                ["name"] = claims.Name, ["effect"] = claims.Effect switch { ToolEffect.Reads => "read", ToolEffect.Changes => "change", _ => "unclear" }, ["why"] = claims.Why,
            }),
        ], "it offers no tools", Claimed);
        return ExitCode.Ok;
    }
}
