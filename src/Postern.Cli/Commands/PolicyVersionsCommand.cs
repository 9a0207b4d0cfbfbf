using System.CommandLine;
using System.Text.Json.Nodes;
using Postern.Cli.Console;
using Postern.Cli.Output;

namespace Postern.Cli.Commands;

/// <summary><c>postern policy history</c>, <c>show</c> and <c>diff</c>: what was in force when, by whom and why.</summary>
internal static class PolicyVersionsCommand
{
    /// <summary>One version, a line per field.</summary>
    public static readonly Column[] Fields =
    [
        Column.Of("Version", "version"),
        Column.Of("Applied", "appliedAt"),
        Column.Of("Author", "author"),
        Column.Of("Reason", "reason"),
        Column.Of("Source", "source"),
        Column.Of("From", "from"),
        Column.Of("Hash", "hash"),
        Column.Of("Decision", "operation"),
    ];

    private static readonly Column[] Columns =
    [
        Column.Of("Version", "version"),
        Column.Of("Applied", "appliedAt"),
        Column.Of("Author", "author"),
        Column.Of("Source", "source"),
        Column.Of("Reason", "reason"),
        new("Hash", item => (string?)item["hash"] is { Length: > 12 } hash ? hash[..12] : null),
    ];

    public static Command CreateHistory(SharedOptions shared)
    {
        var command = new Command("history", "List the versions that were in force, newest first.");
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var api = await shared.ConnectAsync(parsed, cancellationToken);
            shared.Renderer(parsed).WriteList(await api.ListAsync("policy/versions", "the policy's history", cancellationToken), "no version was ever in force", Columns);
            return ExitCode.Ok;
        });
        return command;
    }

    public static Command CreateShow(Surroundings surroundings, SharedOptions shared)
    {
        var version = new Argument<int?>("version") { Description = "The version; the one in force otherwise.", Arity = ArgumentArity.ZeroOrOne };
        var command = new Command("show", "Show a version: who put it in force, why, and what it says.") { version };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var api = await shared.ConnectAsync(parsed, cancellationToken);
            var number = parsed.GetValue(version) ?? (int?)(await api.GetAsync("policy", "the policy in force", cancellationToken))["version"];
            if (await api.GetAsync($"policy/versions/{number}", $"policy version {number}", cancellationToken) is not JsonObject shown) throw new CommandException(ExitCode.Failure, "the gateway's answer is not a policy version");
            var renderer = shared.Renderer(parsed);
            renderer.WriteItem(shown, Fields);
            if (renderer.Format != OutputFormat.Table) return ExitCode.Ok;
            foreach (var (name, text) in shown["files"] as JsonObject ?? []) surroundings.Out.WriteLine($"\n# {Core.Recording.VisibleText.OfLine(name)}\n{Core.Recording.VisibleText.OfLines((string?)text ?? "").TrimEnd('\n')}");
            return ExitCode.Ok;
        });
        return command;
    }

    public static Command CreateDiff(Surroundings surroundings, SharedOptions shared)
    {
        var from = new Argument<int>("from") { Description = "A version." };
        var to = new Argument<int>("to") { Description = "Another one." };
        var command = new Command("diff", "Show what changed from one version to another, in a form that `patch` reads.") { from, to };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var api = await shared.ConnectAsync(parsed, cancellationToken);
            var (left, right) = (parsed.GetRequiredValue(from), parsed.GetRequiredValue(to));
            if (await api.GetAsync($"policy/versions/{left}/diff/{right}", $"policy version {left} or {right}", cancellationToken) is not JsonObject diff) throw new CommandException(ExitCode.Failure, "the gateway's answer is not a difference");
            var renderer = shared.Renderer(parsed);
            if (renderer.Format != OutputFormat.Table) renderer.WriteItem(diff);
            else surroundings.Out.Write(Core.Recording.VisibleText.OfLines((string?)diff["diff"] ?? ""));
            return ExitCode.Ok;
        });
        return command;
    }
}
