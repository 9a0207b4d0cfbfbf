using System.CommandLine;
using Postern.Cli.Commands;
using Postern.Cli.Console;
using Postern.Core.Recording;
using Postern.Gateway.Configuration;
using Postern.Gateway.Recordings.Keys;

namespace Postern.Cli.Replay;

/// <summary>Which master key opens what a journal folder holds: one in a file, the one that the gateway's configuration and the environment give it, or its own in the folder.</summary>
internal sealed class KeySource
{
    private const string UsualConfiguration = "postern.yaml";

    private readonly Option<string?> _master = new("--master-key") { Description = "A file with the master key, where it is not in that folder.", HelpName = "file" };
    private readonly Option<string?> _configuration = new("--config") { Description = "With --journal: the gateway's configuration, which says what a policy may name and where keys are.", HelpName = UsualConfiguration };

    public void AddTo(Command command)
    {
        command.Options.Add(_master);
        command.Options.Add(_configuration);
    }

    /// <summary>The configuration's file; null where none is named.</summary>
    public string? File(ParseResult parsed) => parsed.GetValue(_configuration);

    /// <summary>The configuration that is named; null where none is.</summary>
    /// <exception cref="CommandException">It does not load.</exception>
    public GatewayOptions? Configuration(Surroundings surroundings, ParseResult parsed) =>
        File(parsed) is { } file ? PolicyCommand.Read(surroundings, file, []).Options : null;

    /// <summary>Opens the keys of a folder.</summary>
    /// <param name="surroundings">The environment, which may give the key.</param>
    /// <param name="parsed">The command line.</param>
    /// <param name="folder">A data folder, or the journal folder in one.</param>
    /// <exception cref="CommandException">The master key is missing or cannot be used.</exception>
    public RecordedKeys Open(Surroundings surroundings, ParseResult parsed, string folder)
    {
        var configuration = Configuration(surroundings, parsed);
        try
        {
            if (parsed.GetValue(_master) is { } file) return RecordedKeys.Open(folder, new MasterKeyOptions(file, Value: null, PreviousFile: null));
            return configuration is null ? RecordedKeys.Open(folder) : RecordedKeys.Open(folder, configuration.Record.MasterKey);
        }
        catch (RecordingException unusable)
        {
            throw new CommandException(ExitCode.Failure, unusable.Message);
        }
    }
}
