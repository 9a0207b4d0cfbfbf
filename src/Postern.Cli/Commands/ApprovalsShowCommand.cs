using System.CommandLine;
using System.Text.Json.Nodes;
using Postern.Cli.Console;
using Postern.Cli.Output;
using Postern.Core.Recording;

namespace Postern.Cli.Commands;

/// <summary><c>postern approvals show</c>: one approval with the exact request; its exit code says where it stands.</summary>
internal static class ApprovalsShowCommand
{
    private static readonly Column[] Fields =
    [
        Column.Of("Approval", "id"),
        Column.Of("State", "state"),
        Column.Of("Who", "requester"),
        Column.Of("Agent", "agent"),
        Column.Of("Wants", "summary"),
        Column.Of("On", "connection"),
        Column.Of("Target", "target"),
        Column.Of("Rule", "rule"),
        Column.Of("Because", "reason"),
        Column.Of("Risk", "risk"),
        Column.Of("Asked", "openedAt"),
        Column.Of("Answer by", "expiresAt"),
        Column.Of("Use by", "usableUntil"),
        new("Answers", item => item["answers"] is JsonArray { Count: > 0 } answers ? string.Join("; ", answers.Select(answer => $"{answer!["answer"]} by {answer["by"]} {answer["reason"]}".TrimEnd())) : null),
        Column.Of("Page", "url"),
    ];

    public static Command Create(Surroundings surroundings, SharedOptions shared)
    {
        var id = new Argument<string>("approval") { Description = "The approval's id." };
        var command = new Command("show", "Show one approval. Exit 0: approved or used; 5: waiting; 6: denied or expired.") { id };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var name = parsed.GetRequiredValue(id);
            using var api = await shared.ConnectAsync(parsed, cancellationToken);
            if (await api.GetAsync($"approvals/{Uri.EscapeDataString(name)}", $"approval `{name}`", cancellationToken) is not JsonObject hold) throw new CommandException(ExitCode.Failure, "the gateway's answer is not an approval");
            var renderer = shared.Renderer(parsed);
            renderer.WriteItem(hold, Fields);
            if (renderer.Format == OutputFormat.Table && (string?)hold["request"] is { } request) surroundings.Out.WriteLine("\n" + VisibleText.OfLines(request));
            if (renderer.Format == OutputFormat.Table && (string?)hold["foreseen"] is { } foreseen) surroundings.Out.WriteLine("\n" + VisibleText.OfLines(foreseen));
            return ExitCodeOf((string?)hold["state"]);
        });
        return command;
    }

    private static int ExitCodeOf(string? state) => state switch
    {
        "open" => ExitCode.Pending,
        "denied" or "expired" => ExitCode.RejectedOrExpired,
        "approved" or "consumed" => ExitCode.Ok,
        _ => ExitCode.Failure,
    };
}
