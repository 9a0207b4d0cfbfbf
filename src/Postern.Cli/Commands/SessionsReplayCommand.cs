using System.CommandLine;
using Postern.Cli.Console;
using Postern.Cli.Output;
using Postern.Cli.Replay;

namespace Postern.Cli.Commands;

/// <summary><c>postern sessions replay</c>: shows a session step by step, from a gateway or straight from a journal folder.</summary>
internal static class SessionsReplayCommand
{
    public static Command Create(Surroundings surroundings, SharedOptions shared)
    {
        var session = new Argument<string>("session") { Description = "The session's id." };
        var journal = new Option<string?>("--journal") { Description = "Read this journal folder instead of asking a gateway.", HelpName = "folder" };
        var master = new Option<string?>("--master-key") { Description = "A file with the master key, where it is not in that folder.", HelpName = "file" };
        var full = new Option<bool>("--full") { Description = "Show contents whole." };
        var command = new Command("replay", "Show a session step by step: who, what, why, by whose leave, and what came back.") { session, journal, master, full };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var id = parsed.GetRequiredValue(session);
            var steps = await ReadAsync(shared, parsed, parsed.GetValue(journal), id, cancellationToken, parsed.GetValue(master));
            var renderer = shared.Renderer(parsed);
            if (renderer.Format == OutputFormat.Table) new ReplayText(surroundings, parsed.GetValue(full)).Write(steps);
            else renderer.WriteList([.. steps.Select(ReplayJson.Of)], "");
            return ExitCode.Ok;
        });
        return command;
    }

    /// <summary>The steps of one session, from a journal folder where one is given, else from the gateway.</summary>
    /// <exception cref="CommandException">There is no such session.</exception>
    internal static async Task<IReadOnlyList<ReplayStep>> ReadAsync(SharedOptions shared, ParseResult parsed, string? journal, string session, CancellationToken cancellationToken, string? masterKey = null) =>
        journal is null ? await FromGatewayAsync(shared, parsed, session, cancellationToken) : FromJournal(journal, session, masterKey);

    private static async Task<IReadOnlyList<ReplayStep>> FromGatewayAsync(SharedOptions shared, ParseResult parsed, string session, CancellationToken cancellationToken)
    {
        using var api = await shared.ConnectAsync(parsed, cancellationToken);
        return await new ApiSessions(api).ReadAsync(session, cancellationToken);
    }

    /// <summary>The steps of one session, from a journal folder.</summary>
    /// <exception cref="CommandException">The journal holds no such session.</exception>
    internal static List<ReplayStep> FromJournal(string folder, string session, string? masterKey = null)
    {
        var steps = JournalSessions.Read(folder, masterKey).Steps.Where(step => step.Session == session).ToList();
        if (steps.Count == 0) throw new CommandException(ExitCode.NotFound, $"the journal `{folder}` holds no session `{session}`; `postern sessions list --journal {folder}` shows what it holds");
        return steps;
    }
}
