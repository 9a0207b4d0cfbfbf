using System.CommandLine;
using Postern.Cli.Console;
using Postern.Core.Recording;
using Postern.Gateway.Recordings.Keys;

namespace Postern.Cli.Commands;

/// <summary><c>postern journal</c>: what the operator of a gateway does to its journal, on the machine where it lies.</summary>
internal static class JournalCommand
{
    public static Command Create(Surroundings surroundings, SharedOptions shared) => new("journal", "The gateway's own journal, on the machine where it lies.") { ReplaceKey(surroundings), ReplaceMasterKey(surroundings), JournalFetchCommand.Fetch(surroundings), JournalFetchCommand.Checkpoints(surroundings), JournalEventsCommand.Create(shared) };

    private static Command ReplaceMasterKey(Surroundings surroundings)
    {
        var folder = new Argument<string>("data") { Description = "The gateway's data folder.", HelpName = "folder" };
        var command = new Command("replace-master-key", "Make a new master key: at the next start the keys of all sessions are wrapped by it, and the one before is deleted.") { folder };
        command.SetAction((parsed, _) =>
        {
            try
            {
                surroundings.Out.WriteLine(RecordedKeys.ReplaceMaster(parsed.GetRequiredValue(folder)));
                surroundings.Error.WriteLine("the next start wraps the keys of all sessions anew and deletes the master key before; backups of that one still open backups of what it wrapped");
                return Task.FromResult(ExitCode.Ok);
            }
            catch (RecordingException refused)
            {
                throw new CommandException(ExitCode.Failure, refused.Message);
            }
        });
        return command;
    }

    private static Command ReplaceKey(Surroundings surroundings)
    {
        var folder = new Argument<string>("data") { Description = "The gateway's data folder.", HelpName = "folder" };
        var command = new Command("replace-key", "Make a new signing key, for which the one before vouches: at once beside a gateway that runs, else at its next start.") { folder };
        command.SetAction((parsed, _) =>
        {
            try
            {
                var id = JournalKeys.Replace(parsed.GetRequiredValue(folder));
                surroundings.Out.WriteLine(id);
                surroundings.Error.WriteLine($"a new key signs from now on, or from the next start; whoever verifies with the old public key still can. Its public half joins `{JournalKeys.PublicKeyFile}`");
                return Task.FromResult(ExitCode.Ok);
            }
            catch (RecordingException refused)
            {
                throw new CommandException(ExitCode.Failure, refused.Message);
            }
        });
        return command;
    }
}
