using System.CommandLine;
using System.Text.Json.Nodes;
using Postern.Cli.Console;
using Postern.Cli.Output;
using Postern.Core.Recording;

namespace Postern.Cli.Commands;

/// <summary><c>postern connections</c>: the targets behind a gateway.</summary>
internal static class ConnectionsCommand
{
    private static readonly Column[] Columns = [Column.Of("Connection", "name"), Column.Of("Protocol", "protocol"), Column.Of("URL", "url"), Column.Of("Tags", "tags")];

    private static readonly Column[] Wider = [Column.Of("Where", "where"), Column.Of("May", "verbs"), Column.Of("What", "what"), Column.Of("Only", "names")];

    public static Command Create(Surroundings surroundings, SharedOptions shared) => new("connections", "Targets behind the gateway: list, show, add them, see what they offer and what their credentials may do.")
    {
        List(shared),
        ConnectionsToolsCommand.CreateShow(shared),
        ConnectionsToolsCommand.CreateTools(surroundings, shared),
        ConnectionsAddCommand.Create(surroundings),
        Check(surroundings, shared),
    };

    private static Command List(SharedOptions shared)
    {
        var command = new Command("list", "List the targets on which the policy could permit you anything.");
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var api = await shared.ConnectAsync(parsed, cancellationToken);
            shared.Renderer(parsed).WriteList(await api.ListAsync("connections", "connections", cancellationToken), "no connections for you", Columns);
            return ExitCode.Ok;
        });
        return command;
    }

    private static Command Check(Surroundings surroundings, SharedOptions shared)
    {
        var connection = new Argument<string>("connection") { Description = "The connection's name." };
        var command = new Command("check", "Show where the lent credential may do more than the policy could ever give, and what would suffice. Exit 0: nowhere; 9: somewhere.") { connection };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var name = parsed.GetRequiredValue(connection);
            using var api = await shared.ConnectAsync(parsed, cancellationToken);
            if (await api.GetAsync($"connections/{Uri.EscapeDataString(name)}/check", $"the check of connection `{name}`", cancellationToken) is not JsonObject report || report["wider"] is not JsonArray wider)
                throw new CommandException(ExitCode.Failure, "the gateway's answer is not a report");
            var renderer = shared.Renderer(parsed);
            if (renderer.Format == OutputFormat.Table) Write(surroundings, renderer, report, wider);
            else renderer.WriteItem(report);
            return wider.Count == 0 ? ExitCode.Ok : ExitCode.PolicyCheckFailed;
        });
        return command;
    }

    private static void Write(Surroundings surroundings, Renderer renderer, JsonObject report, JsonArray wider)
    {
        renderer.WriteList([.. wider.OfType<JsonObject>()], "the credential may do nothing that the policy could not give", Wider);
        if ((bool?)report["complete"] != true) surroundings.Error.WriteLine("the target says that its answer may leave rights out");
        foreach (var note in report["notes"] as JsonArray ?? []) surroundings.Error.WriteLine("note: " + VisibleText.OfLine((string?)note ?? ""));
        surroundings.Out.WriteLine("\n# This would suffice:\n" + VisibleText.OfLines((string?)report["sufficient"] ?? ""));
    }
}
