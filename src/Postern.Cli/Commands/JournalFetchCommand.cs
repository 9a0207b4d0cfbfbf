using System.CommandLine;
using Postern.Cli.Console;
using Postern.Gateway.Configuration;
using Postern.Gateway.Recordings.Stores;
using Postern.Protocols;

namespace Postern.Cli.Commands;

/// <summary><c>postern journal fetch</c> and <c>checkpoints</c>: what lies in stores, brought to where it can be verified.</summary>
internal static class JournalFetchCommand
{
    public static Command Fetch(Surroundings surroundings)
    {
        var folder = new Argument<string>("folder") { Description = "Where the segment files go: a new folder, or one that an earlier fetch began to fill." };
        var (configuration, journal) = (Configuration(), Journal());
        var command = new Command("fetch", "Bring the journal back from its recording store (`record.store`), to verify, replay or go on with it.") { folder, configuration, journal };
        command.SetAction((parsed, cancellationToken) => AskAsync(async () =>
        {
            var options = Load(surroundings, parsed.GetRequiredValue(configuration));
            if (options.Record.Store is not { } kept) throw new CommandException(ExitCode.NotFound, "the configuration names no recording store; it would stand under `record.store`");
            await using var store = RecordingStores.Open(kept.Target);
            var result = await JournalFetch.RunAsync(store, parsed.GetRequiredValue(folder), parsed.GetValue(journal), cancellationToken);
            surroundings.Error.WriteLine($"journal {result.Journal}: {result.Segments} segments, {result.Pieces} pieces of {result.Bytes} bytes fetched; `postern verify {parsed.GetRequiredValue(folder)} --key journal.pub.pem` says whether they are what was written");
        }));
        return command;
    }

    public static Command Checkpoints(Surroundings surroundings)
    {
        var witness = new Argument<string>("witness") { Description = "A witness of kind `s3`, by its name under `record.witnesses`." };
        var (configuration, journal) = (Configuration(), Journal());
        var command = new Command("checkpoints", "Write what a witness keeps in its bucket to stdout, for `postern verify --anchors`.") { witness, configuration, journal };
        command.SetAction((parsed, cancellationToken) => AskAsync(async () =>
        {
            var options = Load(surroundings, parsed.GetRequiredValue(configuration));
            var name = parsed.GetRequiredValue(witness);
            if (options.Record.Witnesses.FirstOrDefault(one => one.Name == name)?.S3 is not { } bucket) throw new CommandException(ExitCode.NotFound, $"the configuration has no witness `{name}` with a bucket; it would stand under `record.witnesses.{name}.s3`");
            await using var store = RecordingStores.Open(bucket);
            await foreach (var line in JournalFetch.CheckpointsAsync(store, parsed.GetValue(journal), cancellationToken)) surroundings.Out.WriteLine(System.Text.Encoding.UTF8.GetString(line).TrimEnd('\n'));
        }));
        return command;
    }

    private static Option<string> Configuration() => new("--config") { Description = "The configuration file.", HelpName = "postern.yaml", DefaultValueFactory = _ => "postern.yaml" };

    private static Option<string?> Journal() => new("--journal") { Description = "The journal's id, where there are several.", HelpName = "id" };

    private static GatewayOptions Load(Surroundings surroundings, string file)
    {
        var loaded = ConfigurationLoader.Load(file, surroundings.Variables, ProtocolCatalog.Create().Select(protocol => protocol.Name));
        return loaded.Options ?? throw new CommandException(ExitCode.Failure, string.Join('\n', loaded.Problems));
    }

    private static async Task<int> AskAsync(Func<Task> ask)
    {
        try
        {
            await ask();
            return ExitCode.Ok;
        }
        catch (Exception refused) when (refused is StoreException or IOException or UnauthorizedAccessException or Core.Recording.RecordingException)
        {
            throw new CommandException(ExitCode.Failure, refused.Message);
        }
    }
}
