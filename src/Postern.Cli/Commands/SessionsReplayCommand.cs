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
        var source = new SessionSource();
        var full = new Option<bool>("--full") { Description = "Show contents whole." };
        var from = new Option<int>("--from") { Description = "Begin at this step.", HelpName = "number", DefaultValueFactory = _ => 1 };
        var find = new Option<string?>("--find") { Description = "Only steps that hold this text.", HelpName = "text" };
        var byHand = new Option<bool>("--step") { Description = "Show one step at a time: Enter goes on, a number jumps there, q ends." };
        var speed = new Option<double?>("--speed") { Description = "Play so many times as fast as it happened, with at most two seconds between steps.", HelpName = "factor" };
        speed.Validators.Add(result => { if (result.GetValueOrDefault<double?>() is <= 0) result.AddError("expected `--speed` to be greater than 0"); });
        var command = new Command("replay", "Show a session step by step: who, what, why, by whose leave, what came back, and what today's policy would say.") { session, full, from, find, byHand, speed };
        source.AddTo(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var id = parsed.GetRequiredValue(session);
            var steps = await source.ReadAsync(surroundings, shared, parsed, id, cancellationToken);
            var renderer = shared.Renderer(parsed);
            if (renderer.Format == OutputFormat.Table) await new ReplayPlayer(surroundings, new ReplayText(surroundings, parsed.GetValue(full)), new ReplayPace(parsed.GetValue(from), parsed.GetValue(find), parsed.GetValue(byHand), parsed.GetValue(speed))).PlayAsync(steps, cancellationToken);
            else renderer.WriteList([.. steps.Select(ReplayJson.Of)], "");
            return ExitCode.Ok;
        });
        return command;
    }
}
