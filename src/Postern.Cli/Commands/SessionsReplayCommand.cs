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
        var from = new Option<int>("--from") { Description = "Begin at this step.", HelpName = "number", DefaultValueFactory = _ => 1 };
        var find = new Option<string?>("--find") { Description = "Only steps that hold this text.", HelpName = "text" };
        var byHand = new Option<bool>("--step") { Description = "Show one step at a time: Enter goes on, a number jumps there, q ends." };
        var speed = new Option<double?>("--speed") { Description = "Play so many times as fast as it happened, with at most two seconds between steps.", HelpName = "factor" };
        speed.Validators.Add(result => { if (result.GetValueOrDefault<double?>() is <= 0) result.AddError("expected `--speed` to be greater than 0"); });
        var command = new Command("replay", "Show a session step by step: who, what, why, by whose leave, and what came back.") { session, journal, master, full, from, find, byHand, speed };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var id = parsed.GetRequiredValue(session);
            var steps = await ReadAsync(shared, parsed, parsed.GetValue(journal), id, cancellationToken, parsed.GetValue(master));
            var renderer = shared.Renderer(parsed);
            if (renderer.Format == OutputFormat.Table) await new ReplayPlayer(surroundings, new ReplayText(surroundings, parsed.GetValue(full)), new ReplayPace(parsed.GetValue(from), parsed.GetValue(find), parsed.GetValue(byHand), parsed.GetValue(speed))).PlayAsync(steps, cancellationToken);
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
